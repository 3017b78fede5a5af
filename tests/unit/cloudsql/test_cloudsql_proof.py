"""What tells a restored database from its source, and the proof in writing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import proof
from fleet.errors import FleetError
from fleet.proof import Proof
from fleet.report import proof_text

COUNTS = st.dictionaries(st.sampled_from([f"s.{letter}" for letter in "abcdef"]), st.integers(0, 5), max_size=6)
DONE = Proof(
    "marketing", "marketing", "gs://b/marketing/1.sql.gz", "7", "md5:00", 12, "2026-01-01T00:00:00+00:00",
    "2026-01-01T00:01:00+00:00", False, "abcd", {"s.a": 3, "s.b": 0}, {"s.a": (2, 4)},
)  # fmt: skip


@given(COUNTS, COUNTS)
def test_a_still_source_agrees_with_its_equal_only(source: dict[str, int], restored: dict[str, int]) -> None:
    assert (proof.differences(source, source, restored) == []) == (source == restored)


@given(COUNTS, COUNTS)
def test_both_ends_of_a_moving_source_are_right(before: dict[str, int], after: dict[str, int]) -> None:
    assert proof.differences(before, after, before) == []
    assert proof.differences(before, after, after) == []


@given(COUNTS, COUNTS)
def test_what_moved_tells_the_one_from_the_other(before: dict[str, int], after: dict[str, int]) -> None:
    assert (proof.moved(before, after) == {}) == (before == after)


@pytest.mark.parametrize(
    ("before", "after", "restored", "said"),
    [
        ({"s.a": 3}, {"s.a": 3}, {"s.a": 2}, "s.a: 2 rows, not 3"),
        ({"s.a": 3}, {"s.a": 3}, {}, "s.a: missing"),
        ({}, {}, {"s.a": 0}, "s.a: not in the source"),
        ({"s.a": 3}, {"s.a": 5}, {"s.a": 6}, "s.a: 6 rows, not 3 to 5"),
    ],
)
def test_a_difference_is_named(
    before: dict[str, int], after: dict[str, int], restored: dict[str, int], said: str
) -> None:
    assert proof.differences(before, after, restored) == [said]


def test_a_proof_reads_back_as_it_was_written() -> None:
    assert proof.read(DONE.text().encode(), "here") == DONE


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"moved": 1, "tables": {}}', b'{"moved": {}, "tables": {}}', b"\xff"]
)
def test_what_is_no_proof_is_refused(text: bytes) -> None:
    with pytest.raises(FleetError, match="no proof") as refused:
        proof.read(text, "gs://b/x.proof.json")
    assert refused.value.where == "gs://b/x.proof.json"


def test_a_proof_lies_beside_its_dump() -> None:
    assert proof.beside(DONE.dump) == "gs://b/marketing/1.proof.json"


def test_the_summary_has_every_fact_but_the_single_tables() -> None:
    summary = DONE.summary()
    assert (summary["tables"], summary["rows"], summary["moved"]) == (2, 3, 1)
    assert summary["digest"] == "md5:00"


def test_a_reader_sees_object_digest_counts_and_what_moved() -> None:
    text = proof_text(DONE)
    for words in (
        "gs://b/marketing/1.sql.gz",
        "md5:00",
        "2 tables, 3 rows",
        "wrote to 1 table",
        "s.a   3",
        "1 empty table",
    ):
        assert words in text
    assert "wrote to" not in proof_text(replace(DONE, moved={}))
