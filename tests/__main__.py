"""Every test, as `make test` runs them: runs of pytest side by side that share them, then one of those that must be alone.

Lines of the first ones begin with the run's number. What took longest comes at the end, and below it what failed, with its
reason, and the closing lines of all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread
from types import FrameType

from tests.support import side_by_side

# One more than this project's machines have cores: a test often waits, for a pod, for Keycloak, for a namespace to end.
SIDE_BY_SIDE = 3
PYTEST = (sys.executable, "-u", "-m", "pytest")  # -u: a line is seen when it is written
INTERRUPTED = 130
LONGEST = 30
SUMMARY = " short test summary info "  # pytest's heading above what failed


class Run:
    """One pytest, whose lines are passed on as they come."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.summary: list[str] = []  # what failed, and the closing line
        self._name = name
        # In a process group of its own: Ctrl-C reaches it once, by `Runs`. A second one would stop it amid its clearing up.
        self.process = subprocess.Popen(
            [*PYTEST, *arguments], text=True, process_group=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = Thread(target=self._pass_on)
        self._reader.start()

    def _pass_on(self) -> None:
        assert self.process.stdout
        failed = False
        for line in self.process.stdout:
            print(f"{self._name}{line}", end="", flush=True)
            self.summary = [*(self.summary if failed else ()), line.rstrip()]
            failed = failed or SUMMARY in line

    def end(self) -> int:
        """Its exit status."""
        self._reader.join()
        return self.process.wait()


class Runs:
    """All of them, and what interrupts them: at once they clear up, the second time they are killed."""

    def __init__(self) -> None:
        self.begun: list[Run] = []
        self._interrupts = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupts += 1
        for run in self.begun:
            if run.process.poll() is None:
                run.process.send_signal(signal.SIGINT if self._interrupts == 1 else signal.SIGKILL)

    def side_by_side(self, *runs: tuple[str, ...]) -> list[int]:
        """Begin them with these names and arguments, and give their exit statuses."""
        if self._interrupts:
            return [INTERRUPTED]
        begun = [Run(*each) for each in runs]
        self.begun += begun
        return [run.end() for run in begun]


def main() -> int:
    """The worst exit status of all."""
    # `fleet` is started some thousand times; where nothing keeps its bytecode, each start compiles it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    runs = Runs()
    with tempfile.TemporaryDirectory(prefix="fleet-tests-") as folder:
        numbers = [f"{number + 1}| " for number in range(SIDE_BY_SIDE)]
        ended = runs.side_by_side(*((number, f"--share={folder}", "-m", "not alone") for number in numbers))
        longest = side_by_side.longest(Path(folder))[:LONGEST]
    ended += runs.side_by_side(("", "-m", "alone"))
    print(*longest, *(line for run in runs.begun for line in run.summary), sep="\n")
    return max(map(abs, ended))


if __name__ == "__main__":
    sys.exit(main())
