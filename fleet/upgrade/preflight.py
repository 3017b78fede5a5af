"""What stands in the way of an upgrade: takes instances and how they are, gives findings, never changes or waits for anything.

All instances are looked at together: four LISTs, one question to Cloud SQL and one query per server, however many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nlargest
from typing import Any

from fleet import lease
from fleet.budget import quantity
from fleet.desired import DesiredInstance, naming
from fleet.drivers.kubernetes import Cluster, Manifest, core, group
from fleet.drivers.postgres import Usage, usage
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.observe import Observed, ObservedInstance
from fleet.report import state

# A migration, and the Job that starts the smoke run, hold two; one is for whoever looks.
_CONNECTIONS = 3
# As many as a node tells of (kubelet's nodeStatusMaxImages): beyond that, nobody knows what it has.
_IMAGES_TOLD = 50


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at and is worth a line."""

    check: str
    what: str
    blocking: bool  # an upgrade is not to be begun


@dataclass(frozen=True)
class _Seen:
    """What was asked of the world, once for all."""

    quotas: Mapping[str, Manifest]  # namespace → ResourceQuota
    leases: Mapping[str, Manifest]  # instance → Lease
    images: frozenset[str] | None  # on any node; None: nobody knows
    database: Usage | FleetError
    disk: int | FleetError | None  # bytes, at most; None: it grows as it needs


async def look(
    instances: Sequence[DesiredInstance], observed: Observed, world: World, *, backups: int
) -> Mapping[str, list[Finding]]:
    """Instance → what was found, worst first; empty where all is well.

    Args:
        instances: as they are to be after the upgrade.
        backups: how many are made at once; each is restored once, beside its database.

    Raises:
        FleetError: the cluster does not answer.
    """
    seen = await _seen(world)
    found = {
        each.name: [
            *_findings(each, observed.instances.get(each.name, ObservedInstance(each.name)), seen),
            *_space(each.database, [other.database for other in instances if other is not each], seen, backups),
        ]
        for each in instances
    }
    return {name: sorted(each, key=lambda finding: not finding.blocking) for name, each in found.items()}


async def _seen(world: World) -> _Seen:
    cluster, label = world.cluster, naming.INSTANCE_LABEL
    quotas, leases, images, database, disk = await asyncio.gather(
        cluster.list(core("resourcequotas"), labels=label),
        cluster.list(group("coordination.k8s.io/v1", "leases", naming.SYSTEM_NAMESPACE), labels=label),
        _images(cluster),
        _usage(world),
        _disk(world),
    )
    return _Seen(
        {each["metadata"]["namespace"]: each for each in quotas},
        {each["metadata"]["labels"][label]: each for each in leases},
        images,
        database,
        disk,
    )


async def _usage(world: World) -> Usage | FleetError:
    try:
        return await usage(await world.database_admin())
    except FleetError as error:
        return error


async def _disk(world: World) -> int | FleetError | None:
    try:
        return await world.cloud_sql.disk()
    except FleetError as error:
        return error


async def _images(cluster: Cluster) -> frozenset[str] | None:
    nodes = [each["status"].get("images") or [] for each in await cluster.list(core("nodes"))]
    if any(len(images) >= _IMAGES_TOLD for images in nodes):
        return None
    return frozenset(name for images in nodes for image in images for name in image.get("names") or [])


def _findings(desired: DesiredInstance, observed: ObservedInstance, seen: _Seen) -> Iterator[Finding]:
    if (found := state(desired, observed)) not in ("healthy", "suspended"):
        yield Finding("health", found, True)
    if held := seen.leases.get(desired.name):
        yield from _held(held)
    yield from room("migration", desired.migration_job, seen.quotas.get(desired.namespace))
    image = str(desired.parts["migration"]["image"])
    if seen.images is not None and image not in seen.images:
        yield Finding("image", f"{image} is on no node yet; it is fetched when the migration starts", False)
    yield from _database(desired, seen.database)


def _space(database: str, others: Sequence[str], seen: _Seen, backups: int) -> Iterator[Finding]:
    if isinstance(seen.database, FleetError) or not backups:
        return
    if isinstance(seen.disk, FleetError):
        yield Finding("space", str(seen.disk), True)
    else:
        yield from space(database, others, seen.database.sizes, seen.disk, backups)


def space(
    database: str, others: Sequence[str], sizes: Mapping[str, int | None], disk: int | None, backups: int
) -> Iterator[Finding]:
    """Whether a disk of so many bytes takes so many restored databases more: this one, and the largest of the others."""
    if disk is None:
        return
    free = disk - sum(size or 0 for size in sizes.values())
    need = (sizes.get(database) or 0) + sum(nlargest(backups - 1, (sizes.get(name) or 0 for name in others)))
    if need > free:
        what = f"the server's disk has {_mib(free)} free; backups that are restored beside their databases take {_mib(need)}"
        yield Finding("space", f"{what}: a larger disk, or a smaller --max-parallel", True)


def _mib(size: int) -> str:
    return f"{max(size, 0) / 1024**2:.0f} MiB"


def _held(found: Manifest) -> Iterator[Finding]:
    """Whoever has died is waited for, by the protocol of the Lease itself, when the work begins."""
    who, renewed = str(found["spec"].get("holderIdentity")), datetime.fromisoformat(found["spec"]["renewTime"])
    fresh = (datetime.now(UTC) - renewed).total_seconds() <= found["spec"]["leaseDurationSeconds"]
    if fresh and who != lease.holder():
        yield Finding("lease", f"{who} is at work on it, or was until a moment ago", False)


def room(whose: str, job: Mapping[str, Any], quota: Manifest | None) -> Iterator[Finding]:
    """Whether a Job's pod fits into the quota; what can never fit blocks. (The migration runs while Airflow is stopped.)"""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    wanted = {
        f"{kind}.{name}": amount for kind, amounts in container["resources"].items() for name, amount in amounts.items()
    }
    wanted = {"pods": "1", **wanted}
    hard, used = (quota or {}).get("spec", {}).get("hard", {}), (quota or {}).get("status", {}).get("used", {})
    for name in sorted(wanted.keys() & hard.keys()):
        need, limit, taken = (quantity(str(each)) for each in (wanted[name], hard[name], used.get(name, "0")))
        said = f"the {whose}'s pod wants {wanted[name]} of {name}, the quota is {hard[name]}"
        if need > limit:
            yield Finding("quota", said, True)
        elif taken + need > limit:
            yield Finding("quota", f"{said}, {used[name]} in use: it has to wait until other pods have ended", False)


def _database(desired: DesiredInstance, found: Usage | FleetError) -> Iterator[Finding]:
    if isinstance(found, FleetError):
        yield Finding("database", str(found), True)
        return
    told = desired.parts["terraform"]["variables"]["database"]
    role, limit = str(told["role"]), int(told["connection_limit"])
    if desired.database not in found.sizes:
        yield Finding("database", f"there is no database {desired.database}", True)
    elif (size := found.sizes[desired.database]) is not None:
        yield Finding("database", f"{_mib(size)} to back up and to restore once beside it", False)
    if found.connections.get(role, 0) + _CONNECTIONS > limit:
        what = f"{found.connections[role]} of {role}'s {limit} connections are in use"
        yield Finding("connections", f"{what}; the migration waits for Airflow's own to end", False)
