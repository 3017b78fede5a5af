"""The look at all instances before an upgrade, on the real API server and the real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet import lease
from fleet.desired import Contents, DesiredInstance, build
from fleet.model import Inventory
from fleet.observe import Component, Observed, ObservedInstance
from fleet.upgrade.preflight import Finding, look
from tests.support.airflow_server import free_port
from tests.support.cloudsql import Server, Team, a_team, serving
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.teams

IMAGE = "fleet.local/none-such:3.3.2"
WELL = tuple(Component(name, IMAGE, 1, 1, True) for name in ("api-server", "scheduler"))


@pytest.fixture
def cloud_sql(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def team(sandbox: Sandbox, cloud_sql: Server) -> Iterator[Team]:
    with a_team(sandbox, cloud_sql.cloud_sql) as team:
        sandbox.kubectl("create", "namespace", f"airflow-{team.name}")
        yield team
        sandbox.kubectl("delete", "namespace", f"airflow-{team.name}", "--wait=false")


def wanted(team: Team, name: str = "", **entry: Any) -> DesiredInstance:
    data = yaml.safe_load((Path(__file__).parents[2] / "tenants.yaml").read_text())
    name = name or team.name
    data["teams"] = {name: {"owner": "x@example.com", "image": IMAGE, **entry}}
    return build(Inventory.model_validate(data), Contents("p", "t", "g", "a", "c")).instances[name]


def seen(team: Team, *instances: DesiredInstance, well: bool = True) -> dict[str, list[Finding]]:
    there = ObservedInstance(team.name, created=datetime.now(UTC), components=WELL if well else ())
    return dict(asyncio.run(look(instances, Observed(None, {team.name: there}), team.world, backups=4)))


def checks(found: list[Finding], blocking: bool) -> set[str]:
    return {each.check for each in found if each.blocking == blocking}


def apply(team: Team, manifest: dict[str, Any]) -> None:
    path = Path(team.sandbox.environment["KUBECONFIG"]).parent / f"{team.name}.json"
    path.write_text(json.dumps(manifest))
    team.sandbox.kubectl("apply", "--filename", str(path))
    path.unlink()


def test_of_a_healthy_one_only_sizes_are_told(team: Team) -> None:
    (found,) = seen(team, wanted(team)).values()
    assert checks(found, True) == set()
    assert checks(found, False) == {"database", "image"}
    assert {each.what for each in found if each.check == "image"} == {
        f"{IMAGE} is on no node yet; it is fetched when the migration starts"
    }
    (size,) = (each.what for each in found if each.check == "database")
    assert int(size.split()[0]) >= 7  # MiB that PostgreSQL's own catalogue takes


def test_what_is_not_there_or_not_well_blocks(team: Team) -> None:
    found = seen(team, wanted(team), wanted(team, "nobody"), well=False)
    assert checks(found[team.name], True) == {"health"}
    assert found["nobody"][0].blocking and checks(found["nobody"], True) == {"health", "database"}
    assert {each.what for each in found["nobody"]} >= {"not applied", "there is no database nobody"}


def test_a_quota_too_small_and_connections_in_use_are_seen(team: Team) -> None:
    metadata = {"name": "guardrails", "namespace": f"airflow-{team.name}", "labels": {"fleet/instance": team.name}}
    hard = {"pods": "50", "limits.memory": "64Mi"}
    apply(team, {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}})
    desired = wanted(team)
    limit = desired.parts["terraform"]["variables"]["database"]["connection_limit"]
    with ExitStack() as open_:
        for _ in range(min(limit, 30) - 2):
            open_.enter_context(team.connect())
        found = seen(team, desired)[team.name]
    assert checks(found, True) == {"quota"} and "connections" in checks(found, False)
    assert "connections" not in checks(seen(team, desired)[team.name], False)


@pytest.mark.parametrize(
    "who, seconds, told",
    [("eve@elsewhere, process 1", 0, True), ("eve@elsewhere, process 1", 3600, False), (lease.holder(), 0, False)],
)
def test_only_a_fresh_lease_of_somebody_else_is_told_and_never_blocks(
    team: Team, who: str, seconds: float, told: bool
) -> None:
    renewed = (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    metadata = {"name": f"fleet-{team.name}", "namespace": "fleet-system", "labels": {"fleet/instance": team.name}}
    spec = {"holderIdentity": who, "leaseDurationSeconds": 30, "renewTime": renewed}
    apply(team, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec})
    try:
        found = seen(team, wanted(team))[team.name]
    finally:
        team.sandbox.kubectl("delete", "lease", f"fleet-{team.name}", "--namespace", "fleet-system")
    assert ("lease" in checks(found, False)) is told and checks(found, True) == set()


def test_a_disk_without_room_for_the_restored_backup_blocks(team: Team, cloud_sql: Server) -> None:
    settings = Path(cloud_sql.settings.data) / "instance.json"
    for told, blocking in (
        ({}, set()),  # this machine's disk
        ({"dataDiskSizeGb": "0"}, {"space"}),
        ({"dataDiskSizeGb": "0", "storageAutoResize": True}, set()),
        ({"dataDiskSizeGb": "0", "storageAutoResize": True, "storageAutoResizeLimit": "1000"}, set()),
    ):
        settings.write_text(json.dumps({"settingsVersion": "1", **told}))
        assert checks(seen(team, wanted(team))[team.name], True) == blocking, told


def test_a_server_that_is_away_blocks_every_instance(team: Team) -> None:
    database = team.platform.database.model_copy(update={"port": free_port()})
    away = Team(team.name, team.platform.model_copy(update={"database": database}), team.sandbox)
    for findings in seen(away, wanted(team), wanted(team, "nobody")).values():
        assert "database" in checks(findings, True)
