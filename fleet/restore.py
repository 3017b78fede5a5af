"""Brings an instance's database back: takes a proven dump, gives Airflow running on it, never leaves the instance with neither.

The dump is restored into a database of its own and proven again while Airflow still runs. Only then Airflow is stopped and the
two databases are switched, in one transaction. What was there is dropped when Airflow is healthy again, and put back when it
is not (ADR 0033).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fleet import pause, proof, record
from fleet.apply import Tell, gone, step, write_record
from fleet.backup import Source, check, load, scratch, source
from fleet.desired import DesiredInstance, naming
from fleet.drivers.kubernetes import core, group
from fleet.drivers.postgres import switch
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.migrated import let_in, settle
from fleet.proof import Proof
from fleet.wait import wait_for_job, wait_until_healthy


async def choose(instance: str, dump: str | None, world: World) -> Proof:
    """The proof of a dump; of the newest one where none is named.

    Raises:
        FleetError: there is none, or it is another instance's.
    """
    if dump is None:
        stored = await world.storage.list(f"gs://{world.cloud_sql.settings.bucket}/{instance}/")
        proven = [each.uri for each in stored if each.uri.endswith(proof.PROOF_END)]
        if not proven:
            raise FleetError("there is no proven backup", where=instance, hint=f"`fleet backup {instance}` makes one")
        where = proven[-1]  # the names are moments, so the last is the newest
    else:
        where = proof.beside(dump)
    text = await world.storage.read(where)
    if text is None:
        raise FleetError("there is no proof beside this dump", where=dump or where, hint="name one that `fleet` made")
    found = proof.read(text, where)
    if found.instance != instance:
        raise FleetError(f"this is a dump of {found.instance}", where=where, hint="its tables belong to another role")
    return found


async def same_keys(chosen: Proof, world: World) -> bool:
    """Whether the instance still has the Fernet key with which the dump's passwords were encrypted."""
    return (await source(chosen.instance, world)).fingerprint == chosen.keys


async def verify(chosen: Proof, world: World, tell: Tell) -> None:
    """Prove a dump once more, in a database of its own that is dropped again. Airflow and its database are not touched.

    Raises:
        FleetError: the dump is gone, damaged, or does not restore to what it was.
    """
    found = await source(chosen.instance, world)

    async def work() -> str:
        async with scratch(found, world) as fresh:
            return await prove(found, chosen, world, fresh)

    await step(chosen.instance, "proof", work(), tell)


@dataclass
class _Places:
    """Where the databases are now."""

    fresh: str
    aside: str
    switched: bool = False


async def restore(desired: DesiredInstance, chosen: Proof, world: World, tell: Tell) -> None:
    """Put the dump into the place of the instance's database.

    Raises:
        FleetError: a step failed; the instance has the database that it had before, and its Airflow was started again.
    """
    found = await source(desired.name, world)
    async with scratch(found, world) as fresh:
        await step(desired.name, "proof", prove(found, chosen, world, fresh), tell)
        places = _Places(fresh, f"before_{found.database}_{secrets.token_hex(4)}")
        try:
            await step(desired.name, "stop", _stop(desired, world), tell)
            await step(desired.name, "switch", _switch(found, places, world), tell)
            await step(desired.name, "migration", _migrate(desired, world), tell)
            await step(desired.name, "start", _start(desired, world), tell)
        except BaseException:
            await step(desired.name, "back", _back(desired, found, places, world), tell)
            raise
    await step(desired.name, "clean", _drop(places.aside, world), tell)


async def prove(found: Source, chosen: Proof, world: World, fresh: str) -> str:
    """Restore a dump into an empty database, and hold it against its proof.

    Raises:
        FleetError: the dump is gone, damaged, or does not restore to what it was.
    """
    restored = await load(found, world, chosen, fresh)
    check(chosen, proof.differences(chosen.tables, chosen.tables, restored))
    return f"{chosen.dump}: {len(restored)} tables, {chosen.rows} rows"


async def _stop(desired: DesiredInstance, world: World) -> str:
    return f"{await pause.stop_all(world.cluster, desired.name)} components"


async def _switch(found: Source, places: _Places, world: World) -> str:
    # Noted before it is done: whether it was done, the databases' names tell.
    places.switched = True
    await switch(await world.database_admin(), found.database, places.fresh, places.aside)
    return ""


async def _migrate(desired: DesiredInstance, world: World) -> str:
    await let_in(desired, world)
    done = await run_job(desired.migration_job, world)
    written = await world.cluster.get(core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(desired.name)))
    if written:
        await write_record(world, replace(record.from_config_map(written), revisions=await settle(desired, world)))
    return done


async def run_job(job: Mapping[str, Any], world: World) -> str:
    """Run a Job anew, whatever became of one of its name.

    Raises:
        FleetError: it failed, or did not end in time.
    """
    namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
    path = group("batch/v1", "jobs", namespace, name)
    await world.cluster.delete(path)
    await gone(world, path)
    await world.cluster.create(group("batch/v1", "jobs", namespace), dict(job))
    await wait_for_job(world.cluster, namespace, name)
    return ""


async def _start(desired: DesiredInstance, world: World) -> str:
    started = await pause.start(world.cluster, desired.name)
    if not desired.suspended:
        await wait_until_healthy(world.cluster, desired)
    return f"{started} components"


async def _back(desired: DesiredInstance, found: Source, places: _Places, world: World) -> str:
    """As it was before: the old database in its place, Airflow started, whatever state the new one is in."""
    if places.switched and places.aside in await world.cloud_sql.databases():
        await pause.stop(world.cluster, desired.name)
        await switch(await world.database_admin(), found.database, places.aside, places.fresh)
    await pause.start(world.cluster, desired.name)
    return "the database is the one from before"


async def _drop(name: str, world: World) -> str:
    await world.cloud_sql.delete_database(name)
    return ""
