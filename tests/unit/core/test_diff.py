"""What diff refuses, and what it says of every pair of inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.diff import _reasons, diff, refuse_downgrades
from fleet.errors import ExitCode, FleetError
from tests.golden.test_plans import CASES, desired, observed

CASE = next(case for case in CASES if case.name == "a-newer-airflow")


def test_an_older_airflow_is_refused() -> None:
    newer, older = CASE / "after.yaml", CASE / "before.yaml"
    refuse_downgrades(desired(newer), observed(older, {}))
    with pytest.raises(FleetError, match=r"3\.3\.2 → 3\.2\.2 is a downgrade") as refused:
        refuse_downgrades(desired(older), observed(newer, {}))
    assert refused.value.exit_code is ExitCode.REFUSED
    assert refused.value.where == "marketing"


def test_versions_compare_as_numbers(tmp_path: Path) -> None:
    text = (CASE / "before.yaml").read_text()
    (tmp_path / "ten.yaml").write_text(text.replace("3.2.2", "3.10.0"))
    refuse_downgrades(desired(tmp_path / "ten.yaml"), observed(CASE / "before.yaml", {}))


@pytest.mark.parametrize("part", ["portal", "drift"])
def test_a_release_that_was_never_made_whole_is_taken_away(part: str) -> None:
    """Whoever is killed while it is made leaves it, and no record of it."""
    nobody = replace(desired(CASE / "before.yaml"), portal=None, drift=None)
    world = replace(observed(CASE / "before.yaml", {}), platform=None, portal=None, drift=None)
    found = [change for change in diff(nobody, replace(world, **{part: "deployed"})).changes if change.part == part]
    assert [change.action for change in found] == ["remove"]
    assert not [change for change in diff(nobody, world).changes if change.part == part]


inputs = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=80) | st.lists(st.text(max_size=5), max_size=3),
    lambda children: st.dictionaries(st.text(min_size=1, max_size=8), children, max_size=4),
    max_leaves=12,
)
mappings = st.dictionaries(st.text(min_size=1, max_size=8), inputs, max_size=4)


@given(mappings, mappings)
def test_there_is_a_reason_exactly_where_something_differs(before: dict[str, object], after: dict[str, object]) -> None:
    # A key that is absent and one that is empty (None) are the same to Helm and to Terraform.
    reasons = _reasons(before, after)
    assert bool(reasons) == (_bare(before) != _bare(after)) or before == after
    assert all(len(reason) < 400 and "\n" not in reason.partition(": ")[2] for reason in reasons)
    assert not _reasons(before, before)


def _bare(value: object) -> object:
    if isinstance(value, dict):
        return {key: _bare(each) for key, each in value.items() if each is not None}
    return value
