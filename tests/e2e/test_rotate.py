"""Keys changed under a running Airflow: what was stored before is read after, by tasks that run all the time."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from tests.support import tries
from tests.support.inventories import calm
from tests.support.real_team import RealTeam, a_real_team
from tests.support.sandbox import FLEET, Sandbox
from tests.support.waiting import eventually

pytestmark = pytest.mark.teams

TEAM, IMAGE, OWNER = "vault", "fleet.local/vault:1", "vault@example.com"
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


@pytest.fixture(scope="module")
def vault(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTeam]:
    folder = tmp_path_factory.mktemp("vault")
    (folder / "dags").mkdir()
    (folder / "dags" / "reader.py").write_text(DAG)
    subprocess.run([FLEET, "sandbox", "image", IMAGE, "--dags", str(folder / "dags")], check=True, capture_output=True)
    entry = {"owner": OWNER, "image": IMAGE, "dags": {"source": "baked"}, "values": calm()}
    with a_real_team(sandbox, folder, TEAM, **entry) as vault:
        vault.airflow("connections", "add", "bank", "--conn-type", "generic", "--conn-password", "semper idem")
        vault.airflow("variables", "set", "motto", "festina lente")
        eventually(lambda: vault.sql("select 1 from dag where dag_id = 'reader'") != [])
        vault.airflow("dags", "unpause", "reader", "--yes")
        eventually(lambda: _runs(vault, "success") > 0)
        yield vault


def _runs(vault: RealTeam, state: str) -> int:
    ((count,),) = vault.sql(f"select count(*) from task_instance where state = '{state}'")
    return int(count)


def _longest_pause(vault: RealTeam) -> timedelta:
    """Between two tasks that succeeded."""
    ends = [end for (end,) in vault.sql("select end_date from task_instance where state = 'success' order by 1")]
    return max(later - earlier for earlier, later in itertools.pairwise(ends))


def _goes_on(vault: RealTeam) -> None:
    """Tasks that begin now succeed; none has failed, and none began twice."""
    before = _runs(vault, "success")
    eventually(lambda: _runs(vault, "success") > before)
    assert tries.wrong(tries.Try(*row) for row in vault.sql(tries.query("reader"))) == []


def test_a_fernet_key_is_changed_and_what_it_encrypted_is_read(vault: RealTeam) -> None:
    old = vault.keys
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
    assert _longest_pause(vault) < timedelta(minutes=5)  # a roll keeps tasks back for a moment, and no key does
    assert vault.sandbox.objects("secrets", "fleet-system", f"fleet/instance={TEAM}")[0]["immutable"] is True


def test_a_database_password_is_changed(vault: RealTeam) -> None:
    old = vault.keys["database-password"]
    vault.fleet("rotate", TEAM, "--database", "--yes")
    assert vault.keys["database-password"] != old
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="10.244.0.1", dbname=TEAM, user=TEAM, password=old)
    assert "nothing to do" in vault.fleet("plan", TEAM).stdout
    _goes_on(vault)


def test_a_jwt_secret_is_changed_while_no_task_runs(vault: RealTeam) -> None:
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


def _slots(vault: RealTeam) -> dict[str, int]:
    return dict(vault.sql("select pool, slots from slot_pool where pool <> 'fleet_smoke'"))


def test_something_else_to_apply_comes_first(vault: RealTeam) -> None:
    text = vault.inventory.read_text()
    vault.inventory.write_text(text.replace(f"owner: {OWNER}", f"owner: {OWNER}\n    labels: {{tier: gold}}"))
    refused = vault.fleet("rotate", TEAM, "--database", "--yes", check=False)
    vault.inventory.write_text(text)
    assert refused.returncode == 2
    assert "there is something else to apply" in refused.stderr and f"fleet apply {TEAM}" in refused.stderr
