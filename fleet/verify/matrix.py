"""Judges what the attempts came to: takes what was to be tried and what was said of it, gives a matrix, never tries anything.

What said nothing is `unknown`: an attempt that could not run proves no wall.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from fleet.errors import ExitCode
from fleet.verify.attempts import ATTEMPTS, Attempt

Verdict = Literal["refused", "hole", "unknown"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
_WORST: tuple[Verdict, ...] = ("hole", "unknown", "refused")


@dataclass(frozen=True)
class Try:
    """One attempt of one team, against another one (or against its own walls, with an empty ``against``)."""

    attempt: str
    team: str
    against: str = ""


@dataclass(frozen=True)
class Cell:
    """What became of one try, and how: the words of whatever refused it, or what lies open."""

    attempt: str
    team: str
    against: str
    verdict: Verdict
    how: str

    @property
    def tried(self) -> Try:
        """What this is the outcome of."""
        return Try(self.attempt, self.team, self.against)


@dataclass(frozen=True)
class Line:
    """One kind of attempt, over all teams."""

    attempt: Attempt
    tried: int
    refused: int
    holes: int
    unknown: int
    how: str


def cell(tried: Try, verdict: str, how: str) -> Cell:
    """A cell; whatever is no verdict is none."""
    known: Verdict = next((each for each in VERDICTS if each == verdict), "unknown")
    return Cell(tried.attempt, tried.team, tried.against, known, how)


def settle(expected: Iterable[Try], said: Iterable[Cell]) -> list[Cell]:
    """A cell per try, in the order of ``expected``; of several words on one try the worst counts."""
    found: dict[Try, Cell] = {}
    for each in said:
        before = found.get(each.tried)
        if before is None or _WORST.index(each.verdict) < _WORST.index(before.verdict):
            found[each.tried] = each
    return [found.get(each) or cell(each, "unknown", "it said nothing") for each in dict.fromkeys(expected)]


def lines(cells: Sequence[Cell]) -> list[Line]:
    """The matrix: a line per kind of attempt that was to be tried."""
    by_attempt: dict[str, list[Cell]] = {}
    for each in cells:
        by_attempt.setdefault(each.attempt, []).append(each)
    return [_line(attempt, by_attempt[attempt.id]) for attempt in ATTEMPTS if attempt.id in by_attempt]


def _line(attempt: Attempt, cells: Sequence[Cell]) -> Line:
    counts = Counter(each.verdict for each in cells)
    worst = next(verdict for verdict in _WORST if counts[verdict])
    # What most of the worst ones said.
    ((how, _),) = Counter(each.how for each in cells if each.verdict == worst).most_common(1)
    return Line(attempt, len(cells), counts["refused"], counts["hole"], counts["unknown"], how)


def holes(cells: Iterable[Cell]) -> list[Cell]:
    """The cells that nobody refused."""
    return [each for each in cells if each.verdict == "hole"]


def unknowns(cells: Iterable[Cell]) -> list[Cell]:
    """The cells of which nothing is known."""
    return [each for each in cells if each.verdict == "unknown"]


def exit_code(cells: Sequence[Cell]) -> ExitCode:
    """2 for a hole; 1 for something that could not be tried, or for nothing tried at all; else 0."""
    if holes(cells):
        return ExitCode.REFUSED
    return ExitCode.FAILED if unknowns(cells) or not cells else ExitCode.DONE
