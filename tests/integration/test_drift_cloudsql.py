"""The Cloud SQL server's settings: changed behind fleet's back with Google's own client, found, and put back by it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import sqladmin_v1beta4 as sqladmin

from fleet.desired import Desired
from fleet.drift import database
from fleet.drift.finding import Finding, Looked
from fleet.drift.mend import Configure
from fleet.drift.scene import Scene
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.model import Inventory
from fleet.observe import Observed
from fleet.sandbox import layout
from tests.support.cloudsql import Server, serving
from tests.support.sandbox import Sandbox

WHERE = {"project": "fleet-sandbox", "instance": "fleet-sandbox"}
# What is patched, and the kind, severity and field by which it is told; `by hand`: it restarts the server.
CHANGES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"tier": "db-custom-8-32768"}, "server-tier", "warning", "settings.tier"),
    ({"availability_type": "REGIONAL"}, "server-availability", "warning", "settings.availabilityType"),
    ({"deletion_protection_enabled": False}, "server-protection", "warning", "settings.deletionProtectionEnabled"),
    ({"backup_configuration": {"enabled": False}}, "server-backups", "critical", "settings.backupConfiguration.enabled"),
    ({"backup_configuration": {"point_in_time_recovery_enabled": False}}, "server-backups", "critical",
     "settings.backupConfiguration.pointInTimeRecoveryEnabled"),
    ({"backup_configuration": {"start_time": "14:00"}}, "server-retention", "warning",
     "settings.backupConfiguration.startTime"),
    ({"backup_configuration": {"backup_retention_settings": {"retained_backups": 2}}}, "server-retention", "warning",
     "settings.backupConfiguration.backupRetentionSettings.retainedBackups"),
    ({"ip_configuration": {"ipv4_enabled": True}}, "server-address", "critical", "settings.ipConfiguration.ipv4Enabled"),
    ({"ip_configuration": {"authorized_networks": [{"value": "0.0.0.0/0", "name": "home"}]}}, "server-address", "critical",
     "settings.ipConfiguration.authorizedNetworks"),
    ({"maintenance_window": {"day": 2, "hour": 4}}, "server-maintenance", "info", "settings.maintenanceWindow.day"),
    ({"maintenance_window": {"day": 7, "hour": 0}}, "server-maintenance", "info", "settings.maintenanceWindow.hour"),
    ({"database_flags": [{"name": "log_min_duration_statement", "value": "123456"}]}, "server-flag", "warning",
     "settings.databaseFlags.log_min_duration_statement"),
    ({"database_flags": [{"name": "cloudsql.iam_authentication", "value": "on"}]}, "server-flag", "warning",
     "settings.databaseFlags.cloudsql.iam_authentication"),
]  # fmt: skip
BY_HAND = ("database.server-tier", "database.server-availability")


@pytest.fixture(scope="module")
def server(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("cloudsql")) as server:
        yield server


@pytest.fixture(scope="module")
def inventory(server: Server) -> Inventory:
    text = (Path(__file__).parents[2] / "tenants.yaml").read_text()
    return Inventory.model_validate(
        yaml.safe_load(text.replace(f"http://{layout.current().address}:9410", server.settings.url))
    )


def _scene(inventory: Inventory, *, platform: bool = True) -> Scene:
    desired = Desired({}, None, {})
    return Scene(inventory, desired, Observed(None, {}), World(inventory.platform), frozenset(), platform)


def _look(inventory: Inventory) -> Looked:
    return asyncio.run(database.look(_scene(inventory)))


def _patch(server: Server, settings: dict[str, Any]) -> None:
    client = sqladmin.SqlInstancesServiceClient(
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        transport="rest",
        client_options=ClientOptions(api_endpoint=server.settings.url),
    )
    client.patch(request={**WHERE, "body": {"settings": settings}})


def _mend(inventory: Inventory, finding: Finding) -> None:
    assert isinstance(finding.mend, Configure), finding
    asyncio.run(World(inventory.platform).cloud_sql.patch(finding.mend.settings))


def test_a_server_as_it_was_made_gives_no_finding(inventory: Inventory) -> None:
    looked = _look(inventory)
    assert (looked.findings, looked.unseen) == ((), ())


@pytest.mark.parametrize(("change", "kind", "severity", "field"), CHANGES, ids=lambda each: str(each)[:50])
def test_a_change_is_found_and_put_back(
    server: Server, inventory: Inventory, change: dict[str, Any], kind: str, severity: str, field: str
) -> None:
    _patch(server, change)
    (finding,) = _look(inventory).findings
    assert (finding.kind.name, finding.severity, finding.field) == (f"database.{kind}", severity, field)
    assert (finding.team, finding.address) == ("platform", "Cloud SQL instance fleet-sandbox/fleet-sandbox")
    assert finding.expected != finding.found
    if finding.kind.name in BY_HAND:
        assert finding.mend is None and "restarts the server" in finding.advice
        _patch(server, {"tier": "sandbox", "availability_type": "ZONAL"})
    else:
        _mend(inventory, finding)
    assert not _look(inventory).findings


def test_all_at_once_is_one_request(server: Server, inventory: Inventory) -> None:
    _patch(
        server,
        {
            "database_flags": [
                {"name": "log_min_duration_statement", "value": "234567"},
                {"name": "work_mem", "value": "4100"},
            ]
        },
    )
    _patch(server, {"backup_configuration": {"enabled": False}, "maintenance_window": {"day": 1, "hour": 1}})
    before = server.log.read_text().count(" GET /sql/")
    found = _look(inventory).findings
    assert server.log.read_text().count(" GET /sql/") - before == 1
    assert len(found) == 5
    for finding in found:
        _mend(inventory, finding)
    assert not _look(inventory).findings


def test_a_part_of_the_fleet_leaves_the_server_alone(inventory: Inventory) -> None:
    assert asyncio.run(database.look(_scene(inventory, platform=False))) == Looked()


def test_an_api_that_is_away_is_no_server_without_drift(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_: object) -> dict[str, Any]:
        raise FleetError("Cloud SQL: it does not answer", hint="start it")

    monkeypatch.setattr("fleet.drivers.cloudsql.CloudSql.instance", away)
    looked = _look(inventory)
    assert [(each.layer, each.hint) for each in looked.unseen] == [("database", "start it")] and not looked.findings
