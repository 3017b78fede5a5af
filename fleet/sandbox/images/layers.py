"""Layers: takes a folder that a build changed, gives the tar of the changes, never looks at how they came about."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from fleet.errors import FleetError
from fleet.sandbox.images.model import Layer

# Filled by the container runtime or the build, never by an image.
TRANSIENT = ("proc", "sys", "dev", "run", "tmp")
Snapshot = dict[str, tuple[int, ...]]


def snapshot(root: Path) -> Snapshot:
    """Every path below ``root`` (relative, without :data:`TRANSIENT` contents) with what changes when it is touched."""
    return {path: _mark(root / path) for path in _walk(root)}


def _mark(path: Path) -> tuple[int, ...]:
    found = path.lstat()
    # A folder's change time moves when anything in it does: only its mode and owner matter to a layer.
    changed = () if stat.S_ISDIR(found.st_mode) else (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return (found.st_mode, found.st_uid, found.st_gid, *changed)


def _walk(root: Path, below: str = "") -> Iterator[str]:
    for entry in sorted(os.scandir(root / below), key=lambda one: one.name):
        path = f"{below}/{entry.name}" if below else entry.name
        yield path
        if entry.is_dir(follow_symlinks=False) and path not in TRANSIENT:
            yield from _walk(root, path)


def differences(before: Snapshot, after: Snapshot) -> tuple[list[str], list[str]]:
    """Paths added or changed, and paths removed (of a removed folder only the folder itself)."""
    changed = [path for path, mark in after.items() if before.get(path) != mark]
    gone = [path for path in before if path not in after and (_parent(path) in after or not _parent(path))]
    return changed, gone


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def write_layer(root: Path, before: Snapshot, target: Path, stamp: int, below: frozenset[str] = frozenset()) -> Layer:
    """Writes what differs from ``before`` as a layer tar to ``target``.

    Args:
        root: the changed folder.
        before: its snapshot before the change; empty for a bottom layer.
        target: file to write (the caller publishes it).
        stamp: seconds since 1970 given to every entry. Same inputs, same tar.
        below: folders to leave out because the layers below have them, with modes and owners of their own.
    """
    changed, gone = differences(before, snapshot(root))
    changed = [path for path in changed if path not in below or not (root / path).is_dir()]
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, root, changed, stamp)
        for path in gone:
            tar.addfile(_whiteout(path, stamp))
    with target.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return Layer(target, f"sha256:{digest}", target.stat().st_size)


def _add(tar: tarfile.TarFile, root: Path, paths: Iterable[str], stamp: int) -> None:
    for path in paths:
        info = tar.gettarinfo(str(root / path), arcname=path)
        if info is None:  # a socket
            continue
        info.mtime, info.uname, info.gname = stamp, "", ""
        if info.isreg():
            with (root / path).open("rb") as content:
                tar.addfile(info, content)
        else:
            tar.addfile(info)


def _whiteout(path: str, stamp: int) -> tarfile.TarInfo:
    """The OCI mark for "the layers below had this, it is gone": an empty file ``.wh.<name>``."""
    folder, _, name = path.rpartition("/")
    info = tarfile.TarInfo(f"{folder}/.wh.{name}".lstrip("/"))
    info.mtime = stamp
    return info


def folders(layers: Iterable[Layer]) -> frozenset[str]:
    """Every folder that these layers bring."""
    found: set[str] = set()
    for layer in layers:
        with tarfile.open(layer.path) as tar:
            found.update(entry.name for entry in tar if entry.isdir())
    return frozenset(found)


def unpack(layers: Iterable[Layer], root: Path) -> None:
    """Lays ``layers`` on top of each other in ``root``."""
    root.mkdir(parents=True, exist_ok=True)
    for layer in layers:
        command = ["tar", "--extract", "--numeric-owner", "--same-permissions", "--file", str(layer.path)]
        done = subprocess.run([*command, "--directory", str(root)], capture_output=True, text=True)
        if done.returncode:
            raise FleetError(f"cannot unpack a layer: {done.stderr.strip()[-200:]}", where=str(layer.path))
        _remove_marked(root)


def _remove_marked(root: Path) -> None:
    for mark in list(root.rglob(".wh.*")):
        subprocess.run(["rm", "-rf", "--", str(mark.with_name(mark.name.removeprefix(".wh."))), str(mark)], check=True)
