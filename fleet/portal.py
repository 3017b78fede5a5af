"""Makes the portal and takes it away: takes what it is made of, gives what was done and the record of it, never writes that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet import keys, paths
from fleet.desired import naming
from fleet.diff import PLATFORM, PORTAL
from fleet.drivers.kubernetes import core
from fleet.drivers.world import World
from fleet.record import Record, from_config_map
from fleet.wait import wait_until_rolled, wait_while_pending

Inputs = Mapping[str, Any] | None  # None: there is to be no portal


async def secrets(wanted: Inputs, done: Record, world: World) -> dict[str, str]:
    """The ephemeral variables of the stack `platform` that the portal needs.

    Raises:
        FleetError: Keycloak was told the client's secret once, and the Secret with it is gone.
    """
    if wanted is None:
        return {}
    applied = done.parts.get(PLATFORM)
    used = bool(applied and applied.inputs["variables"].get("portal"))
    return {"portal_client_secret": await keys.ensure_portal(world.cluster, used=used)}


async def make(wanted: Inputs, world: World, at: str) -> tuple[str, Record]:
    """Install, upgrade or remove it, under the platform's Lease; done when it answers.

    Args:
        at: when, for the record.

    Raises:
        FleetError: Helm refused, or the portal's pod does not get ready.
    """
    written = await world.cluster.get(core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(PLATFORM)))
    done = from_config_map(written) if written else Record(PLATFORM)
    if wanted is None:
        return await _remove(world), done.without_part(PORTAL)
    return await _install(wanted, world), done.with_part(PORTAL, wanted, at)


async def _install(wanted: Mapping[str, Any], world: World) -> str:
    where, release = naming.SYSTEM_NAMESPACE, naming.PLATFORM_RELEASE
    if authority := await world.authority():
        await keys.spread_trust(world.cluster, where, PLATFORM, authority)
    if await wait_while_pending(world.cluster, where, release):
        await world.helm.recover(release, where)
    revision = await world.helm.upgrade(release, where, paths.asset("charts") / "platform", wanted["values"])
    await wait_until_rolled(world.cluster, where, naming.PORTAL)
    return f"revision {revision}, {wanted['values']['portal']['url']}/"


async def _remove(world: World) -> str:
    """Release and secret; Terraform has taken the client."""
    await world.helm.uninstall(naming.PLATFORM_RELEASE, naming.SYSTEM_NAMESPACE)
    await world.cluster.delete(core("secrets", naming.SYSTEM_NAMESPACE, naming.PORTAL))
    return ""
