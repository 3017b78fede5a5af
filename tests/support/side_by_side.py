"""Several runs of pytest share the tests: takes a folder that all are given, gives each the next group that nobody has taken
and that gets on with what the others are at; never decides what a test needs: its markers say that (`pyproject.toml`).
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

# Of the cluster's teams: all of them are its own, it has some beside others, none. Those that bear no others come first: they
# are one long row. What needs nothing fills the time beside the others, one at a time: two would fill both cores beside that
# row, and leave nothing for beside the teams, which leave a third of them idle.
NEEDS = ("fleet", "teams", "")
_LOCKS = {"fleet": fcntl.LOCK_EX, "teams": fcntl.LOCK_SH}
# Of groups with teams as many as the machine bears: a third one's Airflows, mostly idle, keep the others' from getting on.
_ROOM_FOR_TEAMS = 2
_PAUSE_SECONDS = 0.5
_TIMES = ".times"


@dataclass(frozen=True)
class Group:
    """Tests that one run takes together: those of a module, or of all that are marked as `together`, that need the same."""

    name: str
    need: str
    items: tuple[pytest.Item, ...]
    apart: frozenset[str] = frozenset()  # what no two groups may be at at once
    long: bool = False  # begun last, it would be alone at the end


def groups(items: Iterable[pytest.Item]) -> list[Group]:
    """The tests in groups, in the order in which they are to be taken."""
    found: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        need = next((need for need in NEEDS if need and item.get_closest_marker(need)), "")
        together = item.get_closest_marker("together")
        found.setdefault((together.args[0] if together else str(item.path), need), []).append(item)
    made = [
        Group(
            f"{name} {need}", need, tuple(tests), _apart(tests), any(test.get_closest_marker("long") for test in tests)
        )
        for (name, need), tests in found.items()
    ]
    return sorted(made, key=lambda group: (NEEDS.index(group.need), not group.long))


def _apart(items: Iterable[pytest.Item]) -> frozenset[str]:
    return frozenset(str(name) for item in items for marker in item.iter_markers("apart") for name in marker.args)


def shared(waiting: list[Group], folder: Path) -> Iterator[Group]:
    """The groups that fall to this run, one after the other. What a group needs is held while the caller is at it.

    A run that dies lets go of what it held: that is the kernel's lock. What it had taken is not run, and the run failed.
    """
    while waiting := [group for group in waiting if not _token(folder, group).exists()]:
        sparing = any(group.need for group in waiting)
        for group in waiting:
            with _held(folder, group, sparing) as free:
                if free and _taken(folder, group):
                    yield group
                    break
        else:
            time.sleep(_PAUSE_SECONDS)


def _token(folder: Path, group: Group) -> Path:
    return folder / quote(group.name, safe="")


def _taken(folder: Path, group: Group) -> bool:
    """Whether this run was the first."""
    try:
        _token(folder, group).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@contextmanager
def _held(folder: Path, group: Group, sparing: bool) -> Iterator[bool]:
    """Hold what the group needs, where it can be had now. ``sparing``: those that need nothing are to last."""
    with ExitStack() as held:

        def get(name: str, lock: int = fcntl.LOCK_EX) -> bool:
            file = held.enter_context((folder / name).open("a"))
            try:
                fcntl.flock(file, lock | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield (
            (not group.need or get(".cluster", _LOCKS[group.need]))
            and (group.need != "teams" or any(get(f".room-{number}") for number in range(_ROOM_FOR_TEAMS)))
            and (group.need or not sparing or get(".filling"))
            and all(get(f".apart-{quote(name, safe='')}") for name in group.apart)
        )


def longest(folder: Path) -> list[str]:
    """What took how long, the longest first: a line each, in seconds."""
    lines: list[str] = []
    with suppress(FileNotFoundError):  # nothing was run
        lines = (folder / _TIMES).read_text().splitlines()
    return sorted(lines, key=lambda line: -int(line.split()[0]))


def run(session: pytest.Session, folder: Path) -> None:
    """As pytest's own loop, over what falls to this run.

    After a group, all its fixtures end, those of the session too: whoever comes next may not get on with them.
    """
    for group in shared(groups(session.items), folder):
        begun = time.monotonic()
        for item, following in zip(group.items, (*group.items[1:], None), strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        with (folder / _TIMES).open("a") as file:
            file.write(f"{time.monotonic() - begun:6.0f} s  {group.name}\n")
