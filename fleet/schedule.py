"""Cron schedules, in UTC: takes `*/15 * * * *` and a moment, says when it comes round next and how long it ever stays away.

The five fields as Kubernetes' CronJob reads them (https://pkg.go.dev/github.com/robfig/cron/v3#hdr-CRON_Expression_Format),
by numbers only: minute, hour, day of the month, month, day of the week (0 is Sunday).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_ITEM = re.compile(r"(?P<from>\*|\d+)(-(?P<to>\d+))?(/(?P<step>\d+))?")
_WRONG = (
    "a schedule is five fields of numbers, as `*/15 * * * *`: minute, hour, day of the month, month, day of the week"
)
_DAYS = 366 * 4 + 1  # every date there is comes within four years


@dataclass(frozen=True)
class Schedule:
    """Moments that come again and again."""

    times: tuple[time, ...]  # of a day, in order
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either: bool  # both days are restricted: cron then takes a day that is one of the two

    def next(self, after: datetime) -> datetime | None:
        """The first moment after ``after``; None where there is none (the 31st of February)."""
        after = after.astimezone(UTC)
        for day in (after.date() + timedelta(days=number) for number in range(_DAYS)):
            if self._falls_on(day):
                for each in self.times:
                    if (moment := datetime.combine(day, each, UTC)) > after:
                        return moment
        return None

    def longest_gap(self) -> timedelta:
        """The longest time between two moments in a row, as far as a year shows it."""
        start = date(2024, 1, 1)  # a leap year
        days = [day for day in (start + timedelta(days=number) for number in range(366)) if self._falls_on(day)]
        if len(days) < 2:
            return timedelta(days=366)
        night = timedelta(days=max((after - before).days for before, after in pairwise(days)))
        first, last = (datetime.combine(start, self.times[end]) for end in (0, -1))
        inside = [datetime.combine(start, b) - datetime.combine(start, a) for a, b in pairwise(self.times)]
        return max([night - (last - first), *inside])

    def _falls_on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_date, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_date or by_week if self.either else by_date and by_week


def parse(text: str) -> Schedule:
    """Read a schedule.

    Raises:
        ValueError: it is none, or never comes round; the message says what one looks like.
    """
    fields = text.split(" ")
    if len(fields) != len(_RANGES):
        raise ValueError(_WRONG)
    minutes, hours, days, months, weekdays = (
        _numbers(field, *bounds) for field, bounds in zip(fields, _RANGES, strict=True)
    )
    # As cron does: a field that begins with `*` restricts nothing here, whatever its step.
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    times = tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes))
    made = Schedule(times, days, months, weekdays, either)
    if made.next(datetime(2024, 1, 1, tzinfo=UTC)) is None:
        raise ValueError("there is no such day")
    return made


def _numbers(field: str, low: int, high: int) -> frozenset[int]:
    found = set[int]()
    for item in field.split(","):
        read = _ITEM.fullmatch(item)
        if read is None or (read["from"] == "*" and read["to"]):
            raise ValueError(_WRONG)
        first = low if read["from"] == "*" else int(read["from"])
        last = int(read["to"]) if read["to"] else first if read["from"] != "*" and not read["step"] else high
        step = int(read["step"] or 1)
        if not low <= first <= last <= high or step < 1:
            raise ValueError(_WRONG)
        found |= set(range(first, last + 1, step))
    return frozenset(found)
