"""Keys are made once, survive the loss of a namespace, and are never made a second time by accident."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from fleet import keys
from fleet.desired import naming, secrets
from fleet.drivers.kubernetes import Cluster
from fleet.errors import FleetError
from tests.support.sandbox import Sandbox

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
