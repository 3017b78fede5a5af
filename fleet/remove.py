"""Takes an instance out of the world: takes what it holds, gives nothing when all of it is gone, never asks whether to.

Before anything goes, Airflow is stopped and its database backed up and proven; when that fails, Airflow is started again.
Then Airflow goes first, the database last: as long as anything fails, what cannot be made again is still there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet import lease, pause
from fleet.apply import Tell, saying, step, write_record
from fleet.backup import backup
from fleet.desired import Desired, naming, stacks
from fleet.drivers.kubernetes import core
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.observe import Observed, ObservedInstance
from fleet.proof import Proof
from fleet.record import Record
from fleet.wait import wait_until_gone

# All but the database, and so its pods' identity too, where there is one (Google Cloud).
BESIDE_THE_DATABASE = ("module.instance.module.sso", "module.instance.module.gcp")


@dataclass(frozen=True)
class Holding:
    """What one instance holds in the world, and so what a removal takes away."""

    name: str
    observed: ObservedInstance
    variables: dict[str, Any] | None  # of the stack `team`; None where Terraform never made anything

    def lines(self, keep_database: bool, backup: bool) -> list[str]:
        """One line per thing that goes, or stays."""
        how = "after a backup that is proven" if backup else "WITHOUT A BACKUP"
        database, fate = naming.sql(self.name), "stays" if keep_database else f"goes, with everything in it, {how}"
        lines = [
            f"Helm release {naming.AIRFLOW_RELEASE} and namespace {naming.namespace(self.name)}",
            f"sign-on client {naming.client_id(self.name)}",
            f"database {database}: {fate}",
            f"keys (Secret {naming.keys_secret(self.name)}): {'stay' if keep_database else 'go'}",
        ]
        return lines


def holding(name: str, desired: Desired, observed: Observed) -> Holding | None:
    """What ``name`` holds; None where nothing in the world bears its mark. It need not be in the inventory."""
    found = observed.instances.get(name)
    if found is None:
        return None
    applied = found.record.parts.get("terraform") if found.record else None
    if applied:
        return Holding(name, found, dict(applied.inputs["variables"]))
    if found.record and found.record.kept:
        return Holding(name, found, dict(found.record.kept))
    # Never recorded: a first run ended within Terraform. What it was to make is what the inventory says.
    planned = desired.instances.get(name)
    return Holding(name, found, dict(planned.parts["terraform"]["variables"]) if planned else None)


async def remove(holding: Holding, world: World, tell: Tell, *, keep_database: bool, with_backup: bool) -> Proof | None:
    """Remove it. Running it again goes on where it ended.

    Args:
        keep_database: leave the database and the keys; there is no backup then.
        with_backup: back the database up first, and stop with everything as it was when that cannot be proven.

    Returns:
        The proof of the backup, if one was made.

    Raises:
        FleetError: a step failed; the steps after it were not begun.
    """
    async with lease.held(world.cluster, holding.name, saying(holding.name, tell)):
        proof = await proven(holding.name, world, tell) if with_backup and not keep_database else None
        await _remove(holding, world, tell, keep_database)
        return proof


async def proven(name: str, world: World, tell: Tell) -> Proof | None:
    """The proof of a backup; None where there is no database. When there is no proof, Airflow runs again as before."""
    if naming.sql(name) not in await world.cloud_sql.databases():
        return None
    try:
        await step(name, "stop", _stop(world, name), tell)
        return await backup(name, world, tell, quiet=True)
    except BaseException as error:
        await step(name, "start", _start(world, name), tell)
        if isinstance(error, FleetError):
            error.hint = f"{error.hint + '; ' if error.hint else ''}nothing was removed, and Airflow starts again"
        raise


async def _stop(world: World, name: str) -> str:
    return f"{await pause.stop(world.cluster, name)} components"


async def _start(world: World, name: str) -> str:
    return f"{await pause.start(world.cluster, name)} components"


async def _remove(holding: Holding, world: World, tell: Tell, keep_database: bool) -> None:
    name = holding.name
    await out_of_cluster(holding, world, tell)
    if holding.variables is not None:
        await step(name, "terraform", destroy(world, holding, keep_database), tell)
    if keep_database:
        await write_record(world, Record(name, kept=holding.variables))
        return
    await step(name, "keys", forget(world, name), tell)


async def out_of_cluster(holding: Holding, world: World, tell: Tell) -> None:
    """Its Airflow and its namespace, and what is remembered of its upgrades."""
    name = holding.name
    if holding.observed.created is not None:
        await step(name, "airflow", _uninstall(world, name), tell)
    await step(name, "guardrails", _guardrails(world, name), tell)
    # With its releases the way back is gone: a team that comes again under this name begins anew.
    await world.cluster.delete(core("configmaps", naming.SYSTEM_NAMESPACE, naming.upgrades(name)))


async def _uninstall(world: World, name: str) -> str:
    await world.helm.uninstall(naming.AIRFLOW_RELEASE, naming.namespace(name))
    await pause.let_end(world.cluster, name)
    return ""


async def _guardrails(world: World, name: str) -> str:
    await world.helm.uninstall(naming.guardrails_release(name), naming.SYSTEM_NAMESPACE)
    await wait_until_gone(world.cluster, naming.namespace(name))
    return ""


async def destroy(world: World, holding: Holding, keep_database: bool) -> str:
    """What Terraform has made of it, and its workspace; gives what was done."""
    stack = await world.open_stack("team")
    targets = BESIDE_THE_DATABASE if keep_database else ()
    changes = await stack.destroy(holding.name, _nobody_in(holding.variables or {}), stacks.NO_SECRETS, targets)
    if not keep_database:
        await stack.delete_workspace(holding.name)
    return f"{len(changes)} resources"


def _nobody_in(variables: Mapping[str, Any]) -> dict[str, Any]:
    """With nobody in its roles: Terraform looks people and groups up and stops at one that is gone, and to take things away it
    need not know them."""
    return {**variables, "sso": {**variables.get("sso", {}), "groups": {}, "users": {}}}


async def forget(world: World, name: str) -> str:
    """Its keys and its record, last: as long as anything fails, they are still there."""
    for secret in (naming.next_keys_secret(name), naming.keys_secret(name)):
        await world.cluster.delete(core("secrets", naming.SYSTEM_NAMESPACE, secret))
    await world.cluster.delete(core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(name)))
    return ""
