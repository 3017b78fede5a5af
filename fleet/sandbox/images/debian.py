"""The bottom of every image: takes a Debian suite, gives its minimal root file system as one layer, nothing on top.

It stands for ``debian:<suite>-slim``, made with debootstrap from the packages that this machine's apt trusts.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from fleet.errors import FleetError
from fleet.sandbox.images import builder, cache, sources
from fleet.sandbox.images.model import Config, Say, Tree

# What the official slim image leaves out too; dpkg keeps to it when later layers install packages.
_NOT_INSTALLED = ("doc", "info", "locale", "man", "groff", "lintian", "linda")
_EMPTIED = ("var/lib/apt/lists", "var/cache/apt", "var/log", "var/cache/ldconfig", "run", "tmp")


def key_of(suite: str) -> str:
    """Cache key of the suite's layer on this machine's architecture."""
    return cache.key("debian", suite, platform.machine())


def tree(suite: str, say: Say) -> Tree:
    """The suite's layer, made when it is not in the cache (about a minute and a half on two busy cores).

    Raises:
        FleetError: no root, no debootstrap, no mirror, or debootstrap failed.
    """
    key = key_of(suite)
    record = cache.root() / "layers" / f"{key}.json"
    with cache.locked(key):
        if not record.exists():
            _make(suite, key, record, say)
    return Tree.load(record.read_text(), record.parent)


def _make(suite: str, key: str, record: Path, say: Say) -> None:
    _require()
    say(f"debootstrap of Debian {suite}")
    with cache.workdir(key) as work:
        root = work / "root"
        _debootstrap(suite, root, cache.root() / "logs" / f"debian-{suite}.log")
        _slim(root)
        made = Tree(key, (builder.bottom_layer(root, key, work),), Config())
        cache.write(record, made.dump())


def _require() -> None:
    if os.geteuid():
        raise FleetError("images are built in a chroot, which only root may do", hint="run it as root, or use Docker")
    if not shutil.which("debootstrap"):
        raise FleetError("debootstrap is missing", hint="apt-get install debootstrap debian-archive-keyring")


def _debootstrap(suite: str, root: Path, log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    command = ["nice", "debootstrap", "--variant=minbase", suite, str(root), sources.mirror(suite)]
    with log.open("w") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        raise FleetError(f"debootstrap of {suite} failed", hint=f"its whole output is in {log}")


def _slim(root: Path) -> None:
    """Takes out documentation, caches and every trace of this machine."""
    excludes = "".join(f"path-exclude /usr/share/{name}/*\n" for name in _NOT_INSTALLED)
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(excludes + "path-include /usr/share/doc/*/copyright\n")
    for name in _NOT_INSTALLED:
        _empty(root / "usr/share" / name, keep="copyright")
    for folder in _EMPTIED:
        _empty(root / folder)
    for trace in ("etc/resolv.conf", "etc/hostname", "etc/apt/sources.list", "etc/machine-id"):
        (root / trace).write_text("")


def _empty(folder: Path, keep: str = "") -> None:
    for path in sorted(folder.rglob("*"), reverse=True):  # contents before their folder
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.name != keep or not keep:
            path.unlink()
