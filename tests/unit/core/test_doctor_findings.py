"""What the doctor makes of what it sees."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.doctor import instances, machine
from fleet.doctor.cluster import enforcing
from fleet.doctor.finding import Finding, failures
from fleet.errors import FleetError, FleetErrors
from fleet.record import Record
from fleet.report import findings_text
from tests.golden.test_plans import CASES, desired, observed

BEFORE = next(case for case in CASES if case.name == "a-newer-airflow") / "before.yaml"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("v3.19.4+gabc", "ok"),
        ("v3.13.0", "ok"),
        ("v4.0.1", "ok"),
        ("v3.12.9", "fail"),
        ("v2.17.0", "fail"),
        ("", "fail"),
    ],
)
def test_an_old_program_is_told_by_its_version(said: str, verdict: str) -> None:
    found = machine.version("helm", Path("/bin/helm"), said, (3, 13))
    assert found.verdict == verdict
    assert bool(found.mend) == (verdict == "fail")


@pytest.mark.parametrize(
    ("daemon_sets", "by"),
    [(["kube-proxy", "calico-node"], "calico-node"), (["anetd"], "anetd"), (["kube-proxy", "kindnet"], ""), ([], "")],
)
def test_network_plug_ins_that_enforce(daemon_sets: list[str], by: str) -> None:
    assert enforcing(daemon_sets) == by


def test_a_faultless_fleet_has_nothing_half_done_or_left_over() -> None:
    there = observed(BEFORE, {})
    assert not list(instances.half_done(there))
    assert not list(instances.left_over(desired(BEFORE), there))


def test_unfinished_records_and_pending_releases() -> None:
    world = {"instances": {"marketing": {"applied_parts": ["terraform"], "releases": {"airflow": "pending-upgrade"}}}}
    found = list(instances.half_done(observed(BEFORE, world)))
    assert [each.what for each in found] == [
        "not finished: guardrails, secrets, migration, airflow",
        "the Helm release of airflow is pending-upgrade",
    ]
    assert {each.mend for each in found} == {"fleet apply marketing"}


def test_orphans_and_kept_databases() -> None:
    wanted, there = desired(BEFORE), observed(BEFORE, {})
    known = next(iter(there.instances.values()))
    kept = replace(known, name="kept", record=Record("kept", kept={}), created=None)
    lost = replace(known, name="lost")
    found = list(instances.left_over(wanted, replace(there, instances={**there.instances, "kept": kept, "lost": lost})))
    assert [(each.check, each.verdict) for each in found] == [("kept", "ok"), ("lost", "warn")]
    assert found[1].mend == "fleet remove-team lost"


def test_a_live_lease_and_a_stale_one() -> None:
    def lease(age: int) -> dict[str, object]:
        renewed = (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": "ann@host, process 7", "leaseDurationSeconds": 30, "renewTime": renewed}
        return {"metadata": {"labels": {"fleet/instance": "marketing"}}, "spec": spec}

    live, stale = instances.held([lease(5), lease(600)], NOW)
    assert (live.verdict, stale.verdict) == ("ok", "warn")
    assert "ann@host" in live.what and "600 s" in stale.what


def test_every_error_of_an_inventory_is_a_finding() -> None:
    errors = FleetErrors([FleetError("bad", where="tenants.yaml:3", hint="mend"), FleetError("worse")])
    assert failures("fleet", "inventory", errors) == [
        Finding("fleet", "inventory", "fail", "tenants.yaml:3: bad", "mend"),
        Finding("fleet", "inventory", "fail", "worse"),
    ]


def test_the_text_groups_by_area_and_counts() -> None:
    rows = [
        {"area": "fleet", "check": "quotas", "verdict": "warn", "what": "too much", "mend": "add nodes"},
        {"area": "machine", "check": "helm", "verdict": "fail", "what": "absent", "mend": "install it"},
    ]
    assert findings_text(rows).splitlines() == [
        "machine",
        "  ✗ helm     absent",
        "             → install it",
        "fleet",
        "  ! quotas   too much",
        "             → add nodes",
        "1 failure, 1 warning",
    ]
