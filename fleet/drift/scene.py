"""What every layer is given: the inventory, what it asks for, what there is, and the doors to the world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleet.desired import Desired, DesiredInstance
from fleet.drivers.world import World
from fleet.model import Inventory
from fleet.observe import Observed, ObservedInstance


@dataclass(frozen=True)
class Scene:
    """One look.

    Args:
        teams: the instances that are looked at.
        platform: whether what the instances share is looked at, and what no instance explains.
    """

    inventory: Inventory
    desired: Desired
    observed: Observed
    world: World
    teams: frozenset[str]
    platform: bool = True

    def applied(self, part: str) -> Iterator[tuple[str, DesiredInstance, ObservedInstance]]:
        """The instances looked at to which ``part`` was applied, in the inventory's order: what was never made cannot drift."""
        for name, wanted in self.desired.instances.items():
            found = self.observed.instances.get(name)
            if name in self.teams and found and found.record and part in found.record.parts:
                yield name, wanted, found
