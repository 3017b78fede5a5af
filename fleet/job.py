"""Makes the look at drift on a schedule and takes it away: takes what it is made of, gives what was done and the record of it,
never writes that. Who it is, here: a role, a Secret; the client in Keycloak is Terraform's (ADR 0092)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet import keys, paths
from fleet.desired import drift, naming, stacks
from fleet.diff import DRIFT, PLATFORM
from fleet.drivers import credentials, reader
from fleet.drivers.kubernetes import core
from fleet.drivers.world import World
from fleet.model import Platform
from fleet.record import Record, from_config_map
from fleet.wait import wait_until_rolled, wait_while_pending

Inputs = Mapping[str, Any] | None  # None: there is to be no such look
_STACKS = ("platform", "team")


async def secrets(wanted: Inputs, done: Record, world: World) -> dict[str, str]:
    """The ephemeral variables of the stack `platform` that it needs.

    Raises:
        FleetError: Keycloak was told the client's secret once, and the Secret with it is gone.
    """
    if wanted is None:
        return {}
    applied = done.parts.get(PLATFORM)
    used = bool(applied and applied.inputs["variables"].get("drift"))
    return {"drift_client_secret": (await keys.ensure_drift(world.cluster, used=used))["sso-client-secret"]}


async def role(wanted: Inputs, world: World) -> None:
    """Its role on the database server. Made before the instances: their databases let it in by name."""
    admin = await world.database_admin()
    if wanted is None:
        await reader.silence(admin, naming.DRIFT_ROLE)
        return
    password = (await keys.ensure_drift(world.cluster, used=True))["database-password"]
    connections = drift.CONNECTIONS * wanted["values"]["drift"]["shards"]
    await reader.ensure(admin, naming.DRIFT_ROLE, password, connections)


async def make(wanted: Inputs, inventory: str, world: World, at: str) -> tuple[str, Record]:
    """Install, upgrade or remove it, under the platform's Lease; done when its metrics are served.

    Args:
        inventory: as the job reads it, unless it comes from a repository.
        at: when, for the record.

    Raises:
        FleetError: a server or Helm refused, or the pod with the metrics does not get ready.
    """
    written = await world.cluster.get(core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(PLATFORM)))
    done = from_config_map(written) if written else Record(PLATFORM)
    if wanted is None:
        return await _remove(world), done.without_part(DRIFT)
    return await _install(wanted, inventory, world), done.with_part(DRIFT, wanted, at)


async def _install(wanted: Mapping[str, Any], inventory: str, world: World) -> str:
    where, release = naming.SYSTEM_NAMESPACE, naming.DRIFT_RELEASE
    await _spread(world)
    await _keep_inventory(world, inventory)
    if await wait_while_pending(world.cluster, where, release):
        await world.helm.recover(release, where)
    revision = await world.helm.upgrade(release, where, paths.asset("charts") / "platform", wanted["values"])
    await wait_until_rolled(world.cluster, where, naming.DRIFT_METRICS)
    return f"revision {revision}, {wanted['values']['drift']['schedule']}"


async def _spread(world: World) -> None:
    """All that it signs in with, into one Secret; and the way to the states, where these lie in a database."""
    found = await keys.ensure_drift(world.cluster, used=True)
    data = {"database-username": naming.DRIFT_ROLE, "sso-client-id": naming.DRIFT, **found}
    if world.platform.terraform.backend == "pg":
        for stack in _STACKS:  # makes the schema, where no instance did so yet
            await world.open_stack(stack)
        state = await world.state()
        await reader.let_read_states(state, naming.DRIFT_ROLE, [_schema(stack, world.platform) for stack in _STACKS])
        data[credentials.STATE] = reader.connection_string(state, naming.DRIFT_ROLE, found["database-password"])
    if authority := await world.authority():
        data[naming.CA_KEY] = authority
    await keys.write_drift(world.cluster, data)


def _schema(stack: str, platform: Platform) -> str:
    return str(stacks.backend(platform, stack)["pg"]["schema_name"])


async def _keep_inventory(world: World, inventory: str) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": naming.DRIFT_INVENTORY, "namespace": naming.SYSTEM_NAMESPACE},
        "data": {"tenants.yaml": inventory},
    }
    await world.cluster.apply(core("configmaps", naming.SYSTEM_NAMESPACE, naming.DRIFT_INVENTORY), manifest)


async def _remove(world: World) -> str:
    """Release, Secret and inventory; Terraform has taken the client. The role stays and signs in no more."""
    await world.helm.uninstall(naming.DRIFT_RELEASE, naming.SYSTEM_NAMESPACE)
    await world.cluster.delete(core("secrets", naming.SYSTEM_NAMESPACE, naming.DRIFT))
    await world.cluster.delete(core("configmaps", naming.SYSTEM_NAMESPACE, naming.DRIFT_INVENTORY))
    await role(None, world)
    return ""
