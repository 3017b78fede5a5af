"""The gates of an upgrade on a real Airflow: open while it works, each shut by what it is for; and the evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from fleet.apply import Event
from fleet.errors import FleetError
from fleet.upgrade import gates
from fleet.upgrade.evidence import evidence
from tests.support.real_team import RealTeam, a_real_team
from tests.support.sandbox import Sandbox


@pytest.fixture(scope="module")
def team(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTeam]:
    with a_real_team(sandbox, tmp_path_factory.mktemp("gates"), "gates", "--executor", "LocalExecutor") as team:
        yield team


def hold(team: RealTeam, after: str = "", do: Callable[[], object] = lambda: None, seconds: float = 180) -> list[str]:
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
        with pytest.raises(FleetError, match=r"fleet_smoke run fleet__\S+ is queued after 5 s") as caught:
            hold(team, "healthy", lambda: team.kubectl(*scale, "0"), seconds=5)
        assert caught.value.where == "gates"
    finally:
        team.kubectl(*scale, "1")
        team.kubectl("rollout", "status", "deployment/airflow-scheduler", "--timeout", "120s")


def test_an_address_that_keycloak_does_not_know_shuts_the_third(team: RealTeam) -> None:
    keycloak = team.sandbox.keycloak
    (client,) = keycloak.get(f"/fleet/clients?clientId=airflow-{team.name}")
    at, elsewhere = f"/fleet/clients/{client['id']}", {**client, "redirectUris": ["https://elsewhere.example/"]}
    try:
        with pytest.raises(FleetError, match=r"Keycloak refuses airflow-gates and .*redirect_uri"):
            hold(team, "smoke", lambda: keycloak.call("PUT", at, elsewhere))
    finally:
        keycloak.call("PUT", at, client)
    assert hold(team) == ["healthy", "smoke", "sign-on"]


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

    # The last of these tests: nobody needs this team any more.
    found = asyncio.run(until("exit code 7", "ImagePull", "restarts", "  cannot reach postgresql://***@db/gates"))
    assert "fleet.local/airflow:none" in found and "geheim" not in found
