"""Backs an instance's database up: takes its name, gives a proof that the dump can be restored, never a dump without one.

Cloud SQL exports to the bucket and imports into a database of its own; there every table is counted and compared with the
source (ADR 0031). That database is dropped again, whatever happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fleet import keys, lease, proof, retention
from fleet.apply import PARALLEL, Outcome, Tell, saying, step
from fleet.desired import naming
from fleet.drivers.kubernetes import core
from fleet.drivers.postgres import Login, count_rows, wall
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.proof import Proof

# One ConfigMap for all: what is known of each instance's newest backup, also after the instance is gone.
CONFIG_MAP = "backups"
_SHOWN = 5  # differences named in an error


@dataclass(frozen=True)
class Source:
    """An instance's database, and how its own role gets in."""

    instance: str
    database: str
    role: str
    login: Login
    fingerprint: str  # of the Fernet key


async def source(instance: str, world: World) -> Source:
    """Where an instance's data are.

    Raises:
        FleetError: its keys are gone, or there is no such database; or the inventory names no Cloud SQL instance.
    """
    name = naming.sql(instance)
    if name not in await world.cloud_sql.databases():
        raise FleetError(f"there is no database {name}", where=instance, hint="`fleet apply` makes it")
    found = await keys.ensure(world.cluster, instance, used=True)
    fingerprint = hashlib.sha256(found["fernet-key"].split(",")[0].encode()).hexdigest()[:16]
    return Source(instance, name, name, world.login(name, found["database-password"]), fingerprint)


async def backup(instance: str, world: World, tell: Tell, *, quiet: bool) -> Proof:
    """Export, restore, compare, keep the proof; then delete older backups. A fault in that last step is told, no more.

    Args:
        quiet: Airflow is stopped, so that source and dump must agree to the row. Else a table that a running Airflow wrote
            to during the export may have any number of rows between the two counts around it.

    Raises:
        FleetError: a step failed, or the restored tables differ; then no proof is kept, and the dump is not to be trusted.
    """
    made: list[Proof] = []

    async def export() -> str:
        made.append(await _export(await source(instance, world), world, quiet))
        return f"{made[0].dump}, {made[0].size} bytes"

    async def prove() -> str:
        made[0] = await _prove(await source(instance, world), world, made[0])
        return f"{len(made[0].tables)} tables, {made[0].rows} rows restored and equal"

    await step(instance, "export", export(), tell)
    await step(instance, "proof", prove(), tell)
    with contextlib.suppress(FleetError):
        await step(instance, "retention", _prune(instance, world), tell)
    return made[0]


async def backups(instances: Sequence[str], world: World, tell: Tell) -> list[tuple[Outcome, Proof | None]]:
    """Back several up, side by side, while Airflow runs; one's failure stops no other.

    Returns:
        What came of each, in the same order, and the proof where there is one.
    """
    room = asyncio.Semaphore(PARALLEL)

    async def one(instance: str) -> tuple[Outcome, Proof | None]:
        async with room:
            started = time.monotonic()
            try:
                async with lease.held(world.cluster, instance, saying(instance, tell)):
                    done = await backup(instance, world, tell, quiet=False)
            except FleetError as error:
                return Outcome(instance, error, time.monotonic() - started), None
            return Outcome(instance, None, time.monotonic() - started), done

    return await asyncio.gather(*map(one, instances))


async def _prune(instance: str, world: World) -> str:
    settings = world.cloud_sql.settings
    folder = f"gs://{settings.bucket}/{instance}/"
    stored = [each.uri for each in await world.storage.list(folder)]
    going = retention.superfluous(folder, stored, settings.keep, datetime.now(UTC))
    for uri in going:
        await world.storage.delete(uri)
    return f"{len(going)} objects deleted" if going else ""


async def _export(found: Source, world: World, quiet: bool) -> Proof:
    """Dump the database between two counts. The proof holds the first of them, until it is one."""
    moment = datetime.now(UTC)
    bucket = world.cloud_sql.settings.bucket
    uri = f"gs://{bucket}/{found.instance}/{retention.name(moment)}"
    before = await count_rows(found.login, found.database)
    await world.cloud_sql.export(found.database, uri)
    after = await count_rows(found.login, found.database)
    moved = proof.moved(before, after)
    if quiet and moved:
        raise FleetError(
            f"somebody wrote to {', '.join(list(moved)[:_SHOWN])} while the database was exported", where=found.instance,
            hint="Airflow is stopped: see who else is signed in (pg_stat_activity), and run this again",
        )  # fmt: skip
    stored = await world.storage.find(uri)
    if stored is None:
        raise FleetError("the export has left no object", where=uri)
    return Proof(
        instance=found.instance, database=found.database, dump=uri, generation=stored.generation, digest=stored.digest,
        size=stored.size, begun=moment.isoformat(timespec="seconds"), proven="", quiet=quiet, keys=found.fingerprint,
        tables=before, moved=moved,
    )  # fmt: skip


async def _prove(found: Source, world: World, exported: Proof) -> Proof:
    async with scratch(found, world) as name:
        restored = await load(found, world, exported, name)
        after = {table: pair[1] for table, pair in exported.moved.items()}
        check(exported, proof.differences(exported.tables, {**exported.tables, **after}, restored))
    done = replace(exported, tables=restored, proven=datetime.now(UTC).isoformat(timespec="seconds"))
    await world.storage.write(proof.beside(done.dump), done.text().encode())
    await _remember(world, done)
    return done


async def load(found: Source, world: World, expected: Proof, into: str) -> dict[str, int]:
    """Restore a dump into an empty database and count its rows; the very object that the proof speaks of.

    Raises:
        FleetError: the object is gone or is another one now, or it cannot be restored.
    """
    await _unchanged(world, expected)
    await world.cloud_sql.load(expected.dump, into)
    await _unchanged(world, expected)
    return await count_rows(found.login, into)


async def _unchanged(world: World, expected: Proof) -> None:
    stored = await world.storage.find(expected.dump)
    if stored is None:
        raise FleetError("the dump is gone", where=expected.dump)
    if (stored.generation, stored.digest, stored.size) != (expected.generation, expected.digest, expected.size):
        raise FleetError(
            f"the dump is damaged: it is not what was exported ({stored.digest}, {stored.size} bytes; "
            f"exported {expected.digest}, {expected.size} bytes)",
            where=expected.dump,
        )


def check(expected: Proof, differences: list[str]) -> None:
    """Raises FleetError when the restored tables are not those of the source."""
    if differences:
        more = f" (and {len(differences) - _SHOWN} more)" if len(differences) > _SHOWN else ""
        raise FleetError(
            f"the dump does not restore to what it was taken from: {'; '.join(differences[:_SHOWN])}{more}",
            where=expected.dump, hint="do not rely on this dump; take another one (`fleet backup`)",
        )  # fmt: skip


@asynccontextmanager
async def scratch(found: Source, world: World) -> AsyncIterator[str]:
    """An empty database that only this instance's role may enter; dropped at the end, if it is still there.

    One that a killed run has left is dropped first.
    """
    pattern = re.compile(rf"proof_{re.escape(found.database)}_[0-9a-f]{{8}}")
    for left in filter(pattern.fullmatch, await world.cloud_sql.databases()):
        await world.cloud_sql.delete_database(left)
    name = f"proof_{found.database}_{secrets.token_hex(4)}"
    await world.cloud_sql.create_database(name)
    try:
        await wall(await world.database_admin(), name, found.role)
        yield name
    finally:
        if name in await world.cloud_sql.databases():
            await world.cloud_sql.delete_database(name)


async def _remember(world: World, done: Proof) -> None:
    """Keep the summary in the cluster, beside those of other instances."""
    path = core("configmaps", naming.SYSTEM_NAMESPACE, CONFIG_MAP)
    data = {f"{done.instance}.json": json.dumps(done.summary(), sort_keys=True)}
    empty = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP}}
    await world.cluster.create(core("configmaps", naming.SYSTEM_NAMESPACE), empty)
    await world.cluster.patch(path, {"data": data})
