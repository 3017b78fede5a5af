"""Maintenance windows: takes `Sun 02:00-06:00 Europe/Berlin` and a moment, says whether it is open and when it opens next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FORM = re.compile(r"(?P<days>\S+) (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d) (?P<zone>\S+)")
_WRONG = "a window is `Sun 02:00-06:00 Europe/Berlin`: days (`Sun`, `Mon-Fri`, `Sat,Sun`, `daily`), times, a time zone"


@dataclass(frozen=True)
class Window:
    """Hours of some days of the week in a time zone. Where the end is not after the start, it is on the next day."""

    days: frozenset[int]  # 0 is Monday
    start: time
    end: time
    zone: ZoneInfo

    def is_open(self, now: datetime) -> bool:
        """Whether ``now``, a moment with a time zone, is in it."""
        return any(start <= now < end for start, end in self._slots(now))

    def opens(self, now: datetime) -> datetime:
        """When it opens next, in its own time zone; ``now`` where it is open."""
        if self.is_open(now):
            return now
        return min(start for start, _ in self._slots(now) if start > now).astimezone(self.zone)

    def _slots(self, now: datetime) -> list[tuple[datetime, datetime]]:
        """Those from yesterday until a week from now, in UTC: on the day of a clock change, hours are what they are."""
        today = now.astimezone(self.zone).date()
        found = []
        for day in (today + timedelta(days=offset) for offset in range(-1, 9)):
            if day.weekday() in self.days:
                last = day + timedelta(days=1) if self.end <= self.start else day
                ends = (datetime.combine(day, self.start, self.zone), datetime.combine(last, self.end, self.zone))
                found.append((ends[0].astimezone(UTC), ends[1].astimezone(UTC)))
        return found


def parse(text: str) -> Window:
    """Read a window.

    Raises:
        ValueError: it is none; the message says what one looks like.
    """
    found = _FORM.fullmatch(text)
    if not found or found["zone"] not in available_timezones():
        raise ValueError(_WRONG)
    try:
        start, end = time.fromisoformat(found["start"]), time.fromisoformat(found["end"])
        return Window(frozenset(_days(found["days"])), start, end, ZoneInfo(found["zone"]))
    except ValueError:
        raise ValueError(_WRONG) from None


def _days(text: str) -> list[int]:
    if text == "daily":
        return list(range(7))
    chosen = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        chosen += [(begin + step) % 7 for step in range((end - begin) % 7 + 1)]
    return chosen
