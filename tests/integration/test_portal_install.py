"""The portal as a Helm release, on an API server of its own: made, recorded, recovered, taken away. No pod runs: a helper calls
the Deployment ready."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet import inventory, keys, portal
from fleet.cli.common import desired as desired_of
from fleet.desired import Desired, naming
from fleet.diff import PLATFORM, PORTAL, Change, diff
from fleet.drivers.kubernetes import Cluster, core, group
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.observe import observe
from fleet.record import PLATFORM as KIND
from fleet.record import Record, to_config_map
from fleet.sandbox import builds
from tests.support.api_server import ApiServer, running

PLATFORM_YAML = """
version: 1
platform:
  domain: airflow.example.com
  kubernetes: {{context: fleet-sandbox}}
  database: {{host: 10.0.0.3}}
  sso: {{url: "https://sso.example.com"}}
  front: {{class: nginx}}
  portal: {{enabled: {enabled}}}
teams: {{}}
"""
SYSTEM = naming.SYSTEM_NAMESPACE


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with running() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(server.home))
        patch.setenv("PATH", f"{builds.tool('helm').parent}:{os.environ['PATH']}")
        patch.delenv("KUBECONFIG", raising=False)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}}
        asyncio.run(Cluster("fleet-sandbox").create(core("namespaces"), namespace))
        yield server


def wanted(folder: Path, enabled: bool = True) -> tuple[Desired, World]:
    (folder / "tenants.yaml").write_text(PLATFORM_YAML.format(enabled=str(enabled).lower()))
    document = inventory.load(folder / "tenants.yaml")
    return desired_of(document), World(document.inventory.platform)


async def _ready(cluster: Cluster) -> None:
    """Stand for the controllers and the node."""
    path = group("apps/v1", "deployments", SYSTEM, naming.PORTAL)
    while True:
        if found := await cluster.get(path):
            counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), 1)
            await cluster.patch(
                f"{path}/status", {"status": {**counts, "observedGeneration": found["metadata"]["generation"]}}
            )
        await asyncio.sleep(0.2)


async def _make(desired: Desired, world: World) -> tuple[str, Record]:
    helper = asyncio.create_task(_ready(world.cluster))
    try:
        said, done = await portal.make(desired.portal, world, "2026-01-01T00:00:00+00:00")
        done = done.with_part(PLATFORM, desired.platform, "2026-01-01T00:00:00+00:00")
        path = core("configmaps", SYSTEM, naming.record(PLATFORM))
        await world.cluster.apply(path, to_config_map(done, KIND))
    finally:
        helper.cancel()
    return said, done


async def _changes(desired: Desired, world: World) -> tuple[Change, ...]:
    return diff(desired, await observe(world.cluster)).changes


def test_it_is_made_once_and_made_again_where_it_is_gone(server: ApiServer, tmp_path: Path) -> None:
    async def work() -> None:
        desired, world = wanted(tmp_path)
        assert [change.action for change in await _changes(desired, world)] == ["create", "create"]
        said, done = await _make(desired, world)
        assert said == "revision 1, https://airflow.example.com/"
        assert set(done.parts) == {PLATFORM, PORTAL}
        assert await _changes(desired, world) == ()

        (release,) = await world.cluster.list(core("secrets", SYSTEM), labels="owner=helm")
        await world.cluster.delete(core("secrets", SYSTEM, release["metadata"]["name"]))
        (change,) = await _changes(desired, world)
        assert (change.part, change.action, change.reasons) == (PORTAL, "repair", ("the Helm release is gone",))
        await _make(desired, world)
        assert await _changes(desired, world) == ()

    asyncio.run(work())


def test_removal_leaves_nothing(server: ApiServer, tmp_path: Path) -> None:
    async def left(cluster: Cluster) -> list[Any]:
        kinds = [core("services", SYSTEM), core("serviceaccounts", SYSTEM), group("apps/v1", "deployments", SYSTEM)]
        kinds += [group("networking.k8s.io/v1", kind, SYSTEM) for kind in ("networkpolicies", "ingresses")]
        kinds += [group("rbac.authorization.k8s.io/v1", kind, SYSTEM) for kind in ("roles", "rolebindings")]
        kinds += [core("secrets", SYSTEM)]
        return [each for kind in kinds for each in await cluster.list(kind)]

    async def work() -> None:
        desired, world = wanted(tmp_path)
        await portal.secrets(desired.portal, Record(PLATFORM), world)
        await _make(desired, world)
        names = {each["metadata"]["name"] for each in await left(world.cluster)}
        assert {name for name in names if not name.startswith("sh.helm.release.v1.platform.")} == {naming.PORTAL}
        nobody, world = wanted(tmp_path, enabled=False)
        assert ("remove", PORTAL) in {(change.action, change.part) for change in await _changes(nobody, world)}
        _, done = await _make(nobody, world)
        assert set(done.parts) == {PLATFORM}
        assert await left(world.cluster) == []
        assert await _changes(nobody, world) == ()

    asyncio.run(work())


def test_its_secret_is_made_once_and_a_lost_one_is_said(server: ApiServer) -> None:
    async def work() -> None:
        cluster = Cluster("fleet-sandbox")
        made = await keys.ensure_portal(cluster, used=False)
        assert len(made) >= 32
        assert await keys.ensure_portal(cluster, used=False) == await keys.ensure_portal(cluster, used=True) == made
        await cluster.delete(core("secrets", SYSTEM, naming.PORTAL))
        with pytest.raises(FleetError, match="has no client-secret any more"):
            await keys.ensure_portal(cluster, used=True)

    asyncio.run(work())
