"""The image cache: takes inputs, gives keys, paths and locks, never decides what is built."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fleet.paths import cache_dir

# Part of every key: raise it when the builder makes something else of the same inputs.
RECIPE = "1"


def root() -> Path:
    """``<cache>/images``: ``layers/`` (one tar and one record per stage), ``work/``, ``logs/``, ``<name>/<tag>-<key>.tar``."""
    return cache_dir() / "images"


def key(*parts: str) -> str:
    """24 hex digits that stand for these parts in this order."""
    digest = hashlib.sha256(RECIPE.encode())
    for part in parts:
        digest.update(f"{len(part)}:".encode() + part.encode())
    return digest.hexdigest()[:24]


def files_key(paths: Iterator[Path] | list[Path], base: Path) -> str:
    """Key of files' names, modes and contents; folders count with everything in them."""
    digest = hashlib.sha256()
    for path in sorted(one for given in paths for one in _files(given)):
        kind = f"{path.relative_to(base)}\0{os.access(path, os.X_OK):d}\0"
        digest.update(kind.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:24]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [one for one in path.rglob("*") if one.is_file() and "__pycache__" not in one.parts]


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One process or thread at a time builds what has this name; the lock dies with its holder."""
    path = root() / "work" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def sweep() -> None:
    """Removes what killed builds left behind: folders of work whose lock nobody holds."""
    for path in (root() / "work").glob("*"):
        if path.is_dir():
            with path.with_name(f"{path.name}.lock").open("w") as handle, suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)


@contextmanager
def workdir(name: str) -> Iterator[Path]:
    """A folder to build in, empty at first and gone afterwards; call it under :func:`locked` of the same name."""
    path = root() / "work" / name
    if path.exists():  # what a killed build left behind
        shutil.rmtree(path)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def write(final: Path, text: str) -> None:
    """Writes a small file in one step."""
    temporary = final.with_suffix(".new")
    temporary.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(text)
    temporary.replace(final)


def publish(temporary: Path, final: Path) -> None:
    """Puts a finished file in its place in one step, so that nobody ever reads half of it."""
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(final)


def forget_others(path: Path, tag: str) -> None:
    """Removes older archives of the same tag: each is as large as an image."""
    for other in path.parent.glob(f"{tag}-{'[0-9a-f]' * 24}.tar"):
        if other != path:
            other.unlink(missing_ok=True)
