"""Cron schedules: when they come round, how long they stay away, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.schedule import parse

NOW = datetime(2026, 11, 28, 19, 3, 30, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("text", "coming", "gap"),
    [
        ("* * * * *", "2026-11-28T19:04", timedelta(minutes=1)),
        ("*/15 * * * *", "2026-11-28T19:15", timedelta(minutes=15)),
        ("5,35 * * * *", "2026-11-28T19:05", timedelta(minutes=30)),
        ("0 6 * * 1-5", "2026-11-30T06:00", timedelta(days=3)),
        ("10 4/6 * * *", "2026-11-28T22:10", timedelta(hours=6)),
        ("0 0 31 * *", "2026-12-31T00:00", timedelta(days=61)),
        ("0 9 13 * 5", "2026-12-04T09:00", timedelta(days=7)),  # the 13th, and every Friday
        ("0 9 */2 * 0", "2026-11-29T09:00", timedelta(days=21)),  # Sundays of odd days
    ],
)
def test_when_it_comes_round(text: str, coming: str, gap: timedelta) -> None:
    made = parse(text)
    assert made.next(NOW) == datetime.fromisoformat(f"{coming}:00+00:00")
    assert made.longest_gap() == gap


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "*/0 * * * *",
     "5-1 * * * *", "a * * * *", "@hourly", "* * * * mon", "0 0 31 2 *", "*-5 * * * *", "1,,2 * * * *"],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"five fields|no such day"):
        parse(text)


@given(st.integers(1, 59), st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))
def test_the_next_one_is_after_and_never_farther_than_the_longest_gap(step: int, moment: datetime) -> None:
    made = parse(f"*/{step} * * * *")
    coming = made.next(moment)
    assert coming and timedelta(0) < coming - moment <= made.longest_gap()
