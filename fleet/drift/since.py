"""What changed since the last look: takes a report and the one before, gives what is new and what is gone, never looks itself.

The one before is what the scheduled job published, or else the last look from this machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fleet import paths
from fleet.drift import report
from fleet.drift.look import Report

_KEY = ("team", "kind", "address", "field", "found")


@dataclass(frozen=True)
class Since:
    """A report of what is new, beside what is gone."""

    before: str  # when the other look began, ISO 8601 in UTC
    new: Report
    gone: tuple[Mapping[str, Any], ...]  # rows of the other report


def since(now: Report, before: Mapping[str, Any]) -> Since:
    """The difference of two looks, as far as both looked: a layer or a team that one of them left out or could not read is
    neither new nor gone."""
    known = {key(row) for row in before["findings"]}
    standing = {key(report.row(each)) for each in (*now.findings, *(hidden.finding for hidden in now.ignored))}
    unseen = {each.layer for each in now.unseen}
    looked = [
        row
        for row in before["findings"]
        if row["layer"] in now.seconds and row["layer"] not in unseen and row["team"] in {*now.teams, "platform"}
    ]
    return Since(
        before["at"],
        replace(now, findings=tuple(each for each in now.findings if key(report.row(each)) not in known)),
        tuple(row for row in looked if key(row) not in standing),
    )


def key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes a row the same one at the next look."""
    return tuple(str(row[key]) for key in _KEY)


def text(found: Since) -> str:
    """For a reader."""
    gone = [f"  {row['team']}  {row['layer']}  {_what(row)}" for row in found.gone]
    lines = [f"new since {found.before}:", report.text(found.new)]
    return "\n".join([*lines, *([f"gone since {found.before}:", *gone] if gone else [])])


def markdown(found: Since) -> str:
    """For a ticket or a chat."""
    gone = [f"- {row['team']} {_what(row)}" for row in found.gone]
    return "\n".join(
        [
            report.markdown(found.new),
            "",
            f"Compared with {found.before}.",
            *(["", "## Gone", "", *gone] if gone else []),
        ]
    )


def data(found: Since) -> dict[str, Any]:
    """As plain data."""
    return {**report.data(found.new), "since": found.before, "gone": list(found.gone)}


def _what(row: Mapping[str, Any]) -> str:
    return " · ".join(filter(None, (str(row["address"]), str(row["field"]))))


def kept(context: str) -> Path:
    """Where this machine keeps its last look at the fleet on a cluster."""
    return paths.state_dir() / "drift" / f"{context}.json"


def keep(now: Report, context: str) -> None:
    """Remember a look at the whole fleet."""
    path = kept(context)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(report.data(now)), encoding="utf-8")
    fresh.replace(path)


def last(context: str, published: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The newer of what the job published and of what this machine kept; None where there is neither."""
    known: Sequence[Mapping[str, Any]] = [each for each in (published, _read(kept(context))) if each]
    return max(known, key=lambda each: str(each["at"]), default=None)


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
