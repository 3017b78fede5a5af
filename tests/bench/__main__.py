"""`python -m tests.bench [--json]`: measure, print each budget with its goal; the exit status says nothing of the verdicts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

from fleet.report import render
from tests.bench import asleep, measure, signed_in
from tests.bench.measure import Row


def rows() -> Iterator[Row]:
    """All budgets; what takes longest comes last."""
    yield from measure.help_text()
    yield from measure.thousand_teams()
    yield from measure.two_hundred_instances()
    yield from signed_in.rows()
    yield from asleep.rows()


def shown(row: Row) -> dict[str, str]:
    """A row for a reader."""
    digits = 0 if row.unit in ("", "MiB") else 2
    goal, measured = f"≤ {row.goal:g} {row.unit}", f"{row.measured:.{digits}f} {row.unit}"
    return {
        "budget": row.budget, "goal": goal.strip(), "measured": measured.strip(), "verdict": row.verdict, "note": row.note,
    }  # fmt: skip


def main(as_json: bool) -> None:
    """Measure, with a word on standard error as each row is there."""
    found = []
    for row in rows():
        print(f"{row.verdict}: {row.budget}", file=sys.stderr)
        found.append(row)
    if as_json:
        print(json.dumps([{**asdict(row), "verdict": row.verdict} for row in found], indent=2))
    else:
        print(render([shown(row) for row in found], ("budget", "goal", "measured", "verdict", "note"), "table"))


if __name__ == "__main__":
    main("--json" in sys.argv[1:])
