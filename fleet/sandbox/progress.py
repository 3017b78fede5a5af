"""Progress on stderr: takes what begins and what ended, gives lines (a live list on a terminal), never touches stdout."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text


@dataclass
class Step:
    """One piece of work under way; whoever does it may say how it came about (``built``, ``from cache``)."""

    name: str
    how: str = "done"
    quiet: bool = False
    started: float = field(default_factory=time.monotonic)
    doing: str = ""

    def say(self, doing: str) -> None:
        """What it is busy with now; shown beside its name on a terminal."""
        self.doing = doing

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


class Progress:
    """Reports steps that several threads begin and end; use as a context manager around all of them."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._running: dict[int, tuple[Step, Spinner]] = {}
        self._lock = threading.Lock()
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            self._live = Live(console=self.console, get_renderable=self._render, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show ``name`` as running until the block ends, then one line with what came of it and how long it took."""
        step = Step(name)
        self._begin(step)
        try:
            yield step
        except BaseException:
            step.how, step.quiet = "failed", False
            raise
        finally:
            self._end(step)

    def note(self, text: str) -> None:
        """One line of talk."""
        self.console.print(text, markup=False)

    def _begin(self, step: Step) -> None:
        with self._lock:
            self._running[id(step)] = (step, Spinner("dots", text=Text(step.name)))

    def _end(self, step: Step) -> None:
        with self._lock:
            self._running.pop(id(step), None)
        if not step.quiet:
            self.note(f"{step.name:<34} {step.how:<24} {step.seconds:6.1f} s")

    def _render(self) -> Group:
        with self._lock:
            running = list(self._running.values())
        for step, spinner in running:
            spinner.update(text=Text(f"{step.name}  {step.seconds:.0f} s  {step.doing}".rstrip()))
        return Group(*(spinner for _, spinner in running))
