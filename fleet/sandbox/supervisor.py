"""Parts kept running: takes parts, starts those that do not run, waits until each serves, never restarts a good one."""

from __future__ import annotations

import time
from pathlib import Path

from fleet.errors import FleetError
from fleet.sandbox import process
from fleet.sandbox.process import Part, Record, Register
from fleet.sandbox.progress import Progress

_POLL = 0.2
_LOG_LINES = 12


class Supervisor:
    """Starts and stops parts of one sandbox; ``run`` holds the records, ``logs`` a file for each part."""

    def __init__(self, run: Path, logs: Path, progress: Progress) -> None:
        self.register = Register(run)
        self._logs, self._progress = logs, progress

    def ensure(self, part: Part) -> None:
        """Make the part run with its present configuration, and serve.

        Raises:
            FleetError: it ended or was not ready in time; the hint holds the last lines of its log.
        """
        with self._progress.step(f"{part.name} {part.version}") as step:
            record = self._running(part)
            if record is None:
                record = self._start(part)
                step.how = "started"
            else:
                step.how = "already running"
            self._await(part, record)
            if part.follow_up:
                part.follow_up()

    def stop(self, name: str, part: Part | None = None) -> None:
        """Stop a recorded part; ``part`` says how, and is missing for one that this version no longer knows."""
        record = self.register.read(name)
        if record is not None:
            with self._progress.step(name) as step:
                step.how = "stopped" if record.alive() else "was not running"
                process.stop(record, self.register.mark(name), part)
            self.register.forget(name)

    def log(self, part: Part) -> Path:
        return self._logs / f"{part.name}.log"

    def _running(self, part: Part) -> Record | None:
        record = self.register.read(part.name)
        if record is None:
            return None
        if record.alive() and record.fingerprint == part.fingerprint():
            return record
        process.stop(record, self.register.mark(part.name), part)
        return None

    def _start(self, part: Part) -> Record:
        mark = self.register.mark(part.name)
        # Whoever started it may have been killed before it could write that down.
        process.end_strays(mark, part)
        if part.prepare:
            part.prepare()
        record = process.start(part, self.log(part), mark)
        self.register.write(part.name, record)
        return record

    def _await(self, part: Part, record: Record) -> None:
        deadline = time.monotonic() + part.timeout
        while not part.ready():
            if not record.alive():
                raise self._failure(part, "ended right after its start")
            if time.monotonic() > deadline:
                raise self._failure(part, f"was not ready after {part.timeout:.0f} s")
            time.sleep(_POLL)

    def _failure(self, part: Part, what: str) -> FleetError:
        log = self.log(part)
        lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if log.is_file() else []
        return FleetError(f"{part.name} {what}", where=str(log), hint="\n".join(lines))
