"""What one real Airflow can show: the gates of an upgrade, open while it works and each shut by what it is for; its data lost
and restored; the evidence of what fails; a removal stopped by a damaged dump, one killed, and one proven."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from fleet.apply import Event
from fleet.errors import FleetError
from fleet.sandbox import layout
from fleet.upgrade import gates
from fleet.upgrade.evidence import evidence
from tests.support.cloudsql import damaging, flip, forget
from tests.support.real_team import RealTeam, a_real_team
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually

pytestmark = pytest.mark.teams
TEAM = "archive"


@pytest.fixture(scope="module")
def team(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTeam]:
    with a_real_team(sandbox, tmp_path_factory.mktemp("one"), TEAM, executor="LocalExecutor") as team:
        yield team
    forget(sandbox, TEAM)


# The gates of an upgrade.


def hold(team: RealTeam, after: str = "", do: Callable[[], object] = lambda: None, seconds: float = 600) -> list[str]:
    """Hold the gates; do something when one of them has opened. Gives those that opened."""
    opened = []

    def tell(event: Event) -> None:
        if event.state == "done":
            opened.append(event.step)
            if event.step == after:
                do()

    asyncio.run(gates.hold(team.desired(), team.world, tell, seconds))
    return opened


def test_all_open_while_tasks_are_held_back_and_the_dag_is_paused(team: RealTeam) -> None:
    team.sql("update slot_pool set slots = 0")
    team.sql("update dag set is_paused = true")
    assert hold(team) == ["healthy", "smoke", "sign-on"]
    ((state,),) = team.sql("select state from dag_run where dag_id = 'fleet_smoke'")
    assert state == "success"
    assert team.sql("select slots from slot_pool where pool = 'default_pool'") == [(0,)]
    assert "fleet-smoke" not in team.kubectl("get", "jobs", "--output", "name")
    assert team.sql("select * from dag_warning") == team.sql("select * from import_error") == []


def test_a_suspended_instance_has_none(team: RealTeam) -> None:
    said: list[Event] = []
    asyncio.run(gates.hold(replace(team.desired(), suspended=True), team.world, said.append))
    assert said == []


def test_a_task_that_does_not_end_shuts_the_second(team: RealTeam) -> None:
    scale = ("scale", "deployment/airflow-scheduler", "--timeout", "60s", "--replicas")
    try:
        with pytest.raises(FleetError, match=r"fleet_smoke run fleet__\S+ is queued after 30 s") as caught:
            hold(team, "healthy", lambda: team.kubectl(*scale, "0"), seconds=30)
        assert caught.value.where == TEAM
    finally:
        team.kubectl(*scale, "1")
        team.kubectl("rollout", "status", "deployment/airflow-scheduler", "--timeout", "600s")


def test_a_page_that_comes_back_in_time_opens_the_third(team: RealTeam) -> None:
    """As a rule it is only amid a start: the API server's way to it then answers for it, with HTTP 503."""

    def away() -> None:
        team.kubectl("scale", "deployment/airflow-api-server", "--replicas", "0")
        eventually(lambda: team.sandbox.objects("pods", team.namespace, "component=api-server") == [])
        team.kubectl("scale", "deployment/airflow-api-server", "--replicas", "1")

    assert hold(team, "smoke", away) == ["healthy", "smoke", "sign-on"]


def test_an_address_that_keycloak_does_not_know_shuts_the_third(team: RealTeam) -> None:
    keycloak = team.sandbox.keycloak
    (client,) = keycloak.get(f"/fleet/clients?clientId=airflow-{TEAM}")
    at, elsewhere = f"/fleet/clients/{client['id']}", {**client, "redirectUris": ["https://elsewhere.example/"]}
    try:
        with pytest.raises(FleetError, match=rf"Keycloak refuses airflow-{TEAM} and .*redirect_uri"):
            hold(team, "smoke", lambda: keycloak.call("PUT", at, elsewhere))
    finally:
        keycloak.call("PUT", at, client)
    assert hold(team) == ["healthy", "smoke", "sign-on"]


# Its data.


def test_what_was_lost_comes_back(team: RealTeam) -> None:
    team.airflow("variables", "set", "motto", "semper idem")
    made = team.fleet("backup", TEAM)
    assert f"gs://fleet-backups/{TEAM}/" in made.stdout and f"{TEAM}.variable" in made.stdout
    team.sql("delete from variable")
    team.sql("insert into variable (key, val, is_encrypted) values ('later', 'gone with the restore', false)")

    refused = team.fleet("restore", TEAM, "--yes", check=False)
    assert refused.returncode == 2 and f"--confirm {TEAM}" in refused.stderr
    team.fleet("restore", TEAM, "--yes", "--confirm", TEAM)
    assert team.state() == "healthy"
    # Decrypted with the same key, by the Airflow that runs on the restored database.
    assert "semper idem" in team.airflow("variables", "get", "motto")
    assert team.sql("select key from variable") == [("motto",)]
    assert team.databases() == [TEAM]
    # Terraform finds the switched database as it made the one before.
    assert "terraform" not in team.fleet("plan", TEAM).stdout


def test_a_damaged_dump_stops_the_removal(team: RealTeam) -> None:
    # Other teams' dumps lie beside its own.
    with damaging(layout.current().buckets / layout.BACKUP_BUCKET / TEAM, flip):
        refused = team.fleet("remove-team", TEAM, "--yes", "--confirm", TEAM, check=False)
    assert refused.returncode == 1
    assert "damaged" in refused.stderr
    assert "nothing was removed, and Airflow starts again" in refused.stderr
    team.wait_until_healthy()
    assert "semper idem" in team.airflow("variables", "get", "motto")
    assert f"  {TEAM}:" in team.inventory.read_text()


def test_after_a_killed_removal_apply_starts_airflow_again(team: RealTeam) -> None:
    # That step is done: Airflow is stopped, and the export begins.
    team.killed_after(" stop ", "remove-team", TEAM, "--yes", "--confirm", TEAM)
    assert "stopped for a backup or a restore that did not end" in team.fleet("plan", TEAM).stdout
    team.fleet("apply", TEAM, "--yes")
    assert team.state() == "healthy"


# What fails, and the end.


def test_the_evidence_names_image_exit_code_and_last_words_and_no_password(team: RealTeam) -> None:
    def instead(component: str, **changed: object) -> dict[str, object]:
        container = {"name": component, **changed}
        return {"spec": {"template": {"spec": {"containers": [container]}}}}

    script = "echo cannot reach postgresql://gates:geheim/@db/gates; exit 7"
    team.patch("deployment/airflow-triggerer", instead("triggerer", image="fleet.local/airflow:none"))
    team.patch("deployment/airflow-dag-processor", instead("dag-processor", args=["bash", "-c", script]))

    async def looked() -> str:
        return "\n".join(await evidence(team.world.cluster, team.namespace))

    async def until(*words: str) -> str:
        for _ in range(60):
            found = await looked()
            if all(word in found for word in words):
                return found
            await asyncio.sleep(1)
        raise AssertionError(found)

    # Nobody needs these components any more: what comes after is the removal.
    found = asyncio.run(until("exit code 7", "ImagePull", "restarts", "  cannot reach postgresql://***@db/gates"))
    assert "fleet.local/airflow:none" in found and "geheim" not in found


def test_a_removal_prints_and_keeps_its_proof(team: RealTeam) -> None:
    done = team.fleet("remove-team", TEAM, "--yes", "--confirm", TEAM)
    assert "after a backup that is proven" in done.stdout
    (dump,) = [word for word in done.stdout.split() if word.startswith("gs://")]
    path = layout.current().buckets / dump.removeprefix("gs://")
    proof = json.loads(path.with_name(path.name.replace(".sql.gz", ".proof.json")).read_text())
    assert proof["quiet"] is True and proof["moved"] == {}
    assert proof["tables"][f"{TEAM}.variable"] == 1
    assert proof["digest"] in done.stdout
    assert team.databases() == [] and team.state() == "absent"
    kept = json.loads(
        team.sandbox.kubectl("get", "configmap", "backups", "--namespace", "fleet-system", "--output", "json")
    )
    assert json.loads(kept["data"][f"{TEAM}.json"])["dump"] == dump
