"""Maintenance windows: days, times, time zones, midnight, and the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.windows import parse

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = "Sun 02:00-06:00 Europe/Berlin"
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
texts = st.builds(
    "{} {:02}:{:02}-{:02}:{:02} {}".format,
    st.sampled_from(["Sun", "Mon-Fri", "Sat,Sun", "daily", "Fri-Mon"]),
    *[st.integers(0, 23), st.integers(0, 59)] * 2,
    st.sampled_from(["Europe/Berlin", "UTC", "America/New_York", "Asia/Kolkata"]),
)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "moment", "wanted"),
    [
        (SUNDAY, "2026-11-22 02:00", True),
        (SUNDAY, "2026-11-22 05:59:59", True),
        (SUNDAY, "2026-11-22 06:00", False),
        (SUNDAY, "2026-11-23 03:00", False),
        ("Sat 22:00-04:00 Europe/Berlin", "2026-11-22 03:00", True),  # Sunday, of the window that began on Saturday
        ("Sat 22:00-04:00 Europe/Berlin", "2026-11-21 03:00", False),
        ("daily 00:00-00:00 Europe/Berlin", "2026-11-23 13:00", True),
        ("Fri-Mon 01:00-02:00 Europe/Berlin", "2026-11-23 01:30", True),
        ("Fri-Mon 01:00-02:00 Europe/Berlin", "2026-11-24 01:30", False),
        (SUNDAY, "2026-10-25 05:30", True),  # the night with 25 hours
        (SUNDAY, "2026-03-29 03:30", True),  # the night with 23
    ],
)
def test_open_or_not(text: str, moment: str, wanted: bool) -> None:
    assert parse(text).is_open(berlin(moment)) is wanted


def test_when_it_opens_next() -> None:
    window = parse(SUNDAY)
    assert window.opens(berlin("2026-11-22 06:00")) == berlin("2026-11-29 02:00")
    assert window.opens(berlin("2026-11-22 03:00")) == berlin("2026-11-22 03:00")
    assert str(window.opens(berlin("2026-11-23 00:00"))) == "2026-11-29 02:00:00+01:00"


@given(texts, moments)
def test_it_is_open_when_it_says_that_it_opens_and_not_before(text: str, now: datetime) -> None:
    window = parse(text)
    opens = window.opens(now)
    assert now <= opens <= now + timedelta(days=8)
    if not window.is_open(now):
        assert not window.is_open(opens - timedelta(seconds=1))
        assert not window.is_open(now + (opens - now) / 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sunday 02:00-06:00 UTC",
        "Sun 2:00-6:00 UTC",
        "Sun 02:00-25:00 UTC",
        "Sun 02:00-06:00",
        "Sun 02:00-06:00 Berlin",
    ],
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a window is `Sun 02:00-06:00 Europe/Berlin`"):
        parse(text)
