"""The live view of an upgrade: takes waves and events, shows each instance's step and time, never decides.

On a terminal a table that follows; elsewhere a line for each step that ended.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fleet.cli import common

if TYPE_CHECKING:
    from rich.table import Table

    from fleet.apply import Event
    from fleet.waves import Group


@contextmanager
def live(groups: Sequence[Group]) -> Iterator[Callable[[Event], None]]:
    """A function to tell events to."""
    if not sys.stderr.isatty():
        yield common.show
        return
    from rich.console import Console
    from rich.live import Live

    board = _Board(groups)
    with Live(get_renderable=board.table, console=Console(stderr=True), refresh_per_second=4):
        yield board.tell


class _Board:
    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._newest: dict[str, Event] = {}
        self._since: dict[str, float] = {}
        self._begun: dict[str, float] = {}

    def tell(self, event: Event) -> None:
        now = time.monotonic()
        self._newest[event.instance] = event
        self._since[event.instance] = now
        self._begun.setdefault(event.instance, now)

    def table(self) -> Table:
        from rich.table import Table

        table = Table("wave", "team", "step", "", "in it", "in all", "last line", box=None, pad_edge=False)
        for group in self._groups:
            for name in group.instances:
                table.add_row(group.name, name, *self._cells(name))
        return table

    def _cells(self, name: str) -> list[str]:
        event, now = self._newest.get(name), time.monotonic()
        if event is None:
            return ["", "", "", "", ""]
        marks = {"started": "…", "waiting": "…", "done": "✓", "failed": "✗"}
        inside = now - self._since[name] if event.state == "started" else event.seconds
        return [
            event.step, marks[event.state], f"{inside:.0f} s", f"{now - self._begun[name]:.0f} s",
            (event.detail.splitlines() or [""])[0],
        ]  # fmt: skip
