"""Keys changed under a running Airflow: what was stored before is read after, by tasks that run all the time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import yaml

from tests.e2e.conftest import eventually
from tests.support.sandbox import FLEET, Sandbox

CHECKOUT = Path(__file__).resolve().parents[2]
TEAM, IMAGE = "vault", "fleet.local/vault:1"
# Twice a minute a task, in a pod of its own, reads a connection and a variable that were stored before.
DAG = """
from datetime import datetime, timedelta
from airflow.sdk import Connection, Variable, dag, task

@dag(
    schedule=timedelta(seconds=30), start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=2,
    is_paused_upon_creation=True,
)
def reader():
    @task
    def read():
        assert Connection.get("bank").password == "semper idem"
        assert Variable.get("motto") == "festina lente"
    read()

reader()
"""


@dataclass(frozen=True)
class Vault:
    """One team on an inventory of its own."""

    sandbox: Sandbox
    inventory: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**self.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}

    def fleet(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([FLEET, *arguments], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stderr
        return done

    def killed_after(self, words: str, *arguments: str) -> None:
        """Run fleet, and kill it as soon as it has said some words."""
        run = subprocess.Popen(
            [FLEET, *arguments], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert run.stderr is not None
        said = next((line for line in run.stderr if words in line), "")
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        assert said

    def airflow(self, *arguments: str) -> str:
        """Airflow's own command line, in the scheduler's pod."""
        command = ("deployment/airflow-scheduler", "--container", "scheduler", "--", "airflow", *arguments)
        return self.sandbox.kubectl("exec", "--namespace", f"airflow-{TEAM}", *command)

    @property
    def keys(self) -> dict[str, str]:
        return self.sandbox.secret("fleet-system", f"keys-{TEAM}")

    def runs(self, state: str) -> int:
        with self.sandbox.team(TEAM) as connection:
            ((count,),) = connection.execute("select count(*) from task_instance where state = %s", [state]).fetchall()
        return int(count)


@pytest.fixture(scope="module")
def vault(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    folder = tmp_path_factory.mktemp("vault")
    (folder / "dags").mkdir()
    (folder / "dags" / "reader.py").write_text(DAG)
    subprocess.run([FLEET, "sandbox", "image", IMAGE, "--dags", str(folder / "dags")], check=True, capture_output=True)
    data = yaml.safe_load((CHECKOUT / "tenants.yaml").read_text())
    data["teams"] = {TEAM: {"owner": "vault@example.com", "image": IMAGE, "dags": {"source": "baked"}}}
    inventory = folder / "tenants.yaml"
    inventory.write_text(yaml.safe_dump(data))
    vault = Vault(sandbox, inventory)
    try:
        vault.fleet("apply", TEAM, "--yes")
        vault.airflow("connections", "add", "bank", "--conn-type", "generic", "--conn-password", "semper idem")
        vault.airflow("variables", "set", "motto", "festina lente")
        eventually(lambda: "reader" in vault.airflow("dags", "list", "--output", "plain"))
        vault.airflow("dags", "unpause", "reader", "--yes")
        eventually(lambda: vault.runs("success") > 0, 240)
        yield vault
    finally:
        vault.fleet("remove-team", TEAM, "--no-backup", "--yes", "--confirm", TEAM, check=False)


def _goes_on(vault: Vault) -> None:
    """Tasks that begin now succeed; none has failed, and none was tried again."""
    before = vault.runs("success")
    eventually(lambda: vault.runs("success") > before, 180)
    with vault.sandbox.team(TEAM) as connection:
        wrong = connection.execute(
            "select run_id, state, try_number, start_date, end_date from task_instance"
            " where state in ('failed', 'up_for_retry') or try_number > 1"
        ).fetchall()
    assert wrong == []


def test_a_fernet_key_is_changed_and_what_it_encrypted_is_read(vault: Vault) -> None:
    old = vault.keys
    began = time.time()
    # Killed twice: when the new key is known to the Secret only; when all is encrypted with it, and the old one is still there.
    vault.killed_after("the new key can be read", "rotate", TEAM, "--fernet", "--yes")
    assert "rotated_fernet: none → 1" in vault.fleet("plan", TEAM).stdout
    vault.killed_after("re-encrypt", "rotate", TEAM, "--fernet", "--yes")
    new, *others = vault.keys["fernet-key"].split(",")
    assert others == [old["fernet-key"]] and new != others[0]
    vault.fleet("rotate", TEAM, "--fernet", "--yes")
    assert vault.keys == {**old, "fernet-key": new}
    assert "nothing to do" in vault.fleet("plan", TEAM).stdout
    shown = vault.airflow("connections", "get", "bank", "--output", "json")
    assert "semper idem" in shown
    assert "festina lente" in vault.airflow("variables", "get", "motto")
    _goes_on(vault)
    assert vault.runs("success") >= (time.time() - began) / 60 - 2  # hardly a minute was left out
    assert vault.sandbox.objects("secrets", "fleet-system", f"fleet/instance={TEAM}")[0]["immutable"] is True


def test_a_database_password_is_changed(vault: Vault) -> None:
    old = vault.keys["database-password"]
    vault.fleet("rotate", TEAM, "--database", "--yes")
    assert vault.keys["database-password"] != old
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="10.244.0.1", dbname=TEAM, user=TEAM, password=old)
    assert "nothing to do" in vault.fleet("plan", TEAM).stdout
    _goes_on(vault)


def test_a_jwt_secret_is_changed_while_no_task_runs(vault: Vault) -> None:
    old, slots = vault.keys, _slots(vault)
    # Killed while tasks are held back, before anything was changed: the next run holds them back again, and lets them go.
    vault.killed_after(" drain ", "rotate", TEAM, "--jwt", "--yes")
    assert set(_slots(vault).values()) == {0} and "held" in vault.keys
    assert vault.keys["jwt-secret"] == old["jwt-secret"]
    done = vault.fleet("rotate", TEAM, "--jwt", "--yes")
    assert " undrain " in done.stderr
    assert vault.keys == {**old, "jwt-secret": vault.keys["jwt-secret"]} and vault.keys != old
    assert vault.sandbox.secret(f"airflow-{TEAM}", "airflow-jwt-secret")["jwt-secret"] == vault.keys["jwt-secret"]
    assert _slots(vault) == slots
    assert "nothing to do" in vault.fleet("plan", TEAM).stdout
    _goes_on(vault)


def _slots(vault: Vault) -> dict[str, int]:
    with vault.sandbox.team(TEAM) as connection:
        found = connection.execute("select pool, slots from slot_pool where pool <> 'fleet_smoke'").fetchall()
    return {str(pool): int(slots) for pool, slots in found}


def test_something_else_to_apply_comes_first(vault: Vault) -> None:
    text = vault.inventory.read_text()
    vault.inventory.write_text(
        text.replace("owner: vault@example.com", "owner: vault@example.com\n    labels: {tier: gold}")
    )
    refused = vault.fleet("rotate", TEAM, "--database", "--yes", check=False)
    vault.inventory.write_text(text)
    assert refused.returncode == 2
    assert "there is something else to apply" in refused.stderr and f"fleet apply {TEAM}" in refused.stderr
