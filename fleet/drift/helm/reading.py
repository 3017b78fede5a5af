"""What layer helm asks of the cluster beside the releases' objects: takes a cluster, gives what stands there, never judges."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fleet.desired import naming
from fleet.drift.finding import Unseen
from fleet.drift.helm import releases, secrets
from fleet.drift.helm.manifests import Manifest
from fleet.drift.helm.secrets import Kept
from fleet.drift.scene import Scene
from fleet.drivers.kubernetes import Cluster, core, group
from fleet.errors import FleetError
from fleet.lease import LASTS_SECONDS
from fleet.upgrade import memory

# A Lease renewed within that time is held by somebody; clocks may differ by some of it.
_ALIVE = timedelta(seconds=4 * LASTS_SECONDS)


@dataclass(frozen=True)
class Work:
    """What fleet itself is at.

    Args:
        busy: teams whose Lease is held.
        upgrading: teams whose upgrade is not over.
    """

    busy: frozenset[str]
    upgrading: frozenset[str]
    unseen: list[Unseen]


async def helms_secrets(cluster: Cluster, *, metadata_only: bool = False) -> list[Manifest]:
    """The Secrets of fleet's releases: of the teams' namespaces by the release's name, and of fleet's own namespace."""
    found = await asyncio.gather(
        cluster.list(
            core("secrets"), labels=f"{releases.SELECTOR},name={naming.AIRFLOW_RELEASE}", metadata_only=metadata_only
        ),
        cluster.list(core("secrets", naming.SYSTEM_NAMESPACE), labels=releases.SELECTOR, metadata_only=metadata_only),
    )
    return [secret for page in found for secret in page]


async def work(cluster: Cluster) -> Work:
    leases, unseen = await cluster.list(group("coordination.k8s.io/v1", "leases", naming.SYSTEM_NAMESPACE)), []
    try:
        upgrading = [name for name, each in (await memory.read_all(cluster)).items() if each.underway]
    except FleetError as error:
        upgrading, unseen = [], [Unseen("helm", str(error), error.hint)]
    busy = [each["metadata"]["name"].removeprefix(naming.lease("")) for each in leases if _is_held(each)]
    return Work(frozenset(busy), frozenset(upgrading), unseen)


def _is_held(lease: Manifest) -> bool:
    spec = lease.get("spec") or {}
    renewed = spec.get("renewTime")
    if not spec.get("holderIdentity") or not renewed:
        return False
    return abs(datetime.now(UTC) - datetime.fromisoformat(renewed)) < _ALIVE


async def kept(scene: Scene, unseen: list[Unseen]) -> Kept:
    cluster = scene.world.cluster
    found, trusts = await asyncio.gather(
        cluster.list(core("secrets"), labels=secrets.SELECTOR),
        cluster.list(core("configmaps"), fields=f"metadata.name={naming.CA_CONFIG_MAP}"),
    )
    trust = {each["metadata"]["namespace"]: each for each in trusts}
    try:
        return Kept(_by_place(found), trust, authority=await scene.world.authority())
    except FleetError as error:
        unseen.append(Unseen("helm", f"ConfigMap {naming.CA_CONFIG_MAP}: {error}", error.hint))
        return Kept(_by_place(found), trust)


async def with_unlabelled(cluster: Cluster, found: Kept) -> Kept:
    labels = f"!{naming.INSTANCE_LABEL},owner!=helm"
    others = await cluster.list(core("secrets"), labels=labels, metadata_only=True)
    return Kept(found.secrets, found.trust, _by_place(others), found.authority)


def _by_place(found: Iterable[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in found}
