"""Takes orphans away: takes what no entry explains, gives what came of each instance, never touches what bears no mark.

What fleet still has a record or a Terraform state of goes as `remove-team` takes it; what is left goes thing by thing: as there
Airflow first, after a backup that is proven, the database late, the keys last.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fleet import lease, remove
from fleet.apply import PARALLEL, Outcome, Tell, saying, step
from fleet.desired import naming, stacks
from fleet.desired.resolve import resolve
from fleet.drift.finding import Kind
from fleet.drift.orphans import kinds
from fleet.drift.orphans.things import Thing
from fleet.drivers import postgres
from fleet.drivers.kubernetes import core
from fleet.drivers.world import World
from fleet.errors import ExitCode, FleetError
from fleet.model import Inventory, Team
from fleet.observe import Observed, ObservedInstance
from fleet.proof import Proof
from fleet.remove import Holding

# With these goes what nobody can make again: rows, volumes, and who was let in.
_DATA = {kinds.WORKSPACE, kinds.DATABASE, kinds.CLIENT, kinds.GROUP}
_DROP = "drop database if exists {} with (force)"


@dataclass(frozen=True)
class Orphan:
    """All that is left of one instance.

    Args:
        going: what bears fleet's mark.
        staying: what stays, each with the reason.
        bare: its namespace, if there is one, holds neither pods nor volumes.
    """

    holding: Holding
    going: tuple[Thing, ...]
    staying: tuple[tuple[Thing, str], ...] = ()
    bare: bool = False

    @property
    def name(self) -> str:
        """The would-be instance's."""
        return self.holding.name

    @property
    def data(self) -> bool:
        """Whether something goes that nobody can make again."""
        return bool(_DATA & set(self._kinds)) or (kinds.NAMESPACE in self._kinds and not self.bare)

    @property
    def database(self) -> bool:
        """Whether a database may go: one that Terraform has made goes whatever it looks like by now."""
        return kinds.DATABASE in self._kinds or self.holding.variables is not None

    @property
    def _kinds(self) -> dict[Kind, list[Thing]]:
        found: dict[Kind, list[Thing]] = {}
        for each in self.going:
            found.setdefault(each.kind, []).append(each)
        return found

    def of(self, kind: Kind) -> list[Thing]:
        """What goes of one kind."""
        return self._kinds.get(kind, [])

    def lines(self, backup: bool) -> list[str]:
        """One line per thing that goes, or stays."""
        how = "after a backup that is proven" if backup else "WITHOUT A BACKUP"
        fate = {
            kinds.DATABASE: f": goes, with everything in it, {how}",
            kinds.WORKSPACE: f": goes, with all that Terraform has made of it, a database {how}",
        }
        return [
            *(f"{each.address}{fate.get(each.kind, '')}" for each in self.going),
            *(f"{each.address}: stays, {why}" for each, why in self.staying),
        ]


async def orphans(
    things: Sequence[Thing],
    databases: Collection[str],
    inventory: Inventory,
    observed: Observed,
    world: World,
    names: Sequence[str],
) -> list[Orphan]:
    """What would be taken away, by instance, in the order of their names.

    Args:
        things: those that no entry explains.
        databases: all that are on the server.
        names: instances that are looked at; all where empty.

    Raises:
        FleetError: one of the names has nothing that may be taken away (exit code REFUSED).
    """
    left = [each for each in things if each.kind is not kinds.ASIDE]
    there = sorted({each.instance for each in left if each.marked})
    for name in names:
        _refuse(name, there, left, inventory)
    chosen = [name for name in there if name in set(names) or not names]
    found = [await _orphan(name, left, inventory, observed, world) for name in chosen]
    return [_keeping_keys(each, databases) for each in found]


def _keeping_keys(orphan: Orphan, databases: Collection[str]) -> Orphan:
    """A database that is not taken away may need the keys: they stay with it."""
    database, keys = naming.sql(orphan.name), orphan.of(kinds.KEYS)
    if orphan.database or database not in databases or not keys:
        return orphan
    why = f"the database {database}, which bears no mark of fleet's, may need it"
    going = tuple(each for each in orphan.going if each not in keys)
    return replace(orphan, going=going, staying=(*orphan.staying, *((each, why) for each in keys)))


def _refuse(name: str, there: Sequence[str], things: Sequence[Thing], inventory: Inventory) -> None:
    if name in there:
        return
    what, hint = f"nothing of `{name}` is an orphan", f"there are: {', '.join(there) or 'none'}"
    if name in inventory.entries:
        what, hint = f"`{name}` is in the inventory", f"fleet remove-team {name}"
    elif any(each.instance == name for each in things):
        what, hint = f"nothing of `{name}` bears fleet's mark", "whoever made it takes it away"
    raise FleetError(what, hint=hint, exit_code=ExitCode.REFUSED)


async def _orphan(name: str, things: Sequence[Thing], inventory: Inventory, observed: Observed, world: World) -> Orphan:
    own = [each for each in things if each.instance == name]
    found = observed.instances.get(name, ObservedInstance(name))
    known = any(each.kind is kinds.WORKSPACE for each in own)
    holding = Holding(name, found, _variables(name, found, inventory, known))
    bare = found.created is not None and "airflow" not in found.releases and await _bare(world, naming.namespace(name))
    marked, unmarked = ([each for each in own if each.marked is is_marked] for is_marked in (True, False))
    return Orphan(holding, tuple(marked), tuple((each, "it bears no mark of fleet's") for each in unmarked), bare)


def _variables(name: str, found: ObservedInstance, inventory: Inventory, known: bool) -> dict[str, Any] | None:
    """What Terraform destroys it with: as recorded, or, where only its state is left, as a team of this name would have it."""
    record = found.record
    recorded: Mapping[str, Any] | None = None
    if record:
        applied = record.parts.get("terraform")
        recorded = applied.inputs["variables"] if applied else record.kept
    if recorded is None and not known:
        return None
    return dict(recorded or stacks.team(inventory.platform, resolve(inventory, name, Team(owner=name))))


async def _bare(world: World, namespace: str) -> bool:
    kinds_of_data = ("pods", "persistentvolumeclaims")
    lists = [world.cluster.list(core(kind, namespace), metadata_only=True) for kind in kinds_of_data]
    return not any(await asyncio.gather(*lists))


async def prune(
    found: Sequence[Orphan], world: World, tell: Tell, *, with_backup: bool
) -> list[tuple[Outcome, Proof | None]]:
    """Take them away, side by side; a fault of one stops no other. Running it again goes on where it ended.

    Args:
        with_backup: back each database up first, and leave all of it as it was where that cannot be proven.

    Returns:
        What came of each, in the same order, and the proof where a backup was taken.
    """
    if any(each.holding.variables is not None for each in found):
        await world.open_stack("team")  # one `init`, before they run side by side
    room = asyncio.Semaphore(PARALLEL)

    async def one(orphan: Orphan) -> tuple[Outcome, Proof | None]:
        async with room:
            started = time.monotonic()
            try:
                async with lease.held(world.cluster, orphan.name, saying(orphan.name, tell)):
                    proof = await _prune(orphan, world, tell, with_backup)
            except FleetError as error:
                return Outcome(orphan.name, error, time.monotonic() - started), None
            return Outcome(orphan.name, None, time.monotonic() - started), proof

    return await asyncio.gather(*map(one, found))


async def _prune(orphan: Orphan, world: World, tell: Tell, with_backup: bool) -> Proof | None:
    name, holding = orphan.name, orphan.holding
    proof = await remove.proven(name, world, tell) if with_backup and orphan.database else None
    if orphan.of(kinds.NAMESPACE) and "guardrails" not in holding.observed.releases:
        await step(name, "namespace", _namespace(name, world), tell)
        holding = replace(holding, observed=replace(holding.observed, created=None))
    if {kinds.NAMESPACE, kinds.RELEASE} & {each.kind for each in orphan.going}:
        await remove.out_of_cluster(holding, world, tell)
    if holding.variables is not None:
        await step(name, "terraform", remove.destroy(world, holding, keep_database=False), tell)
    if orphan.of(kinds.CLIENT) or orphan.of(kinds.GROUP):
        await step(name, "sign-on", _sign_on(orphan, world), tell)
    if orphan.of(kinds.DATABASE) or orphan.of(kinds.ROLE):
        await step(name, "database", _database(name, world), tell)
    await step(name, "rest", _rest(orphan, world), tell)
    return proof


async def _namespace(name: str, world: World) -> str:
    """One that no release of ours holds any more."""
    await world.helm.uninstall(naming.AIRFLOW_RELEASE, naming.namespace(name))
    await world.cluster.delete(core("namespaces", name=naming.namespace(name)))
    return naming.namespace(name)


async def _sign_on(orphan: Orphan, world: World) -> str:
    """What Terraform has not taken: `change` takes no offence at what is gone."""
    realm = await world.realm()
    for kind, path in ((kinds.CLIENT, "/clients"), (kinds.GROUP, "/groups")):
        for each in orphan.of(kind):
            await realm.change("DELETE", f"{path}/{each.identity}")
    return ""


async def _database(name: str, world: World) -> str:
    from psycopg import sql

    admin, database = await world.database_admin(), naming.sql(name)
    async with admin.connected("postgres") as connection:
        await connection.execute(sql.SQL(_DROP).format(sql.Identifier(database)))
    await postgres.drop_role(admin, database)
    return database


async def _rest(orphan: Orphan, world: World) -> str:
    """What holds no data: the keys last, which nothing needs any more."""
    for each in orphan.of(kinds.ACCOUNT):
        await world.cluster.delete(each.identity)
    for name in (naming.upgrades(orphan.name), naming.record(orphan.name)):
        await world.cluster.delete(core("configmaps", naming.SYSTEM_NAMESPACE, name))
    return await remove.forget(world, orphan.name) if orphan.of(kinds.KEYS) else ""
