"""Whom to trust beside the public authorities: takes a private authority's certificate, gives bundles of both, never a way
around checking."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

from fleet import paths


def context(authority: str | None) -> ssl.SSLContext:
    """For this program's own connections: what the system trusts, and ``authority`` (PEM) if there is one."""
    made = ssl.create_default_context()
    if authority:
        made.load_verify_locations(cadata=authority)
    return made


def file(authority: str) -> Path:
    """For programs that are started here (`SSL_CERT_FILE`): a file with what the system trusts, and ``authority``."""
    text = _joined(_system_roots().read_text(encoding="utf-8"), authority)
    # By its content: whoever reads it never sees it half-written, or another fleet's.
    path = paths.state_dir() / "trust" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.pem"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_suffix(".tmp")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    return path


def bundle(authority: str) -> str:
    """For pods, whose image's own list is not known here: the public authorities as Mozilla lists them, and ``authority``."""
    import certifi

    return _joined(certifi.contents(), authority)


def _system_roots() -> Path:
    named = ssl.get_default_verify_paths().cafile  # honours SSL_CERT_FILE
    if named:
        return Path(named)
    import certifi

    return Path(certifi.where())


def _joined(roots: str, authority: str) -> str:
    return f"{roots.rstrip()}\n\n{authority.strip()}\n"
