"""Says what the attempts came to: takes cells, gives rows for a table and text below it, never judges."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.verify.attempts import BY_ID
from fleet.verify.matrix import Cell, holes, lines, unknowns

_HOW = 90  # characters of a refusal in the matrix; JSON has all of them


def rows(cells: Sequence[Cell]) -> list[dict[str, str | int]]:
    """One row per kind of attempt: how often it was tried and refused, and how."""
    return [
        {
            "attempt": line.attempt.id,
            "a team": line.attempt.what,
            "tried": line.tried,
            "refused": line.refused,
            "how": line.how if len(line.how) <= _HOW else f"{line.how[: _HOW - 1]}…",
        }
        for line in lines(cells)
    ]


def text(cells: Sequence[Cell]) -> str:
    """Every hole by its name, what nothing is known of, and the sum."""
    open_, unsure = holes(cells), unknowns(cells)
    refused, kinds = len(cells) - len(open_) - len(unsure), len({each.attempt for each in cells})
    return "\n".join(
        [
            *(f"HOLE     {_named(each)}" for each in open_),
            *(f"unknown  {_named(each)}" for each in unsure),
            f"{refused} of {len(cells)} attempts of {kinds} kinds refused; {len(open_)} holes, {len(unsure)} unknown",
        ]
    )


def _named(each: Cell) -> str:
    who = f"{each.team} → {each.against}" if each.against else each.team
    return f"{each.attempt}  {who}: {BY_ID[each.attempt].what}\n         {each.how}"
