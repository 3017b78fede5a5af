"""Go programs: takes a name from versions.toml, gives a binary in the cache, never builds the same sources twice."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from fleet.errors import FleetError
from fleet.paths import cache_dir
from fleet.sandbox import versions
from fleet.sandbox.progress import Progress
from fleet.sandbox.versions import GoTool

_LOG_LINES = 15


def tool(name: str, progress: Progress | None = None) -> Path:
    """Path of a program of ``sandbox/versions.toml``, built first if the cache has not these very sources.

    Raises:
        FleetError: no such program, no Go compiler, or the compiler failed.
    """
    wanted = versions.load().tool(name)
    with (progress or Progress()).step(f"program {wanted.name} {wanted.version}") as step:
        step.quiet = progress is None and is_cached(wanted)
        step.how = build(wanted)
    return binary(wanted)


def binary(wanted: GoTool) -> Path:
    """Where the program lies once it is built: ``<cache>/bin/<tool>/<version>/<tool>``."""
    return cache_dir() / "bin" / wanted.name / wanted.version / wanted.name


def is_cached(wanted: GoTool) -> bool:
    """Whether the cached binary was built from the sources that are pinned now."""
    key = binary(wanted).with_suffix(".key")
    return binary(wanted).is_file() and key.is_file() and key.read_text() == key_of(wanted)


def build(wanted: GoTool) -> str:
    """Build unless cached; says which of the two it was."""
    if is_cached(wanted):
        return "from cache"
    target = binary(wanted)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        built = Path(folder) / wanted.name
        go_build(wanted.folder, wanted.package, built, _linker_flags(wanted))
        built.replace(target)
    target.with_suffix(".key").write_text(key_of(wanted))
    return "built"


def key_of(wanted: GoTool) -> str:
    """Hash of all that decides the binary: the module set's pins, the package and the linker's variables."""
    digest = hashlib.sha256(repr((wanted.package, wanted.version, wanted.variables)).encode())
    for name in ("go.mod", "go.sum"):
        digest.update((wanted.folder / name).read_bytes())
    return digest.hexdigest()


def go_build(folder: Path, package: str, target: Path, linker_flags: str = "-s -w") -> None:
    """Compile one main package of the module in ``folder`` into ``target``, statically.

    Raises:
        FleetError: no Go compiler on PATH, or it failed (its last lines are in the hint).
    """
    if shutil.which("go") is None:
        raise FleetError(
            "the Go compiler is missing", where=package, hint="install Go 1.26 or later, see go.dev/doc/install"
        )
    # The linker drops the debug information: not to make it saves a tenth of the compiler's time and a fifth of Go's cache.
    compiler_flags = "-gcflags=all=-dwarf=false"
    command = ["go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", compiler_flags, "-ldflags", linker_flags]
    done = subprocess.run(
        [*command, "-o", str(target), package],
        cwd=folder,
        env=os.environ | {"CGO_ENABLED": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        last = "\n".join(done.stdout.splitlines()[-_LOG_LINES:])
        raise FleetError("go build failed", where=package, hint=last)


def publish(fresh: Path, target: Path) -> None:
    """Move a finished folder to its place in the cache; somebody else's, made meanwhile, is as good."""
    try:
        fresh.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _linker_flags(wanted: GoTool) -> str:
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in wanted.variables)])
