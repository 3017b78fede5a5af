"""How the scheduled look itself is: takes settings, what was published, a moment; says what is wrong with it, never looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fleet import schedule
from fleet.drift import published
from fleet.drivers.world import World
from fleet.model import DriftJob
from fleet.observe import Observed
from fleet.report import Row, count, duration

_LATE = 3  # schedules: as in the alert of `charts/platform`


@dataclass(frozen=True)
class Health:
    """The look, as it stands.

    Args:
        since: when it was installed or changed last.
        data: what it published; None where it never ran.
    """

    settings: DriftJob
    since: datetime
    data: Mapping[str, Any] | None

    def trouble(self, now: datetime) -> str:
        """What is wrong, in a line; empty where nothing is."""
        seen = self.success or self.since
        late = now - seen > _LATE * schedule.parse(self.settings.schedule).longest_gap()
        errors = self.data["errors"] if self.data else []
        found = [f"late: the last whole look was {_ago(self.success, now)}"] if late else []
        found += [f"could not look at {row['layer']}: {row['what']}" for row in errors if self._counts(row)]
        return "; ".join(dict.fromkeys(found))

    def _counts(self, row: Mapping[str, Any]) -> bool:
        """A pod that has not looked yet is late in time, or not at all."""
        return bool(row["layer"] != "job")

    @property
    def success(self) -> datetime | None:
        """When the last look began that saw everything."""
        found = self.data and self.data["success"]
        return datetime.fromisoformat(found) if found else None

    def rows(self, now: datetime) -> list[Row]:
        """For `fleet platform status`."""
        data = self.data or {"at": None, "findings": [], "errors": [], "left_out": 0}
        ran = datetime.fromisoformat(data["at"]) if data["at"] else None
        coming = schedule.parse(self.settings.schedule).next(now)
        by = Counter(row["layer"] for row in data["findings"])
        found = ", ".join(f"{layer} {number}" for layer, number in sorted(by.items())) or "none"
        more = f" and {data['left_out']} more" if data["left_out"] else ""
        return [
            _row(
                "look at drift",
                self.trouble(now) or "fine",
                f"{self.settings.schedule}, {count(self.settings.shards, 'pod')}",
            ),
            _row("last look", "", _ago(ran, now)),
            _row("last whole look", "", _ago(self.success, now)),
            _row("next look", "", f"in {duration(coming - now)}" if coming else "never"),
            _row("findings", "", found + more),
        ]


def _row(what: str, state: str, detail: str) -> Row:
    return {"what": what, "state": state, "detail": detail}


def _ago(moment: datetime | None, now: datetime) -> str:
    return "never" if moment is None else f"{duration(max(now - moment, timedelta()))} ago"


async def health(settings: DriftJob, observed: Observed, world: World) -> Health | None:
    """How it is; None where there is none, or where it is not made yet.

    Raises:
        FleetError: the cluster does not answer.
    """
    applied = observed.platform.parts.get("drift") if observed.platform else None
    if not settings.enabled or applied is None:
        return None
    data = await published.read_reports(world.cluster, settings.shards)
    return Health(settings, datetime.fromisoformat(applied.at), data)
