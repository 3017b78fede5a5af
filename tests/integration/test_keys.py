"""Keys are made once, survive the loss of a namespace, and are never made a second time by accident."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Iterator

import pytest

from fleet import keys
from fleet.desired import naming, secrets
from fleet.drivers.kubernetes import Cluster, Manifest
from fleet.errors import FleetError
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.teams

INPUTS = {
    "database": {"host": "10.0.0.1", "port": 5432, "sslmode": "disable", "name": "x", "role": "x"},
    "client_id": "airflow-x",
}


@pytest.fixture
def instance(sandbox: Sandbox) -> Iterator[str]:
    name = f"keys-{uuid.uuid4().hex[:6]}"
    sandbox.kubectl("create", "namespace", naming.namespace(name))
    yield name
    sandbox.kubectl("delete", "namespace", naming.namespace(name), "--wait=false")
    sandbox.kubectl("delete", "secret", naming.keys_secret(name), "--namespace", "fleet-system", "--ignore-not-found")


def ensure(instance: str, *, used: bool = False) -> dict[str, str]:
    return asyncio.run(keys.ensure(Cluster("fleet-sandbox"), instance, used=used))


def _lose(sandbox: Sandbox, instance: str) -> None:
    sandbox.kubectl("delete", "secret", naming.keys_secret(instance), "--namespace", "fleet-system")


def test_made_once(instance: str) -> None:
    made = ensure(instance)
    assert set(made) == set(secrets.KEYS)
    assert len(set(made.values())) == len(made)
    assert ensure(instance, used=True) == made


def test_two_runs_at_once_agree(instance: str) -> None:
    async def race() -> list[dict[str, str]]:
        cluster = Cluster("fleet-sandbox")
        return await asyncio.gather(*(keys.ensure(cluster, instance, used=False) for _ in range(6)))

    first, *others = asyncio.run(race())
    assert all(other == first for other in others)


def test_nobody_can_change_them_in_place(instance: str, sandbox: Sandbox) -> None:
    ensure(instance)
    patch = '{"stringData": {"fernet-key": "other"}}'
    sandbox.kubectl(
        "patch", "secret", naming.keys_secret(instance), "--namespace", "fleet-system", "--patch", patch, check=False
    )
    assert sandbox.secret("fleet-system", naming.keys_secret(instance))["fernet-key"] != "other"


def test_lost_keys_come_back_from_their_copies(instance: str, sandbox: Sandbox) -> None:
    made = ensure(instance)
    asyncio.run(keys.spread(Cluster("fleet-sandbox"), instance, INPUTS, made))
    _lose(sandbox, instance)
    assert ensure(instance, used=True) == made


def test_keys_lost_altogether_are_not_made_anew(instance: str, sandbox: Sandbox) -> None:
    ensure(instance)
    _lose(sandbox, instance)
    with pytest.raises(FleetError, match="the keys are gone") as lost:
        ensure(instance, used=True)
    assert "restore" in lost.value.hint


# Putting others in their place.


class Killed(BaseException):
    """The process is no more."""


class Dying(Cluster):
    """A cluster whose client is killed right before its so-manieth change."""

    left = 0

    async def create(self, path: str, manifest: Manifest, *, dry_run: bool = False) -> bool:
        self._count()
        return await super().create(path, manifest, dry_run=dry_run)

    async def delete(self, path: str) -> bool:
        self._count()
        return await super().delete(path)

    def _count(self) -> None:
        if not self.left:
            raise Killed
        self.left -= 1


def _replace(instance: str, cluster: Cluster, value: str) -> None:
    changed = {**ensure(instance), "fernet-key": value}
    asyncio.run(keys.replace(cluster, instance, changed, {"fernet": 4}))


def test_others_in_their_place_are_as_immutable_and_say_how_often_they_were_changed(
    instance: str, sandbox: Sandbox
) -> None:
    made = ensure(instance)
    _replace(instance, Cluster("fleet-sandbox"), "another")
    assert ensure(instance, used=True) == {**made, "fernet-key": "another"}
    (found,) = sandbox.objects("secrets", "fleet-system", f"{naming.INSTANCE_LABEL}={instance}")
    assert found["immutable"] is True
    assert asyncio.run(keys.rotated(Cluster("fleet-sandbox"), instance)) == {"fernet": 4}


def test_killed_anywhere_the_old_ones_or_the_new_ones_are_there(instance: str, sandbox: Sandbox) -> None:
    before = ensure(instance)
    for survived in itertools.count():
        dying = Dying("fleet-sandbox")
        dying.left = survived
        try:
            _replace(instance, dying, f"new-{survived}")
        except Killed:
            found = ensure(instance, used=True)  # no copies are there to help
            assert found in (before, {**before, "fernet-key": f"new-{survived}"})
            before = found
        else:
            break
    assert survived > 3
    assert ensure(instance, used=True)["fernet-key"] == f"new-{survived}"
    assert len(sandbox.objects("secrets", "fleet-system", f"{naming.INSTANCE_LABEL}={instance}")) == 1
