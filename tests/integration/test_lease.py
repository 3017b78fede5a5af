"""One operator per instance, with real Leases and real killed processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import pytest

from fleet import lease
from fleet.desired import naming
from fleet.drivers.kubernetes import ApiError, Cluster, Manifest, group
from fleet.errors import ExitCode, FleetError
from tests.support.sandbox import Sandbox

HOLD = """
import asyncio, sys
from fleet import lease
from fleet.drivers.kubernetes import Cluster
async def work():
    async with lease.held(Cluster("fleet-sandbox"), sys.argv[1], print):
        print("held", flush=True)
        await asyncio.sleep(600)
asyncio.run(work())
"""


@pytest.fixture
def instance(sandbox: Sandbox) -> Iterator[str]:
    name = f"lease-{uuid.uuid4().hex[:6]}"
    yield name
    sandbox.kubectl("delete", "lease", naming.lease(name), "--namespace", "fleet-system", "--ignore-not-found")


@pytest.fixture
def other(instance: str, sandbox: Sandbox) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the Lease."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, instance], env=sandbox.environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


async def _work(instance: str, said: list[str], seconds: float = 0.0) -> str:
    async with lease.held(Cluster("fleet-sandbox"), instance, said.append):
        await asyncio.sleep(seconds)
    return "done"


def _lease(instance: str) -> dict[str, object] | None:
    return asyncio.run(
        Cluster("fleet-sandbox").get(group("coordination.k8s.io/v1", "leases", "fleet-system", naming.lease(instance)))
    )


def test_it_is_given_back(instance: str) -> None:
    said: list[str] = []
    assert asyncio.run(_work(instance, said)) == "done"
    assert _lease(instance) is None
    assert asyncio.run(_work(instance, said)) == "done"
    assert said == []


def test_a_live_holder_is_named_and_respected(instance: str, other: subprocess.Popen[str]) -> None:
    said: list[str] = []
    with pytest.raises(FleetError, match=f"held by .*process {other.pid}, who is at work on it") as refused:
        asyncio.run(_work(instance, said))
    assert refused.value.exit_code is ExitCode.REFUSED
    assert "looking whether that run is alive" in said[0]


def test_a_killed_holders_lease_is_taken_over_at_once(instance: str, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    said: list[str] = []
    assert asyncio.run(_work(instance, said)) == "done"
    assert said == []
    assert _lease(instance) is None


def test_a_lease_from_elsewhere_is_taken_over_when_stale(
    instance: str, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other.kill()
    other.wait()
    monkeypatch.setattr(lease.socket, "gethostname", lambda: "another-machine")
    said: list[str] = []
    started = time.monotonic()
    assert asyncio.run(_work(instance, said)) == "done"
    assert time.monotonic() - started > lease.LASTS_SECONDS
    assert said


def test_of_two_at_once_one_gets_it(instance: str) -> None:
    async def work(refused: asyncio.Event) -> str:
        try:
            async with lease.held(Cluster("fleet-sandbox"), instance, [].append):
                await asyncio.wait_for(refused.wait(), 120)
        except FleetError:
            refused.set()
            raise
        return "done"

    async def race() -> list[object]:
        refused = asyncio.Event()
        return list(await asyncio.gather(work(refused), work(refused), return_exceptions=True))

    assert {type(each) for each in asyncio.run(race())} == {str, FleetError}


def test_a_renewal_whose_answer_is_lost_is_no_loss(instance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is sent again then, and refused: the Lease has a newer version, which is ours."""
    renewals, replace = [], Cluster.replace

    async def refuse(cluster: Cluster, path: str, manifest: Manifest) -> Manifest:
        renewals.append(await replace(cluster, path, manifest))
        raise ApiError(409, "the object has been modified")

    monkeypatch.setattr(lease, "_RENEW_SECONDS", 0.5)
    monkeypatch.setattr(Cluster, "replace", refuse)
    assert asyncio.run(_work(instance, [], 3)) == "done"
    assert renewals


def test_work_stops_when_the_lease_is_lost(instance: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEW_SECONDS", 0.5)

    async def steal() -> str:
        work = asyncio.create_task(_work(instance, [], 60))
        while not await asyncio.to_thread(_lease, instance):
            await asyncio.sleep(0.1)
        patch = '{"spec": {"holderIdentity": "somebody else"}}'
        await asyncio.to_thread(
            sandbox.kubectl,
            "patch",
            "lease",
            naming.lease(instance),
            "--namespace",
            "fleet-system",
            "--type=merge",
            f"--patch={patch}",
        )
        return await work

    with pytest.raises(FleetError, match="taken over by another run"):
        asyncio.run(steal())
    found = _lease(instance)
    assert found and found["spec"]["holderIdentity"] == "somebody else"  # type: ignore[index]
