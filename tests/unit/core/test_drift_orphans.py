"""What is told an orphan, and what is not: by what stands on a server, in Keycloak, in the cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fleet.drift.orphans import kinds, orphans
from fleet.drift.orphans.things import Thing, Things, _held, _observed, _of_cluster, _of_keycloak, _of_server, is_name
from fleet.drivers.postgres import Shapes
from fleet.observe import Observed, ObservedInstance
from fleet.record import Record

ROLES = ("admin", "op", "user", "viewer")


def _told(things: Any) -> set[tuple[str, str, bool]]:
    return {(each.kind.name.removeprefix("orphans."), each.instance, each.marked) for each in things}


def test_a_database_is_fleets_when_a_role_of_its_name_may_enter_and_does_not_own_it() -> None:
    server = Shapes(
        frozenset(),
        {
            "data_science": frozenset({"data_science", "fleet_drift"}),
            "before_data_science_0a1b2c3d": frozenset({"data_science"}),
            "proof_data_science_0a1b2c3d": frozenset({"data_science"}), "before_x_0a1b2c3d": frozenset({"somebody"}),
            "reports": frozenset({"analyst"}),
        },
        frozenset({"data_science", "left_over"}),
    )  # fmt: skip
    assert _told(_of_server(server)) == {
        ("database", "data-science", True), ("database-aside", "data-science", True), ("role", "left-over", True)
    }  # fmt: skip


def test_a_client_without_the_mapper_and_a_group_without_the_roles_are_none_of_fleets() -> None:
    clients = [
        {"clientId": "airflow-made", "id": "1", "protocolMappers": [{"name": "roles"}]},
        {"clientId": "airflow-by-hand", "id": "2"}, {"clientId": "fleet-portal", "id": "3"},
    ]  # fmt: skip
    groups = [
        {"id": path, "name": path.rpartition("/")[2], "path": path} for path in ("/made", "/people", "/people/admin")
    ]
    groups += [{"id": role, "name": role, "path": f"/made/{role}"} for role in ROLES]
    assert _told(_of_keycloak(clients, groups)) == {
        ("client", "made", True), ("client", "by-hand", False), ("group", "made", True)
    }  # fmt: skip


def _lease(age: float, holder: str = "me@here, process 1") -> dict[str, Any]:
    renewed = (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    metadata = {"name": "fleet-gone", "labels": {"fleet/instance": "gone"}}
    return {"metadata": metadata, "spec": {"holderIdentity": holder, "renewTime": renewed}}


@pytest.mark.parametrize(
    ("age", "holder", "held"), [(5, "me@here, process 1", True), (3600, "me@here, process 1", False), (5, "", False)]
)
def test_a_lease_that_is_renewed_is_held(age: float, holder: str, held: bool) -> None:
    lease = _lease(age, holder)
    assert _held(lease) is held
    assert bool(list(_of_cluster([lease], [], []))) is not held


def test_a_namespace_of_that_form_without_the_label_bears_no_mark() -> None:
    spaces = [{"metadata": {"name": name}} for name in ("airflow-mine", "kube-system")]
    assert _told(_of_cluster([], [], spaces)) == {("namespace-unmarked", "mine", False)}


def test_a_release_of_that_name_in_a_namespace_without_the_label_bears_no_mark() -> None:
    by_hand = ObservedInstance("by-hand", releases={"airflow": "deployed"})
    made = ObservedInstance(
        "made", created=datetime.now(UTC), releases={"airflow": "deployed", "guardrails": "deployed"}
    )
    told = _told(_observed(Observed(None, {"by-hand": by_hand, "made": made})))
    assert told == {("release", "by-hand", False), ("release", "made", True), ("namespace", "made", True)}


def test_entries_what_was_kept_and_what_is_worked_on_are_no_orphans() -> None:
    names = ("entry", "kept", "busy", "gone")
    found = (
        *(Thing(kinds.DATABASE, name, f"database {name}") for name in names),
        Thing(kinds.ASIDE, "entry", "database before_entry_0a1b2c3d"),
        Thing(kinds.ASIDE, "busy", "database before_busy_0a1b2c3d"),
    )  # fmt: skip
    kept = ObservedInstance("kept", record=Record("kept", kept={"instance": "kept"}))
    things = Things(found, frozenset(), frozenset(), frozenset({"busy"}))
    left = orphans(things, ["entry"], Observed(None, {"kept": kept}))
    assert [each.address for each in left] == ["database gone", "database before_entry_0a1b2c3d"]


@pytest.mark.parametrize(
    ("text", "may"), [("data-science", True), ("Data", False), ("a" * 43, False), ("x.next", False)]
)
def test_only_what_may_be_an_instances_name_is_one(text: str, may: bool) -> None:
    assert is_name(text) is may
