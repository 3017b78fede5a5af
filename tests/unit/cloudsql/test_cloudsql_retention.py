"""Which backups go: never the newest proven one, never what is not fleet's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.retention import name, superfluous

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FOLDER = "gs://b/marketing/"


def _dump(hours: float) -> str:
    return f"{FOLDER}{name(NOW - timedelta(hours=hours))}"


def _proof(hours: float) -> str:
    return _dump(hours).replace(".sql.gz", ".proof.json")


def _both(hours: float) -> list[str]:
    return [_dump(hours), _proof(hours)]


def test_the_oldest_go_proof_first() -> None:
    stored = [*_both(1), *_both(30), *_both(60), *_both(90)]
    assert superfluous(FOLDER, stored, 2, NOW) == [_proof(90), _dump(90), _proof(60), _dump(60)]


@pytest.mark.parametrize(("hours", "goes"), [(0, False), (23.9, False), (24.1, True)])
def test_an_unproven_leftover_goes_after_a_day(hours: float, goes: bool) -> None:
    assert superfluous(FOLDER, [_dump(hours), *_both(1)], 5, NOW) == ([_dump(hours)] if goes else [])


def test_unproven_dumps_take_no_proven_ones_place() -> None:
    assert superfluous(FOLDER, [*_both(500), _dump(1), _dump(2)], 1, NOW) == []


@pytest.mark.parametrize(
    "other",
    [
        "gs://b/marketing/notes.txt",
        "gs://b/marketing/20250101T000000Z.sql",
        "gs://b/marketing/by-hand/20250101T000000Z.sql.gz",
        "gs://b/marketing/20259901T000000Z.sql.gz",  # no such month
        "gs://b/marketing/x20250101T000000Z.sql.gz",
        "gs://b/marketing/20250101T000000Z.sql.gz.bak",
        "gs://b/marketing-2/20250101T000000Z.sql.gz",
        "gs://b/20250101T000000Z.sql.gz",
    ],
)
def test_what_is_not_fleets_own_stays(other: str) -> None:
    assert superfluous(FOLDER, [other, *_both(1)], 1, NOW) == []


@given(
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["dump", "proof", "both"])), unique_by=lambda x: x[0]),
    st.integers(1, 5),
)
def test_the_newest_proven_ones_stay_whatever_lies_there(found: list[tuple[int, str]], keep: int) -> None:
    stored = [
        uri for hours, what in found for uri in _both(hours) if what in ("both", "proof" if "proof" in uri else "dump")
    ]
    going = superfluous(FOLDER, stored, keep, NOW)
    assert set(going) <= set(stored) and len(set(going)) == len(going)
    proven = sorted(hours for hours, what in found if what == "both")
    assert {hours for hours in proven if _dump(hours) not in going} == set(proven[:keep])
    assert not [uri for hours in proven[:keep] for uri in _both(hours) if uri in going]
