"""An Airflow that was installed by hand, on the real node, becomes one of the fleet by the commands of the how-to page: no pod
is restarted, no key changed, every plan empty; also when the first run is killed."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.support import docs
from tests.support.browser import sign_in
from tests.support.by_hand import REALM, ByHand
from tests.support.http import ask
from tests.support.inventories import without_portal
from tests.support.sandbox import FLEET, Sandbox

pytestmark = pytest.mark.teams

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "docs" / "how-to" / "adopt.md"
TEAM = f"heirloom-{uuid4().hex[:4]}"
ADOPT = ("adopt", TEAM, "--owner", "heirs@example.com")


@dataclass(frozen=True)
class Heirloom:
    """The Airflow, and the folder with the inventory that is to have it."""

    made: ByHand
    folder: Path
    password: str

    @property
    def sandbox(self) -> Sandbox:
        return self.made.sandbox

    @property
    def inventory(self) -> Path:
        return self.folder / "tenants.yaml"

    @property
    def environment(self) -> dict[str, str]:
        found = {**self.sandbox.environment, "PATH": f"{Path(FLEET).parent}:{self.sandbox.environment['PATH']}"}
        return {**found, "FLEET_INVENTORY": str(self.inventory)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([FLEET, *arguments], env=self.environment, capture_output=True, text=True)

    def fleet(self, *arguments: str, check: bool = True) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout or done.stderr

    def killed_after(self, words: str, *arguments: str) -> None:
        run = subprocess.Popen(
            [FLEET, *arguments], env=self.environment, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert run.stderr
        for line in run.stderr:
            if words in line:
                run.kill()
                break
        run.wait()
        assert run.returncode == -signal.SIGKILL

    def planned(self) -> list[dict[str, Any]]:
        """What is left to do here; other tests have their own inventory, and the platform as that has it."""
        rows = json.loads(self.fleet("plan", TEAM, "--output", "json"))
        return [row for row in rows if row["instance"] == TEAM]

    def versions(self) -> dict[str, str]:
        """Every object of the namespace and of the system namespace that could be about it, with its version."""
        kinds = "secrets,configmaps,deployments,services,serviceaccounts,networkpolicies,resourcequotas,ingresses"
        found = self.sandbox.objects(kinds, self.made.namespace)
        system = self.sandbox.objects("secrets,configmaps,leases", "fleet-system")
        found += [each for each in system if TEAM in each["metadata"]["name"]]
        return {f"{each['kind']} {each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in found}

    def leave_the_guardrails_unfinished(self) -> None:
        """As if the run had been killed earlier, and Helm with it: what it began is there, and the namespace a part of it."""
        note, system = f"sh.helm.release.v1.guardrails-{TEAM}.v1", ("--namespace", "fleet-system")
        self.sandbox.kubectl("label", "secret", note, "status=pending-install", "--overwrite", *system)
        self.sandbox.kubectl("delete", "configmap", f"applied-{TEAM}", *system)

    def client(self) -> dict[str, Any]:
        return self.made.keycloak.client(REALM, f"airflow-{TEAM}")


@pytest.fixture(scope="module")
def heirloom(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heirloom]:
    folder = tmp_path_factory.mktemp("adopt")
    (folder / "tenants.yaml").write_text(without_portal())
    found = Heirloom(ByHand(TEAM, sandbox), folder, secrets.token_urlsafe(12))
    try:
        found.fleet("apply", "--yes")  # the platform
        found.made.install()
        found.made.keycloak.add_user(REALM, f"{TEAM}-alice", found.password)
        found.made.give(REALM, f"{TEAM}-alice", "admin")
        yield found
    finally:
        if f"keys-{TEAM}" in sandbox.kubectl("get", "secrets", "--namespace", "fleet-system"):
            found.fleet("remove-team", TEAM, "--no-backup", "--yes", "--confirm", TEAM, check=False)
        found.made.remove()
        found.made.keycloak.remove_user(REALM, f"{TEAM}-alice")


def test_it_is_taken_over_and_nobody_notices(heirloom: Heirloom) -> None:
    made, inventory = heirloom.made, heirloom.inventory.read_text()
    pods, versions, client = made.pods(), heirloom.versions(), heirloom.client()
    assert len(pods) == 4

    # Looking changes nothing at all.
    shown = heirloom.fleet(*ADOPT, "--dry-run")
    assert (heirloom.versions(), heirloom.client(), heirloom.inventory.read_text()) == (versions, client, inventory)
    assert "import database.postgresql_database.this" in shown and "connection_limit: -1 → 30" in shown

    # A run that is killed leaves nothing that the next one could not go on with.
    heirloom.killed_after(" guardrails ", *ADOPT, "--yes")
    assert heirloom.inventory.read_text() == inventory
    heirloom.leave_the_guardrails_unfinished()

    docs.run(heirloom.folder, [_about(TEAM, step) for step in docs.steps(PAGE)], heirloom.environment)
    assert made.pods() == pods

    entry = yaml.safe_load(heirloom.inventory.read_text())["teams"][TEAM]
    assert entry["adopted"] and entry["executor"] == "LocalExecutor"
    assert entry["access"] == {"users": {"admin": [f"{TEAM}-alice"]}}
    assert heirloom.inventory.read_text().startswith(inventory.removesuffix("teams: {}\n"))

    assert heirloom.planned() == []
    held = heirloom.sandbox.secret("fleet-system", f"keys-{TEAM}")
    assert held == made.keys
    for name, data in made.secrets.items():
        assert heirloom.sandbox.secret(made.namespace, name) == data
    text = heirloom.inventory.read_text() + shown + "".join(map(Path.read_text, _journals(heirloom)))
    assert not [key for key, value in made.keys.items() if value in text]

    # Nobody else owns a field any more.
    kinds, fields = "deployments,services,networkpolicies", ("--output", "json", "--show-managed-fields")
    managers = {
        entry["manager"]
        for each in json.loads(made.kubectl("get", kinds, *fields))["items"]
        for entry in each["metadata"]["managedFields"]
        if "subresource" not in entry
    }
    assert managers <= {"helm", "kube-controller-manager"}


def _journals(heirloom: Heirloom) -> list[Path]:
    state = Path(heirloom.sandbox.environment["KUBECONFIG"]).parents[1]
    return sorted((state / "journal").glob("*.jsonl"))[-3:]


def _about(team: str, step: docs.Step) -> docs.Step:
    return docs.Step(step.command.replace("research", team), [line.replace("research", team) for line in step.shown])


def test_people_still_sign_in(heirloom: Heirloom, page: Page) -> None:
    sign_in(page, f"{heirloom.made.url}/", f"{TEAM}-alice", heirloom.password)
    expect(page.get_by_text("Active Dags")).to_be_visible()
    assert page.url.startswith(f"{heirloom.made.url}/")
    assert ask(f"{heirloom.made.url}/api/v2/monitor/health").status == 200


def test_it_is_one_of_the_fleet(heirloom: Heirloom) -> None:
    pods = heirloom.made.pods()
    row = next(line for line in heirloom.fleet("status", TEAM, check=False).splitlines() if line.startswith(TEAM))
    assert "healthy" in row
    done = heirloom.run("rotate", TEAM, "--fernet", "--yes")
    assert "its pods take keys from our-fernet-key" in done.stderr
    assert "there is an entry" in heirloom.fleet(*ADOPT, "--yes", check=False)
    assert heirloom.fleet("drift", "--team", TEAM).startswith("0 findings")
    heirloom.fleet("apply", TEAM, "--yes", "--refresh")
    assert heirloom.made.pods() == pods


def test_removing_it_takes_all_of_it(heirloom: Heirloom) -> None:
    heirloom.fleet("remove-team", TEAM, "--no-backup", "--yes", "--confirm", TEAM)
    assert heirloom.made.namespace not in heirloom.sandbox.kubectl("get", "namespaces")
    assert heirloom.made.keycloak.get(f"/{REALM}/clients?clientId=airflow-{TEAM}") == []
    with heirloom.sandbox.admin() as admin:
        query = (
            "SELECT datname FROM pg_database WHERE datname = %s UNION SELECT rolname FROM pg_roles WHERE rolname = %s"
        )
        assert admin.execute(query, [heirloom.made.role] * 2).fetchall() == []
