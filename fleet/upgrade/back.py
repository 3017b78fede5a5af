"""The way back: takes an instance and how it was, gives it running as it was, never loses a row that it can keep.

Down by Airflow's own migrations where there is a way, run with the image that knows them; else the backup takes the database's
place. Then the Helm releases as they were, and the gates again (ADR 0075).
"""

from __future__ import annotations

import asyncio
import copy
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fleet import pause, record
from fleet.apply import Tell, gone, step, write_record
from fleet.backup import scratch, source
from fleet.desired import DesiredInstance, migration, naming
from fleet.drivers.kubernetes import core, group
from fleet.drivers.metadata import Metadata
from fleet.drivers.postgres import count_rows, switch
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.migrated import let_in, metadata, settle
from fleet.record import Applied
from fleet.restore import choose, prove, run_job
from fleet.upgrade import gates
from fleet.upgrade.memory import Origin, Underway

# A server that restarts, or fails over to its other zone.
_DATABASE_SECONDS = 600.0
_LOOK_SECONDS = 2.0
_SHOWN = 3


@dataclass(frozen=True)
class Way:
    """Where to, and by what.

    Args:
        image: that migrated, and knows the way down.
        dump: the proven backup of the moment before; empty where there is none to go back to.
        pools: slots to give back.
        counted: nothing has run since the backup, so that no table may have fewer rows than it.
        by_backup: the database goes by the backup, whatever came since.
    """

    origin: Origin
    image: str
    dump: str
    pools: Mapping[str, int]
    counted: bool
    by_backup: bool = False

    @classmethod
    def of(cls, underway: Underway) -> Way:
        """Back from an upgrade that has begun."""
        return cls(underway.origin, underway.image, underway.dump, underway.pools, underway.counted)


def as_before(desired: DesiredInstance, origin: Origin) -> DesiredInstance:
    """The instance as it was: what the gates look at."""
    job = copy.deepcopy(dict(desired.migration_job))
    job["spec"]["template"]["spec"]["containers"][0]["image"] = origin.image
    parts = {
        part: origin.parts[part]["inputs"] if part in origin.parts else inputs for part, inputs in desired.parts.items()
    }
    return replace(desired, version=origin.version, migration_job=job, parts=parts)


async def go(desired: DesiredInstance, way: Way, world: World, tell: Tell, gate_seconds: float) -> str:
    """Bring the instance back; run again, it goes on.

    Returns:
        Which way the database went.

    Raises:
        FleetError: it cannot be brought back; it stands where the message says.
    """
    before = as_before(desired, way.origin)
    said = [""]

    async def database() -> str:
        said[0] = await _database(before, way, world)
        return said[0]

    async def releases() -> str:
        return await _releases(before, way.origin, world)

    async def pools() -> str:
        await (await metadata(before.name, world)).set_slots(way.pools)
        return f"{len(way.pools)} pools"

    await step(before.name, "back: data", database(), tell)
    await step(before.name, "back: roll", releases(), tell)
    await gates.hold(before, world, tell, gate_seconds)
    await step(before.name, "undrain", pools(), tell)
    return said[0]


async def _database(before: DesiredInstance, way: Way, world: World) -> str:
    """As it was, if it is not."""
    if way.by_backup:
        await pause.stop(world.cluster, before.name)
        await _restore(before, way.dump, world)
        return "backup restored"
    if not way.origin.revisions:
        return "left alone"
    there = await _answering(before.name, world)
    revisions = await there.revisions()
    if revisions == way.origin.revisions and not (way.counted and await _lost(there, way, world)):
        return "as it was"
    await pause.stop(world.cluster, before.name)
    try:
        return await _down(before, way, revisions, there, world)
    except FleetError as error:
        if not way.dump:
            raise
        await _restore(before, way.dump, world)
        return f"backup restored ({error.what})"


async def _answering(instance: str, world: World) -> Metadata:
    """The database, once its server answers: it may be what made the upgrade fail."""
    end = time.monotonic() + _DATABASE_SECONDS
    while True:
        try:
            found = await metadata(instance, world)
            await found.revisions()
        except FleetError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            return found


async def _down(before: DesiredInstance, way: Way, now: Mapping[str, str], there: Metadata, world: World) -> str:
    """Airflow's own way: its migrations, backwards.

    Raises:
        FleetError: there is no way down, it failed, or rows are missing below.
    """
    words = commands(now, way.origin.revisions)
    name = f"airflow-downgrade-{secrets.token_hex(4)}"
    job = migration.another(before.migration_job, name, ["bash", "-c", " && ".join(words)], way.image)
    await run_job(job, world)
    found = await there.revisions()
    if found != way.origin.revisions:
        raise FleetError(f"downgraded to {_shown(found)} instead of {_shown(way.origin.revisions)}", where=before.name)
    if way.counted and (lost := await _lost(there, way, world)):
        raise FleetError(f"rows are missing after the downgrade: {lost}", where=before.name)
    return f"downgraded to {_shown(found)}"


_COMMANDS = {
    "fab": "airflow fab-db downgrade --yes --to-revision {}",
    "airflow": "airflow db downgrade --yes --to-revision {}",
}


def commands(now: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """What brings a database from some revisions to others; FAB's tables stand on Airflow's, so they go first.

    Raises:
        FleetError: a part was not there before, or stood at several revisions at once.
    """
    found = []
    for part in _COMMANDS:
        if now.get(part) == wanted.get(part):
            continue
        if not (aim := wanted.get(part, "")).isalnum():
            raise FleetError(f"there is no way down for {part}: {aim or 'it had no tables before'}")
        found.append(_COMMANDS[part].format(aim))
    return found


def _shown(revisions: Mapping[str, str]) -> str:
    return ", ".join(f"{part} {revision}" for part, revision in sorted(revisions.items()))


async def _lost(there: Metadata, way: Way, world: World) -> str:
    """Tables with fewer rows than the backup has of them."""
    if not way.dump:
        return ""
    kept = await choose(there.database.replace("_", "-"), way.dump, world)
    now = await count_rows(there.login, there.database)
    lost = [f"{name} {now.get(name, 0)} of {rows}" for name, rows in kept.tables.items() if now.get(name, 0) < rows]
    return ", ".join(lost[:_SHOWN])


async def _restore(before: DesiredInstance, dump: str, world: World) -> None:
    """The backup in the database's place; what was there is dropped."""
    chosen, found = await choose(before.name, dump, world), await source(before.name, world)
    aside = f"before_{found.database}_{secrets.token_hex(4)}"
    async with scratch(found, world) as fresh:
        await prove(found, chosen, world, fresh)
        await switch(await world.database_admin(), found.database, fresh, aside)
    await let_in(before, world)
    await world.cloud_sql.delete_database(aside)


async def _releases(before: DesiredInstance, origin: Origin, world: World) -> str:
    """Helm's releases, and the record of what was applied, as they were."""
    places = {
        "guardrails": (naming.guardrails_release(before.name), naming.SYSTEM_NAMESPACE),
        "airflow": (naming.AIRFLOW_RELEASE, before.namespace),
    }
    for part, (release, namespace) in places.items():
        if origin.releases.get(part):
            await world.helm.rollback(release, namespace, origin.releases[part])
    await pause.start(world.cluster, before.name)
    await forget_migrations(before, world)
    written = await world.cluster.get(core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(before.name)))
    if written:
        parts = {part: Applied(each["inputs"], each["at"]) for part, each in origin.parts.items()}
        revisions = await settle(before, world)
        await write_record(world, replace(record.from_config_map(written), parts=parts, revisions=revisions))
    return f"Airflow {origin.version}, {origin.image}"


async def forget_migrations(instance: DesiredInstance, world: World) -> None:
    """What has run once is not run again: a migration of another state of the database must not count as run."""
    labels = "component=run-airflow-migrations"
    for job in await world.cluster.list(
        group("batch/v1", "jobs", instance.namespace), labels=labels, metadata_only=True
    ):
        path = group("batch/v1", "jobs", instance.namespace, job["metadata"]["name"])
        await world.cluster.delete(path)
        await gone(world, path)
