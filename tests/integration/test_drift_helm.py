"""Drift of layer helm on a real API server: nothing where nothing is wrong; every change told once, in one look; the way back.

Real charts by the real Helm, and changes as people make them, by kubectl and Helm. Nothing is scheduled there, so teams that
Airflow would have to answer for are suspended.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from fleet import keys
from fleet.desired import naming
from fleet.drift import heal
from fleet.drift.finding import Finding
from fleet.drivers.kubernetes import core
from fleet.drivers.world import decode
from tests.support.helm_changes import CHANGES, Change, kill_upgrade
from tests.support.installed import Installed, installed

_GIT = {"source": "git", "repository": "https://git.example.com/dags.git", "ref": "main"}
# Running: their components have replicas. Two of them are told apart by executor, bundle and budgets.
RUNNING: dict[str, dict[str, Any]] = {
    "ada": {"owner": "ada@example.com"},
    "bob": {
        "owner": "bob@example.com", "executor": "LocalExecutor", "dags": _GIT, "quota": {"pods": 20, "cpu": "4000m"},
    },
}  # fmt: skip
ASLEEP = {
    name: {"owner": f"{name}@example.com", "suspended": True}
    for name in ("eve", "fay", "gus", "hal", "ivy", "jo", "kim")
}


@pytest.fixture(scope="module")
def world() -> Iterator[Installed]:
    with installed() as found:
        asyncio.run(found.add(RUNNING))
        yield found


@pytest.fixture(scope="module")
def first_look(world: Installed) -> int:
    """Requests of a look at two teams."""
    return _requests(world)


def _requests(world: Installed) -> int:
    before = len(world.server.requests(os.getpid()))
    scene = asyncio.run(world.scene())
    before, asked = len(world.server.requests(os.getpid())), before
    assert before > asked
    assert _look(world, scene) == []
    return len(world.server.requests(os.getpid())) - before


def _look(world: Installed, scene: Any = None) -> list[Finding]:
    if scene is None:
        return asyncio.run(world.findings())
    from fleet.drift import helm

    looked = asyncio.run(helm.look(scene))
    assert looked.unseen == ()
    return list(looked.findings)


@pytest.fixture(scope="module")
def whole(world: Installed, first_look: int) -> Installed:
    """All teams."""
    asyncio.run(world.add(ASLEEP))
    return world


def test_requests_do_not_grow_with_the_teams_and_all_of_them_read(whole: Installed, first_look: int) -> None:
    assert _requests(whole) == first_look <= 30
    verbs = {request.split()[0] for request in whole.server.requests(os.getpid())[-first_look:]}
    assert verbs <= {"list", "get"}


def test_what_controllers_and_fleet_itself_do_is_no_drift(whole: Installed) -> None:
    """An autoscaler, a restart, a pause, Helm's history, notes of controllers, a server that starts anew."""
    kubectl, controller = whole.kubectl, "--field-manager=kube-controller-manager"
    spec = '{"spec":{"replicas":2},"metadata":{"annotations":{"deployment.kubernetes.io/revision":"7"}}}'
    kubectl(
        "autoscale", "deployment/airflow-scheduler", "--namespace=airflow-ada", "--min=1", "--max=3", "--cpu-percent=80"
    )
    kubectl("patch", "deployment", "airflow-scheduler", "--namespace=airflow-ada", controller, "--patch", spec)
    kubectl("rollout", "restart", "deployment/airflow-triggerer", "--namespace=airflow-ada")
    paused = '{"spec":{"replicas":0},"metadata":{"annotations":{"fleet/replicas-before-pause":"1"}}}'
    kubectl("patch", "deployment", "airflow-triggerer", "--namespace=airflow-bob", "--patch", paused)
    metadata = {"name": "token", "annotations": {"kubernetes.io/service-account.name": "airflow-scheduler"}}
    token = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token", "metadata": metadata}
    kubectl("apply", "--namespace=airflow-ada", "--filename=-", stdin=json.dumps(token))
    asyncio.run(whole.airflow("eve", whole.desired()))
    asyncio.run(whole.guardrails("eve", whole.desired()))
    whole.server.restart()
    assert _look(whole) == []
    kubectl("delete", "hpa", "airflow-scheduler", "--namespace=airflow-ada")
    kubectl("scale", "deployment/airflow-scheduler", "--namespace=airflow-ada", "--replicas=1")
    unpaused = '{"spec":{"replicas":1},"metadata":{"annotations":{"fleet/replicas-before-pause":null}}}'
    kubectl("patch", "deployment", "airflow-triggerer", "--namespace=airflow-bob", "--patch", unpaused)


def test_a_team_that_somebody_is_at_work_on_is_given_time(whole: Installed) -> None:
    """A release pending under a live Lease is fleet's own doing; the same without one is not."""
    from fleet import lease

    async def under_the_lease() -> list[Finding]:
        async with lease.held(whole.cluster, "kim", print):
            return await whole.findings()

    with _pending(whole, "kim"):
        assert asyncio.run(under_the_lease()) == []
        assert [each.kind.name for each in _look(whole)] == ["helm.release-stuck"]
    whole.helm("rollback", "airflow", "--namespace=airflow-kim")
    asyncio.run(whole.airflow("kim", whole.desired()))
    assert _look(whole) == []


class _pending:
    """A release that a killed Helm left behind."""

    def __init__(self, world: Installed, team: str) -> None:
        self._world, self._team = world, team

    def __enter__(self) -> None:
        kill_upgrade(self._world, self._team)

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def found(whole: Installed) -> list[Finding]:
    """One look after all the changes."""
    assert _look(whole) == []
    for change in CHANGES.values():
        change.by(whole)
    return _look(whole)


def _told(finding: Finding) -> tuple[str, str, str, str]:
    return (finding.team, finding.kind.name, finding.address, finding.field)


def _expected(change: Change) -> tuple[str, str, str, str]:
    return (change.team, f"helm.{change.kind}", change.address, change.field)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told(found: list[Finding], name: str) -> None:
    change = CHANGES[name]
    told = [each for each in found if _told(each) == _expected(change)]
    assert len(told) == 1, [each for each in found if each.address == change.address] or sorted(map(_told, found))
    finding = told[0]
    assert finding.who == change.who
    assert bool(finding.when) == bool(change.who) or finding.field == "spec.replicas"  # `kubectl scale` leaves no time
    side, part = (finding.expected, change.value[1:]) if change.value.startswith("-") else (finding.found, change.value)
    assert part in side
    assert (finding.mend is not None) == change.heals
    assert finding.mend is not None or finding.advice


def test_nothing_else_is_told_and_no_secret_is(found: list[Finding]) -> None:
    assert {_told(each) for each in found} == set(map(_expected, CHANGES.values()))
    assert len(found) == len(CHANGES)
    assert "hunter2" not in "".join(f"{each}{each.mend}{each.expected}{each.found}" for each in found)


def test_what_heals_heals_and_the_remedies_do_the_rest(whole: Installed, found: list[Finding]) -> None:
    async def work() -> None:
        scene = await whole.scene()
        todo = heal.todo(found, scene.desired, scene.observed, {})
        outcomes = await heal.heal(todo, scene.desired, scene.observed, scene.world, lambda _: None)
        assert [str(each.error) for each in outcomes if each.error] == []

    asyncio.run(work())
    left = {_told(each) for each in _look(whole)}
    assert left == {_expected(change) for change in CHANGES.values() if not change.heals}
    for finding in found:
        if finding.kind.name.startswith("helm.foreign"):
            whole.kubectl(*finding.advice.split()[1:])
    whole.kubectl("delete", "rolebinding", "airflow-pod-log-reader-rolebinding", "--namespace=airflow-ada")
    asyncio.run(whole.guardrails("ada", whole.desired()))
    _put_back_the_keys(whole)
    assert [each.team for each in _look(whole)] == ["hal"]


def _put_back_the_keys(world: Installed) -> None:
    """As the remedy says: from the copies, which nothing wrote over."""
    copy = decode(asyncio.run(world.cluster.get(core("secrets", "airflow-gus", "airflow-fernet-key"))))
    path = core("secrets", naming.SYSTEM_NAMESPACE, naming.keys_secret("gus"))
    held = asyncio.run(world.cluster.get(path))
    assert held
    asyncio.run(keys.replace(world.cluster, "gus", {**decode(held), **copy}, {}))


def test_one_team_is_looked_at_alone(whole: Installed) -> None:
    whole.kubectl("scale", "deployment/airflow-scheduler", "--namespace=airflow-ada", "--replicas=0")
    assert [each.team for each in asyncio.run(whole.look("ada")).findings] == ["ada"]
    assert asyncio.run(whole.look("bob")).findings == ()


def test_what_cannot_be_read_is_an_error(whole: Installed) -> None:
    path = core("secrets", "airflow-bob", "sh.helm.release.v1.airflow.v1")
    asyncio.run(whole.cluster.patch(path, {"stringData": {"release": "nonsense"}}))
    looked = asyncio.run(whole.look("bob"))
    assert [(each.team, "holds no release" in each.what) for each in looked.unseen] == [("bob", True)]
