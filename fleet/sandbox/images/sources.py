"""Where packages come from on this machine: takes the host's own settings, gives them to a build, names none itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from fleet.errors import FleetError

_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


def certificates() -> Path | None:
    """The host's bundle of trusted certificates: a company's proxy may have its own."""
    candidates = [os.environ.get("SSL_CERT_FILE", ""), *_BUNDLES]
    return next((Path(one) for one in candidates if one and Path(one).is_file()), None)


def pip_settings() -> Path | None:
    """The configuration file that pip reads here, the user's before the machine's."""
    home = Path.home()
    named = os.environ.get("PIP_CONFIG_FILE", "")
    candidates = (
        [Path(named)] if named else [home / ".config/pip/pip.conf", home / ".pip/pip.conf", Path("/etc/pip.conf")]
    )
    return next((one for one in candidates if one.is_file()), None)


def mirror(suite: str) -> str:
    """URI of the Debian mirror for ``suite``: ``FLEET_DEBIAN_MIRROR``, or the one that this host's apt uses.

    Raises:
        FleetError: neither is there (the host is no Debian of that suite).
    """
    named = os.environ.get("FLEET_DEBIAN_MIRROR", "")
    uris = [named] if named else [uri for uri, release in _targets() if release == suite]
    if not uris:
        raise FleetError(
            f"this machine's apt has no source for Debian {suite}, which the images are made from",
            hint="set FLEET_DEBIAN_MIRROR to the URI of a Debian mirror",
        )
    return uris[0]


def apt_sources(suite: str) -> str:
    """Lines of a ``sources.list``: the mirror, and the updates and security suites that the host has beside it."""
    found = [(mirror(suite), suite)]
    found += [(uri, release) for uri, release in _targets() if release in (f"{suite}-updates", f"{suite}-security")]
    return "".join(f"deb {uri} {release} main\n" for uri, release in found)


def apt_settings(inside: str) -> str:
    """An ``apt.conf`` for a build that sees the host's files under ``inside``."""
    return (
        f'Dir::Etc::SourceList "{inside}/sources.list";\nDir::Etc::SourceParts "-";\n'
        f'Acquire::https::CAInfo "{inside}/ca.crt";\n'
        'APT::Sandbox::User "root";\nDpkg::Options { "--force-unsafe-io"; };\nDpkg::Use-Pty "0";\n' + _proxies()
    )


def _targets() -> list[tuple[str, str]]:
    """(URI, suite) of each ``main`` source of the host's apt, as apt itself reads its files."""
    if not shutil.which("apt-get"):
        return []
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    rows = [line.split() for line in lines]
    return list(dict.fromkeys((row[0], row[1]) for row in rows if len(row) == 3 and row[2] == "main"))


def _proxies() -> str:
    if not shutil.which("apt-config"):
        return ""
    lines = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True).stdout.splitlines()
    return "".join(f"{line}\n" for line in lines if "::proxy" in line.lower() and not line.endswith('"";'))
