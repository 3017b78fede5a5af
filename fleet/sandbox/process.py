"""Detached processes: takes a part, starts or stops it, and knows it again later, never touches a recycled pid.

A process is known by its pid *and* the time it started (field 22 of /proc/<pid>/stat, in clock ticks since boot)
*and* the boot it belongs to: a pid alone may be somebody else's by now.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

_STOP_POLL = 0.05
# In the environment of every process of ours: by its value a stray one is known, whoever is its parent now.
MARK = "FLEET_SANDBOX_PART"

# Popen objects are kept, so that children that die while this program runs are reaped and nothing warns about them.
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Part:
    """One long-running program of the sandbox.

    ``ready`` says whether it serves; ``timeout`` is how many seconds it may take to. ``inputs`` are files whose
    content decides its behaviour: when one changes, ``up`` restarts the part. ``prepare`` runs before each start,
    ``follow_up`` once it is ready. With ``own_children`` false only the leader is stopped and counted (containerd's
    shims outlive it on purpose).
    """

    name: str
    version: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    address: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    needs: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()
    timeout: float = 60.0
    prepare: Callable[[], None] | None = None
    follow_up: Callable[[], None] | None = None
    own_children: bool = True
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 10.0

    def fingerprint(self) -> str:
        """Hash of everything that would make a restart behave otherwise."""
        digest = hashlib.sha256(repr((self.version, self.command, self.environment, self.user)).encode())
        for path in self.inputs:
            digest.update(path.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Record:
    """What is written down about a started process."""

    pid: int
    started: int
    boot: str
    fingerprint: str
    since: float = field(default_factory=time.time)

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return self.boot == boot_id() and start_time(self.pid) == self.started


class Register:
    """The records of one sandbox, a JSON file each in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Record | None:
        try:
            return Record(**json.loads(self._path(name).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, name: str, record: Record) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._path(name).with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(record)))
        temporary.replace(self._path(name))

    def forget(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def mark(self, name: str) -> str:
        """What the processes of this part, in this sandbox and no other, are marked with."""
        return str(self._folder / name)

    def names(self) -> list[str]:
        return sorted(path.name.removesuffix(".pid.json") for path in self._folder.glob("*.pid.json"))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.pid.json"


def start(part: Part, log: Path, mark: str) -> Record:
    """Start the part detached, in a session of its own, output appended to ``log``, with ``mark`` in its environment."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    with log.open("ab") as output:
        child = subprocess.Popen(
            part.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=inherited | dict(part.environment) | {MARK: mark},
            start_new_session=True,
            user=part.user,
            extra_groups=[] if part.user else None,
        )
    _children.append(child)
    return Record(child.pid, start_time(child.pid) or 0, boot_id(), part.fingerprint())


def stop(record: Record, mark: str, how: Part | None = None) -> None:
    """End the recorded process and, for a part with children of its own, all that carry its mark; wait until they are gone."""
    gently, patience = (how.stop_signal, how.stop_timeout) if how else (signal.SIGTERM, 10.0)
    if record.alive():
        _signal(record.pid, gently)
        if not _wait(lambda: not record.alive(), patience):
            _signal(record.pid, signal.SIGKILL)
            _wait(lambda: not record.alive(), patience)
    end_strays(mark, how)


def end_strays(mark: str, how: Part | None = None) -> None:
    """Kill what runs with this mark and no record: children of a killed leader, or a leader whose starter was killed."""
    for pid in strays(mark, how):
        _signal(pid, signal.SIGKILL)
    _wait(lambda: not strays(mark, how), 5.0)


def strays(mark: str, how: Part | None = None) -> list[int]:
    """Pids of all processes with this mark; of a part whose children are to outlive it, only leaders."""
    leaders_only = how is not None and not how.own_children
    return [
        pid
        for pid, fields in _stats()
        if fields[0] not in "ZX"
        and _has_mark(pid, mark)
        and not (leaders_only and how and _command(pid) != how.command)
    ]


def session(leader: int) -> list[int]:
    """Pids of all processes in the session that ``leader`` began."""
    return [pid for pid, fields in _stats() if int(fields[3]) == leader and fields[0] != "Z"]


def start_time(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; None when there is none or it is a zombie."""
    for child in _children:
        if child.pid == pid:
            child.poll()
    fields = _fields(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def boot_id() -> str:
    """Identity of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def memory(record: Record, with_children: bool) -> int:
    """Memory in bytes: proportional set size where readable (shared pages counted once), else resident set size."""
    pids = session(record.pid) if with_children else [record.pid]
    return sum(_memory(pid) for pid in pids)


def _memory(pid: int) -> int:
    for name, label in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/{name}").read_text().splitlines():
                if line.startswith(label):
                    return int(line.split()[1]) * 1024
    return 0


def _stats() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))) is not None:
            yield int(entry.name), fields


def _fields(pid: int) -> list[str] | None:
    # The second field is the program's name in parentheses and may hold spaces and parentheses itself.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _has_mark(pid: int, mark: str) -> bool:
    with contextlib.suppress(OSError):
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


def _command(pid: int) -> tuple[str, ...]:
    with contextlib.suppress(OSError):
        return tuple(Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1])
    return ()


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_STOP_POLL)
    return True
