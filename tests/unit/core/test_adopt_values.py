"""What a hand-made release has becomes an entry: whatever its values are, the chart sees them again."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from fleet import paths
from fleet.adopt import proposal, room
from fleet.adopt.proposal import propose
from fleet.adopt.release import Release
from fleet.adopt.values import coalesced, differences, overrides, secrets_in
from fleet.desired import airflow
from fleet.desired.airflow import merge
from fleet.desired.resolve import resolve
from fleet.drivers.handmade import Client
from fleet.errors import FleetError
from fleet.model import Inventory, Team

DEFAULTS: dict[str, Any] = yaml.safe_load((paths.asset("charts") / "airflow" / "values.yaml").read_text())
INVENTORY = Inventory.model_validate(
    {
        "version": 1,
        "platform": {
            "domain": "example.com",
            "kubernetes": {"context": "here"},
            "database": {"host": "10.0.0.3"},
            "sso": {"url": "https://sso.example.com"},
        },
    }
)
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
LEAST = {"config": {"core": {"auth_manager": FAB}}}


def release(values: dict[str, Any], **changed: Any) -> Release:
    facts: dict[str, Any] = {"chart": "airflow", "version": "0.1.0", "official": False, "defaults": DEFAULTS} | changed
    return Release(name="airflow", namespace="airflow-x", revision=1, values=values, manifest=(), **facts)


def entry(values: dict[str, Any], given: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    asked = {"owner": "x@example.com", **(given or {})}
    return propose(INVENTORY, "x", release(merge(LEAST, values), **changed), asked, proposal.sizes(INVENTORY))


def seen_with(found: dict[str, Any], defaults: dict[str, Any] = DEFAULTS) -> dict[str, Any]:
    """What the chart sees of an Airflow with this entry."""
    team = Team.model_validate(found)
    return coalesced(defaults, airflow.values(INVENTORY.platform, resolve(INVENTORY, "x", team)))


# Overriding in general.

KEYS = some.sampled_from(["a", "b", "c"])
LEAVES = some.one_of(some.booleans(), some.integers(0, 3), some.text("xy", max_size=2), some.just([1, {"z": 1}]))
TREES = some.recursive(LEAVES, lambda inner: some.dictionaries(KEYS, inner, max_size=3), max_leaves=8)
VALUES = some.dictionaries(KEYS, TREES, max_size=3)


@given(VALUES, VALUES, VALUES)
def test_overrides_make_a_chart_see_what_is_wanted(made: Any, defaults: Any, release_values: Any) -> None:
    wanted = coalesced(defaults, release_values)
    assert coalesced(defaults, merge(made, overrides(made, defaults, wanted))) == wanted


@given(VALUES, VALUES)
def test_what_is_as_wanted_needs_no_override(made: Any, defaults: Any) -> None:
    assert overrides(made, defaults, coalesced(defaults, made)) == {}


# The real chart.


def _like(value: Any) -> some.SearchStrategy[Any]:
    """Values of the shape of the chart's own: some of its keys, each with a value of its kind."""
    if isinstance(value, dict) and value:
        return some.fixed_dictionaries({}, optional={key: _like(below) for key, below in value.items()})
    if isinstance(value, dict):
        return some.dictionaries(some.text("abc", min_size=1, max_size=3), some.text("xyz", max_size=3), max_size=2)
    return {bool: some.booleans(), int: some.integers(0, 9), list: some.just([{"name": "A", "value": "b"}])}.get(
        type(value), some.text("xyz", min_size=1, max_size=4)
    )


FREE = {key: value for key, value in DEFAULTS.items() if key not in ("airflowVersion", "executor", "images", "rbac")}
FREE["config"] = {**DEFAULTS["config"], "core": {"parallelism": "8"}, "webserver": {"x": "y"}}


@given(_like({key: value for key, value in FREE.items() if not key.startswith("defaultAirflow")}))
def test_whatever_a_release_has_the_proposed_entry_has(values: dict[str, Any]) -> None:
    wanted = proposal.seen(release(merge(LEAST, values)))
    assert seen_with(entry(values)) == wanted


def test_an_entry_has_keys_for_what_there_are_keys_for() -> None:
    values = {
        "airflowVersion": "3.2.2",
        "images": {"airflow": {"repository": "example.com/airflow", "tag": "3.2.2"}},
        "executor": "LocalExecutor",
        "dags": {
            "gitSync": {
                "enabled": True,
                "repo": "https://git.example.com/x.git",
                "ref": "v1",
                "subPath": "dags",
                "period": "60s",
            }
        },
    }
    found = entry(values)
    assert found["airflow"] == "3.2.2"
    assert found["image"] == "example.com/airflow"
    assert found["executor"] == "LocalExecutor"
    assert found["dags"] == {
        "source": "git", "repository": "https://git.example.com/x.git", "ref": "v1", "path": "dags", "interval": 60,
    }  # fmt: skip
    assert "repo" not in found["values"].get("dags", {}).get("gitSync", {})
    assert seen_with(found) == proposal.seen(release(merge(LEAST, values)))


def test_what_fleet_would_make_needs_no_values() -> None:
    team = Team.model_validate({"owner": "x@example.com", "adopted": True})
    made = airflow.values(INVENTORY.platform, resolve(INVENTORY, "x", team))
    found = propose(INVENTORY, "x", release(made), {"owner": "x@example.com"}, proposal.sizes(INVENTORY))
    assert found == {"owner": "x@example.com", "adopted": True}


def test_the_size_is_the_one_that_differs_least() -> None:
    team = Team.model_validate({"owner": "x@example.com", "adopted": True, "size": "medium"})
    made = airflow.values(INVENTORY.platform, resolve(INVENTORY, "x", team))
    found = propose(INVENTORY, "x", release(made), {"owner": "x@example.com"}, proposal.sizes(INVENTORY))
    assert found == {"owner": "x@example.com", "adopted": True, "size": "medium"}


def test_an_adopted_airflow_gets_nothing_of_fleets_on_its_pods() -> None:
    values = seen_with({"owner": "x@example.com", "adopted": True})
    assert "fleet" not in str([values[key] for key in ("labels", "airflowPodAnnotations", "volumes", "volumeMounts")])
    rotated = resolve(INVENTORY, "x", Team(owner="x@example.com", adopted=True), {"database": 1})
    assert "fleet/secrets" in airflow.values(INVENTORY.platform, rotated)["airflowPodAnnotations"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"executor": "CeleryExecutor"}, "CeleryExecutor"),
        ({"airflowVersion": "2.10.5"}, "airflow"),
        ({"config": {"core": {"auth_manager": "airflow.api_fastapi.auth.managers.simple.S"}}}, "auth manager"),
    ],
)
def test_an_airflow_that_no_entry_describes_is_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(FleetError, match=says):
        entry(values)


def test_the_official_chart_is_named_with_its_version() -> None:
    found = entry({}, official=True, version="1.22.0")
    assert found["chart"] == {"source": "official", "version": "1.22.0", "repository": "https://airflow.apache.org"}


def test_who_may_enter_is_kept_but_for_the_teams_own_groups() -> None:
    client = Client(
        id="1", secret="", redirects=(), pkce="", roles={}, mappers=(), own_groups={},
        groups={"admin": ("/x/admin", "/company/data"), "op": ("/x/op",)}, users={"viewer": ("alice",)},
    )  # fmt: skip
    assert proposal.access(client, "x") == {
        "access": {"groups": {"admin": ["/company/data"]}, "users": {"viewer": ["alice"]}}
    }


# Secrets.


@pytest.mark.parametrize(
    "values",
    [
        {"fernetKey": "x"},
        {"data": {"metadataConnection": {"pass": "x"}}},
        {"data": {"brokerUrl": "redis://:x@redis/0"}},
        {"env": [{"name": "AIRFLOW_CONN_DWH", "value": "postgresql://dwh:x@db/dwh"}]},
        {"env": [{"name": "DB_PASSWORD", "value": "x"}]},
        {"config": {"api": {"secret_key": "x"}}},
        {"apiServer": {"apiServerConfig": 'OAUTH = {"client_secret": "x"}'}},
        {"extraEnv": "- name: X\n  value: this is a known one"},
    ],
)
def test_secrets_in_values_are_seen(values: dict[str, Any]) -> None:
    assert list(secrets_in(values, ["a known one"]))


def test_fleets_own_values_hold_no_secret() -> None:
    assert not list(secrets_in(seen_with({"owner": "x@example.com"}), ["a known one"]))


def test_differences_are_told_by_names_alone() -> None:
    before = {"containers": [{"name": "s", "env": [{"name": "A", "value": "old secret"}]}], "replicas": 1}
    after = {"containers": [{"name": "s", "env": [{"name": "A", "value": "new secret"}]}], "replicas": 2}
    assert list(differences(before, after, "spec")) == ["spec.containers[s].env[A].value", "spec.replicas"]


# Room.


def _pod(cpu: str, memory: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"resources": {"requests": {"cpu": cpu}, "limits": {"memory": memory}}}]}}


def test_sizes_without_room_are_left_out() -> None:
    pods = [_pod("500m", "2Gi")] * 4
    assert room.roomy(INVENTORY, pods, 5, {}) == ["large", "medium"]
    assert room.roomy(INVENTORY, [_pod("50m", "1Gi")] * 4, 5, {})[0] == "small"
    assert room.roomy(INVENTORY, [_pod("50m", "1Gi")] * 4, 50, {}) == ["large", "medium"]


def test_no_size_with_room_is_refused() -> None:
    with pytest.raises(FleetError, match="memory"):
        room.roomy(INVENTORY, [_pod("1", "500Gi")], 5, {})
    assert room.roomy(INVENTORY, [_pod("1", "500Gi")], 5, {"size": "large", "quota": {"memory": "2000Gi"}}) == ["large"]
