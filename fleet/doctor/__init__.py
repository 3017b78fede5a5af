"""What is missing: takes an inventory, or why it cannot be read, gives findings on machine, cluster, platform and fleet, never
mends and never asks a thing twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fleet.desired import Desired
from fleet.doctor import cluster, instances, machine, platform
from fleet.doctor.finding import Finding, failures, guarded
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.inventory import Document

__all__ = ["Finding", "examine"]


async def examine(
    inventory: Document | FleetError, desired: Callable[[Document], Desired], now: datetime
) -> list[Finding]:
    """Every finding, in the order in which things build on each other; what builds on something broken is left out.

    Args:
        inventory: as it was loaded, or the error.
        desired: builds what it asks for.
    """
    found = await machine.examine()
    if isinstance(inventory, FleetError):
        return [*found, *failures("fleet", "inventory", inventory)]
    try:
        wanted = desired(inventory)
    except FleetError as error:
        return [*found, *failures("fleet", "inventory", error)]
    found += [Finding("fleet", "inventory", "ok", f"{inventory.path}: {len(wanted.instances)} instances, no errors")]
    world = World(inventory.inventory.platform)
    try:
        connection = world.cluster
    except FleetError as error:
        return [*found, *failures("machine", "kubeconfig", error)]
    found += [
        Finding("machine", "kubeconfig", "ok", f"context {connection.context}"),
        *await cluster.examine(connection),
    ]
    if any(each.check == "api server" and each.verdict == "fail" for each in found):
        return found
    found += await platform.examine(inventory.inventory.platform, world)
    return found + await guarded("fleet", "instances", lambda: instances.examine(wanted, connection, now))
