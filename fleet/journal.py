"""Every run written down: takes events as they happen, gives them back as history, never a secret.

One JSON object per line and one file per run, below this machine's state folder. What is in it was shown on the terminal too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet import paths
from fleet.apply import Event, Outcome
from fleet.diff import Change

_KEPT_RUNS = 500


@dataclass(frozen=True)
class Run:
    """One run, as its journal tells it."""

    name: str
    started: str  # ISO 8601, UTC
    command: str
    changes: int
    ended: str  # done, failed, partly done, interrupted; or `killed`, where nobody wrote an end
    seconds: float | None


class Journal:
    """The journal of the run that is under way."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = path.open("a", encoding="utf-8")

    def event(self, event: Event) -> None:
        """A step began or ended."""
        self.write("step", asdict(event))

    def write(self, kind: str, facts: Mapping[str, Any]) -> None:
        """One line, on the disk before this returns: the run may be killed right after."""
        line = {"at": _now(), "kind": kind, **facts}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def recording(command: str, inventory: Path, changes: Sequence[Change]) -> Iterator[Journal]:
    """Write a run down, from its plan to its end, however it ends."""
    now = datetime.now(UTC)
    journal = Journal(_folder() / f"{now:%Y%m%dT%H%M%S}-{os.getpid()}.jsonl")
    planned = [
        {"instance": each.instance, "part": each.part, "action": each.action, "why": each.reasons} for each in changes
    ]
    journal.write("run", {"command": command, "inventory": str(inventory.absolute()), "plan": planned})
    ended = "failed"
    try:
        yield journal
        ended = "done"
    except KeyboardInterrupt:
        ended = "interrupted"
        raise
    finally:
        journal.write("end", {"ended": ended, "seconds": (datetime.now(UTC) - now).total_seconds()})
        _forget_old()


def outcomes(journal: Journal, found: Sequence[Outcome]) -> None:
    """What came of each instance."""
    for each in found:
        error = {"what": str(each.error), "hint": each.error.hint} if each.error else None
        journal.write("outcome", {"instance": each.instance, "seconds": each.seconds, "error": error})


def runs(limit: int) -> list[Run]:
    """The newest runs, the newest first."""
    return [_summary(path) for path in _files()[:limit]]


def lines(name: str) -> list[dict[str, Any]]:
    """Everything that a run wrote; empty where there is no such run."""
    path = _folder() / f"{name}.jsonl"
    return _lines(path) if path.is_file() and path.parent == _folder() else []


def _folder() -> Path:
    return paths.state_dir() / "journal"


def _files() -> list[Path]:
    return sorted(_folder().glob("*.jsonl"), reverse=True)


def _lines(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break  # the run was killed in the middle of a line
    return found


def _summary(path: Path) -> Run:
    written = _lines(path)
    first = written[0] if written else {}
    last = written[-1] if written and written[-1].get("kind") == "end" else {}
    failed = [line for line in written if line.get("kind") == "outcome" and line["error"]]
    ended = last.get("ended", "killed")
    if ended == "done" and failed:
        ended = "failed" if len(failed) == sum(line.get("kind") == "outcome" for line in written) else "partly done"
    return Run(
        path.stem, first.get("at", ""), first.get("command", ""), len(first.get("plan", ())), ended, last.get("seconds")
    )


def _forget_old() -> None:
    for path in _files()[_KEPT_RUNS:]:
        path.unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
