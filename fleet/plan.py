"""What to do: takes a difference, gives ordered steps, never does one.

A plan is a value: printed by `fleet plan`, carried out by `fleet apply`, compared by the golden tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fleet.desired import PARTS
from fleet.diff import DRIFT, PLATFORM, PORTAL, Change, Difference


@dataclass(frozen=True)
class Plan:
    """The platform's changes, if any, then per instance its changes in the order in which they are made."""

    platform: Change | None
    portal: Change | None
    drift: Change | None
    instances: Mapping[str, tuple[Change, ...]]
    orphans: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not self.changes

    @property
    def shared(self) -> Plan:
        """What is to be done to the platform alone."""
        return replace(self, instances={}, orphans=())

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change, in order."""
        first = filter(None, (self.platform, self.portal, self.drift))
        return (*first, *(change for changes in self.instances.values() for change in changes))


def plan(difference: Difference, only: frozenset[str] = frozenset()) -> Plan:
    """The steps that mend a difference.

    Args:
        only: instances to look at; all where empty. The platform comes first in any case: instances stand on it.
    """
    shared: dict[str, Change] = {change.part: change for change in difference.changes if change.instance == PLATFORM}
    instances: dict[str, tuple[Change, ...]] = {}
    for change in difference.changes:
        if change.instance != PLATFORM and (not only or change.instance in only):
            instances[change.instance] = (*instances.get(change.instance, ()), change)
    in_order = {
        name: tuple(sorted(changes, key=lambda change: PARTS.index(change.part))) for name, changes in instances.items()
    }
    return Plan(shared.get(PLATFORM), shared.get(PORTAL), shared.get(DRIFT), in_order, difference.orphans)
