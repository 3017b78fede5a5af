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
# In the environment of every process of ours: tells orphans of a killed part from strangers.
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

    def names(self) -> list[str]:
        return sorted(path.name.removesuffix(".pid.json") for path in self._folder.glob("*.pid.json"))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.pid.json"


def start(part: Part, log: Path) -> Record:
    """Start the part detached, in a session of its own, output appended to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    with log.open("ab") as output:
        child = subprocess.Popen(
            part.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=inherited | dict(part.environment) | {MARK: part.name},
            start_new_session=True,
            user=part.user,
            extra_groups=[] if part.user else None,
        )
    _children.append(child)
    return Record(child.pid, start_time(child.pid) or 0, boot_id(), part.fingerprint())


def stop(record: Record, name: str, how: Part | None = None) -> None:
    """End the recorded process and, for a part with children of its own, all of its session; waits until it is gone."""
    gently, patience = (how.stop_signal, how.stop_timeout) if how else (signal.SIGTERM, 10.0)
    if record.alive():
        _signal(record.pid, gently)
        if not _wait(lambda: not record.alive(), patience):
            _signal(record.pid, signal.SIGKILL)
            _wait(lambda: not record.alive(), patience)
    if how is None or how.own_children:
        end_orphans(record, name)


def end_orphans(record: Record, name: str) -> None:
    """Kill what a dead leader left in its session; only processes that carry the part's mark."""
    if record.boot != boot_id() or start_time(record.pid) is not None:
        return
    for pid in [pid for pid in session(record.pid) if _marked(pid, name)]:
        _signal(pid, signal.SIGKILL)
    _wait(lambda: not any(_marked(pid, name) for pid in session(record.pid)), 5.0)


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


def _marked(pid: int, name: str) -> bool:
    with contextlib.suppress(OSError):
        return f"{MARK}={name}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


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
