"""What came of an upgrade: takes results, gives a report to paste into a change ticket, never looks at the world."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet import paths
from fleet.lease import holder
from fleet.report import Row
from fleet.upgrade.rollout import Result
from fleet.upgrade.run import Checks

_MEANS = {
    "upgraded": "upgraded",
    "failed": "not upgraded: as it was before",
    "broken": "NEEDS A PERSON: neither there nor back",
    "skipped": "not its turn",
    "halted": "not begun",
}


@dataclass(frozen=True)
class Rollout:
    """One run of `fleet upgrade`, as the report tells it."""

    command: str
    who: str
    started: str  # ISO 8601, UTC
    seconds: float
    moves: Mapping[str, tuple[str, str]]  # instance → from and to, in words
    checks: Mapping[str, Sequence[str]]  # instance → what the preflight said
    sql: Mapping[str, str]  # instance → what its migrations were to run; in the JSON only
    results: Sequence[Result]

    @classmethod
    def of(
        cls, command: str, started: str, moves: Mapping[str, tuple[str, str]], checks: Checks, results: Sequence[Result]
    ) -> Rollout:  # fmt: skip
        """A run that ends now, by whoever runs this."""
        seconds = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
        return cls(command, holder(), started, seconds, moves, checks.lines, checks.sql, results)


def keep(rollout: Rollout) -> Path:
    """Write the report down, as Markdown and as JSON, among this machine's; gives the Markdown's path."""
    folder = paths.state_dir() / "reports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{datetime.fromisoformat(rollout.started):%Y%m%dT%H%M%S}-{os.getpid()}.md"
    path.write_text(markdown(rollout) + "\n", encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps(data(rollout), indent=2) + "\n", encoding="utf-8")
    return path


def rows(rollout: Rollout) -> list[Row]:
    """One row per instance, with the first line of why."""
    return [
        {
            "wave": each.wave, "instance": each.instance, "state": each.state, "seconds": round(each.seconds),
            "why": (each.why.splitlines() or [""])[0],
        }
        for each in rollout.results
    ]  # fmt: skip


def data(rollout: Rollout) -> dict[str, Any]:
    """The report as plain data, for JSON."""
    return {
        "command": rollout.command, "who": rollout.who, "started": rollout.started, "seconds": round(rollout.seconds, 1),
        "counts": counts(rollout.results),
        "instances": [
            {
                "instance": each.instance, "wave": each.wave, "from": rollout.moves[each.instance][0],
                "to": rollout.moves[each.instance][1], "state": each.state, "seconds": round(each.seconds, 1),
                "why": each.why, "checks": list(rollout.checks.get(each.instance, ())),
                "sql": rollout.sql.get(each.instance, ""),
            }
            for each in rollout.results
        ],
    }  # fmt: skip


def counts(results: Sequence[Result]) -> dict[str, int]:
    """How many came out how; only what came about."""
    return {state: number for state in _MEANS if (number := sum(each.state == state for each in results))}


def markdown(rollout: Rollout) -> str:
    """The report for people."""
    lines = [
        f"# {rollout.command}", "",
        f"{rollout.started}, by {rollout.who}, {rollout.seconds:.0f} s: "
        + ", ".join(f"{number} {state}" for state, number in counts(rollout.results).items()), "",
        "| wave | team | from | to | came of it | seconds |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for each in rollout.results:
        before, after = rollout.moves[each.instance]
        lines.append(
            f"| {each.wave} | {each.instance} | {before} | {after} | {_MEANS[each.state]} | {each.seconds:.0f} |"
        )
    for each in rollout.results:
        said = [*rollout.checks.get(each.instance, ()), *([each.why] if each.why else [])]
        if said:
            words = [f"    {line}" for text in said for line in text.splitlines()]
            lines += ["", f"## {each.instance}: {each.state}", "", *words]
    return "\n".join(lines)
