"""The order of an upgrade: takes the inventory's waves and instances, gives each wave its instances, never looks at a cluster.

Who is in which wave depends on the inventory alone, and not on what is still to be done: so a run that goes on where an earlier
one ended finds the same waves.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fleet.model import Wave

REST = "rest"


@dataclass(frozen=True)
class Group:
    """Instances that are upgraded together, in the inventory's order."""

    name: str
    instances: tuple[str, ...]


def groups(waves: Sequence[Wave], instances: Sequence[str], chosen: Collection[str]) -> list[Group]:
    """The waves with those of their instances that are ``chosen``; waves without any are left out.

    Args:
        waves: as the inventory has them; instances in none of them come last, in a wave called `rest`.
        instances: all of the inventory's, of which the percentages are taken.
    """
    left, found = list(instances), list[tuple[str, set[str]]]()
    for wave in waves:
        members = set(wave.teams) & set(left) if wave.percent is None else set(_share(left, wave.percent))
        found.append((wave.name, members))
        left = [name for name in left if name not in members]
    found.append((REST, set(left)))
    ordered = [
        Group(name, tuple(each for each in instances if each in members and each in chosen)) for name, members in found
    ]
    return [group for group in ordered if group.instances]


def _share(names: Sequence[str], percent: int) -> list[str]:
    """That share of the names, rounded up, by the hash of each: who comes or goes moves no more than one other."""
    return sorted(names, key=spread)[: math.ceil(len(names) * percent / 100)]


def spread(name: str) -> str:
    """A number for a name, in hexadecimal, that stays what it is: by it, names are spread evenly."""
    return hashlib.sha256(name.encode()).hexdigest()
