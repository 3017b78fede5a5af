"""Where in an object: gives one place's name, its path in `managedFields` and in a patch, never what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.drift.helm.owners import field_step, item_step

Operation = Mapping[str, Any]


class Place:
    """Where in an object: chained from the root, so that one costs little until it is told."""

    __slots__ = ("_above", "_guard", "_index", "_step", "name")

    def __init__(
        self,
        above: Place | None = None,
        name: str = "",
        index: str | int = "",
        step: str = "",
        guard: Operation | None = None,
    ) -> None:
        self._above, self.name, self._index, self._step, self._guard = above, name, index, step, guard

    def field(self, name: str) -> Place:
        """A field of it."""
        return Place(self, name, name, field_step(name))

    def item(self, name: str, number: int, keys: Mapping[str, Any], live: Mapping[str, Any]) -> Place:
        """An item of it that is found by ``keys``; whoever patches it makes sure that it is still that one."""
        place = Place(self, name, number, item_step(keys))
        first = next(iter(keys))
        place._guard = {"op": "test", "path": place.field(first).pointer, "value": live[first]}
        return place

    def new(self, name: str, keys: Mapping[str, Any]) -> Place:
        """An item of it that is not there."""
        return Place(self, name, "-", item_step(keys))

    def element(self, number: int) -> Place:
        """An item of a list that is one value."""
        return Place(self, str(number), number, "i:")

    @property
    def above(self) -> str:
        """Name of what it is in."""
        return self._above.name if self._above else ""

    def _chain(self) -> list[Place]:
        chain, place = list[Place](), self
        while place._above is not None:
            chain.append(place)
            place = place._above
        return chain[::-1]

    @property
    def names(self) -> tuple[str, ...]:
        """As a reader calls it."""
        return tuple(each.name for each in self._chain())

    @property
    def steps(self) -> tuple[str, ...]:
        """As `managedFields` call it."""
        return tuple(each._step for each in self._chain())

    @property
    def pointer(self) -> str:
        """As a patch calls it (RFC 6901)."""
        return "".join(f"/{str(each._index).replace('~', '~0').replace('/', '~1')}" for each in self._chain())

    @property
    def guards(self) -> tuple[Operation, ...]:
        """What has to be so for the pointer to mean this place."""
        return tuple(each._guard for each in self._chain() if each._guard is not None)
