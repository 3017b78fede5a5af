"""Google Cloud from nothing to a team, on the stand-in's record and the sandbox's real PostgreSQL and Keycloak.

No Google account is needed, and nothing here says that Google would agree: that its API takes these values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fleet import inventory
from fleet.desired import stacks
from fleet.desired.resolve import resolve
from fleet.remove import BESIDE_THE_DATABASE
from tests.support.sandbox import Sandbox
from tests.support.terraform import ANY_SECRETS, SOURCES, World, terraform

EXAMPLE = SOURCES / "examples" / "gcp" / "tenants.yaml"
PROJECT, TEAM = "example-fleet", "marketing"
PASSWORD = f"an administrator's {uuid4().hex}"
ACCOUNT = f"airflow-{TEAM}@{PROJECT}.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Cloud:
    """A world whose three Terraform roots share one record."""

    world: World
    record: Path

    def held(self, kind: str) -> dict[str, dict[str, Any]]:
        objects: dict[str, dict[str, Any]] = json.loads(self.record.read_text()).get(kind, {})
        return objects

    def alter(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Do something to the record behind Terraform's back."""
        objects = json.loads(self.record.read_text())
        change(objects)
        self.record.write_text(json.dumps(objects))

    def example(self, *arguments: str) -> str:
        folder = self.world.folder / "terraform" / "examples" / "gcp"
        environment = {**self.world.environment, "FLEET_GOOGLE_RECORD": str(self.record)}
        return terraform(folder, *arguments, environment=environment).stdout

    def call(self, stack: str, *arguments: str, check: bool = True) -> str:
        """A command of a stack, with the variables that fleet makes of the example's inventory."""
        file = self.world.folder / f"{stack}.tfvars.json"
        file.write_text(json.dumps(self.variables(stack)))
        secrets = {f"TF_VAR_{name}": value for name, value in ANY_SECRETS.items()}
        extra = {
            **secrets,
            "TF_VAR_database_admin_password": PASSWORD,
            "TF_VAR_portal_client_secret": PASSWORD,
            "FLEET_GOOGLE_RECORD": str(self.record),
        }
        workspace = "default" if stack == "platform" else TEAM
        command, *rest = arguments
        done = self.world.call(
            stack, command, "-input=false", f"-var-file={file}", *rest, workspace=workspace, extra=extra, check=check
        )
        return done.stdout + done.stderr

    def variables(self, stack: str) -> dict[str, Any]:
        """The example's, but for the servers that are the sandbox's."""
        found = inventory.load(EXAMPLE).inventory
        sso = {"url": self.world.keycloak.url, "realm": self.world.realm}
        if stack == "platform":
            made = stacks.platform(found)
            made["sso"] |= {**sso, "deletion_protection": False}
            return made
        made = stacks.team(found.platform, resolve(found, TEAM, found.teams[TEAM]))
        name = f"test_{self.world.mark}_{TEAM}"
        made["database"] |= {"name": name, "schema": name, "role": name}
        return made | {"database_server": self.world.database_server, "sso": made["sso"] | sso}

    def changes(self, stack: str) -> dict[str, list[str]]:
        plan = self.world.folder / f"{stack}.plan"
        self.call(stack, "plan", f"-out={plan}")
        shown = json.loads(self.world.call(stack, "show", "-json", str(plan)).stdout)
        found = {change["address"]: change["change"]["actions"] for change in shown["resource_changes"]}
        return {address: actions for address, actions in found.items() if actions not in (["no-op"], ["read"])}


@pytest.fixture(scope="module")
def cloud(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The example, the platform and one team, applied in this order."""
    folder = tmp_path_factory.mktemp("google")
    world = World(sandbox, folder, uuid4().hex[:6])
    made = Cloud(world, folder / "record.json")
    try:
        world.begin()
        made.example("init", "-input=false")
        made.example("apply", "-auto-approve", "-input=false", f"-var=project={PROJECT}")
        made.call("platform", "apply", "-auto-approve")
        world.call("team", "workspace", "new", TEAM, workspace=TEAM)
        made.call("team", "apply", "-auto-approve")
        yield made
    finally:
        world.end()


def test_all_three_are_made_and_nothing_is_left_to_do(cloud: Cloud) -> None:
    assert "No changes." in cloud.example("plan", "-input=false", f"-var=project={PROJECT}")
    assert cloud.changes("platform") == {} and cloud.changes("team") == {}


def test_the_inventory_fits_what_the_example_made(cloud: Cloud) -> None:
    found = inventory.load(EXAMPLE).inventory.platform
    outputs = {name: each["value"] for name, each in json.loads(cloud.example("output", "-json")).items()}
    assert found.gcp and found.database.cloud_sql
    assert outputs["context"] == found.kubernetes.context and outputs["network"] == found.gcp.network
    assert outputs["buckets"] == {"states": found.terraform.bucket, "dumps": found.database.cloud_sql.bucket}


def test_the_server_has_a_private_address_with_a_name(cloud: Cloud) -> None:
    (server,) = cloud.held("google_sql_database_instance").values()
    (record,) = (each for each in cloud.held("google_dns_record_set").values() if each["name"].startswith("postgres."))
    assert not server["settings"][0]["ip_configuration"][0]["ipv4_enabled"]
    assert record["rrdatas"] == [server["private_ip_address"]] and record["rrdatas"][0].startswith("10.")


def test_the_teams_pods_are_its_service_account(cloud: Cloud) -> None:
    members = {each["member"] for each in cloud.held("google_service_account_iam_member").values()}
    pods = ("api-server", "dag-processor", "scheduler", "triggerer", "worker")
    assert members == {f"serviceAccount:{PROJECT}.svc.id.goog[airflow-{TEAM}/airflow-{pod}]" for pod in pods}


def test_the_service_account_reaches_its_own_logs_only(cloud: Cloud) -> None:
    (right,) = cloud.held("google_storage_managed_folder_iam_member").values()
    assert (right["member"], right["managed_folder"]) == (f"serviceAccount:{ACCOUNT}", f"{TEAM}/")
    assert cloud.held("google_storage_bucket_iam_member") == {}


def test_the_service_account_is_a_database_user_without_a_password(cloud: Cloud) -> None:
    users = {each["name"]: each for each in cloud.held("google_sql_user").values()}
    user = users[ACCOUNT.removesuffix(".gserviceaccount.com")]
    assert user["type"] == "CLOUD_IAM_SERVICE_ACCOUNT" and user["password"] is user["password_wo"] is None


def test_no_password_is_in_the_record_or_in_a_state(cloud: Cloud) -> None:
    texts = [cloud.record.read_text()]
    texts += [json.dumps(cloud.world.state(stack, name)) for stack, name in (("platform", "default"), ("team", TEAM))]
    secrets = [PASSWORD, *ANY_SECRETS.values()]
    assert "google_secret_manager_secret_version" in texts[1]
    assert [secret for secret in secrets for text in texts if secret in text] == []


def _open_the_bucket(objects: dict[str, Any]) -> None:
    objects["google_storage_bucket"]["example-fleet-logs"]["public_access_prevention"] = "inherited"


def _drop_the_backups(objects: dict[str, Any]) -> None:
    (server,) = objects["google_sql_database_instance"].values()
    server["settings"][0]["backup_configuration"][0]["enabled"] = False


def _take_the_folder_away(objects: dict[str, Any]) -> None:
    objects["google_storage_managed_folder_iam_member"].clear()


DRIFT = [
    ("platform", _open_the_bucket, "module.gcp[0].google_storage_bucket.logs", "update"),
    ("platform", _drop_the_backups, "module.gcp[0].google_sql_database_instance.this", "update"),
    (
        "team",
        _take_the_folder_away,
        "module.instance.module.gcp[0].google_storage_managed_folder_iam_member.logs",
        "create",
    ),
]


@pytest.mark.parametrize(("stack", "drift", "address", "action"), DRIFT, ids=lambda each: getattr(each, "__name__", ""))
def test_drift_shows_and_is_put_right(
    cloud: Cloud, stack: str, drift: Callable[[dict[str, Any]], None], address: str, action: str
) -> None:
    cloud.alter(drift)
    assert cloud.changes(stack) == {address: [action]}
    cloud.call(stack, "apply", "-auto-approve")
    assert cloud.changes(stack) == {}


IMPORTS = {
    "google_service_account.this": f"projects/{PROJECT}/serviceAccounts/{ACCOUNT}",
    "google_storage_managed_folder.logs": f"{PROJECT}-logs/{TEAM}/",
    'google_service_account_iam_member.pods["airflow-worker"]': (
        f"projects/{PROJECT}/serviceAccounts/{ACCOUNT} roles/iam.workloadIdentityUser "
        f"serviceAccount:{PROJECT}.svc.id.goog[airflow-{TEAM}/airflow-worker]"
    ),
    "google_sql_user.this[0]": f"{PROJECT}/fleet-postgres/{ACCOUNT.removesuffix('.gserviceaccount.com')}",
}


def test_what_is_there_is_imported(cloud: Cloud) -> None:
    for name, identity in IMPORTS.items():
        address = f"module.instance.module.gcp[0].{name}"
        cloud.world.call("team", "state", "rm", address, workspace=TEAM)
        cloud.call("team", "import", address, identity)
    cloud.call("team", "apply", "-auto-approve")
    assert cloud.changes("team") == {}


def test_a_protected_server_is_not_destroyed(cloud: Cloud) -> None:
    server = "module.gcp[0].google_sql_database_instance.this"
    said = cloud.call("platform", "destroy", "-auto-approve", f"-target={server}", check=False)
    assert "deletion_protection" in said
    assert len(cloud.held("google_sql_database_instance")) == 1
    cloud.call("platform", "apply", "-auto-approve")


def test_a_kept_database_keeps_nothing_else(cloud: Cloud) -> None:
    cloud.call("team", "destroy", "-auto-approve", *(f"-target={part}" for part in BESIDE_THE_DATABASE))
    held = cloud.world.call("team", "state", "list", workspace=TEAM).stdout.splitlines()
    assert held and all(address.startswith("module.instance.module.database.") for address in held)
    cloud.call("team", "apply", "-auto-approve")


def test_removal_takes_all_of_the_team_and_nothing_of_the_platform(cloud: Cloud) -> None:
    """Last: it leaves no team."""
    cloud.call("team", "destroy", "-auto-approve")
    for kind in ("google_service_account", "google_service_account_iam_member", "google_storage_managed_folder"):
        assert cloud.held(kind) == {}
    assert [each["name"] for each in cloud.held("google_sql_user").values()] == ["fleet_admin"]
    assert cloud.changes("platform") == {}
