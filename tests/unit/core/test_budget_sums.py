"""What the server and the nodes can give is held against what the inventory promises."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.budget import Nodes, makes_the_server, quantity, quota_warnings, raised_limits, refuse_overbooking
from fleet.diff import diff
from fleet.drivers.postgres import Capacity
from fleet.errors import ExitCode, FleetError
from fleet.observe import Observed
from fleet.plan import plan
from tests.golden.test_plans import CASES, desired, observed

CASE = next(case for case in CASES if case.name == "a-newer-airflow")
AFTER, BEFORE = CASE / "after.yaml", CASE / "before.yaml"
NOTHING = Observed(None, {})


def test_a_new_role_is_a_raised_limit() -> None:
    wanted = desired(AFTER)
    limits = raised_limits(plan(diff(wanted, NOTHING)), wanted, NOTHING)
    assert limits == {name.replace("-", "_"): 30 for name in wanted.instances}


def test_what_stays_as_it_is_needs_no_look_at_the_server() -> None:
    wanted, there = desired(BEFORE), observed(BEFORE, {})
    assert raised_limits(plan(diff(wanted, there)), wanted, there) == {}
    assert raised_limits(plan(diff(wanted, there, refresh=True)), wanted, there) == {}


def test_a_larger_size_is_a_raised_limit_and_a_smaller_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "larger.yaml").write_text(BEFORE.read_text() + "\ndefaults: {size: medium}\n")
    larger, smaller = tmp_path / "larger.yaml", BEFORE
    wanted, there = desired(larger), observed(smaller, {})
    assert set(raised_limits(plan(diff(wanted, there)), wanted, there).values()) == {60}
    wanted, there = desired(smaller), observed(larger, {})
    assert raised_limits(plan(diff(wanted, there)), wanted, there) == {}


def test_a_server_that_is_yet_to_be_made_is_not_asked() -> None:
    wanted, there = desired(AFTER), observed(AFTER, {})
    variables = {**wanted.platform["variables"], "cloud": "gcp"}
    on_google = replace(wanted, platform={**wanted.platform, "variables": variables})
    assert makes_the_server(plan(diff(on_google, NOTHING)), on_google)
    assert not makes_the_server(plan(diff(on_google, there)), on_google)
    assert not makes_the_server(plan(diff(wanted, NOTHING)), wanted)


def test_limits_that_fit_pass() -> None:
    refuse_overbooking(Capacity(100, 3, {"other": 37, "marketing": 10}), {"marketing": 60})


def test_limits_that_do_not_fit_are_refused_with_numbers() -> None:
    with pytest.raises(FleetError) as refused:
        refuse_overbooking(Capacity(100, 3, {"other": 38, "marketing": 10}), {"marketing": 60})
    assert refused.value.exit_code is ExitCode.REFUSED
    for words in ("97 connections", "100 less 3", "marketing wants 60", "may take 38", "1 too many"):
        assert words in refused.value.what
    assert "max_connections" in refused.value.hint


def test_quotas_beyond_the_nodes_are_a_warning() -> None:
    wanted = desired(AFTER)
    assert quota_warnings(wanted, Nodes(9, Decimal(10_000), Decimal(10**15))) == []
    cpu, memory = quota_warnings(wanted, Nodes(1, Decimal("0.5"), Decimal(1024**3)))
    assert "CPU in all, the nodes have 0.5" in cpu
    assert "GiB in all, the nodes have 1.0 GiB" in memory
    suspended = {name: replace(each, suspended=True) for name, each in wanted.instances.items()}
    assert quota_warnings(replace(wanted, instances=suspended), Nodes(0, Decimal(0), Decimal(0))) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [("250m", "0.25"), ("2", "2"), ("1.5", "1.5"), ("1Ki", "1024"), ("1.5Gi", "1610612736"), ("2k", "2000")],
)  # fmt: skip
def test_quantities(text: str, number: str) -> None:
    assert quantity(text) == Decimal(number)


@given(st.text())
def test_anything_else_is_no_quantity(text: str) -> None:
    try:
        assert quantity(text) >= 0
    except ValueError as error:
        assert text in str(error)
