"""Who looks at which team: takes names and the number of pods, gives each pod its names, every name to exactly one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fleet import waves
from fleet.errors import ExitCode, FleetError


@dataclass(frozen=True)
class Shard:
    """One of some pods. The first also looks at what the teams share, and for what no entry explains."""

    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether it is the one that looks at the platform."""
        return self.index == 0

    def of(self, teams: Iterable[str]) -> frozenset[str]:
        """Its teams, by the hash of each name: who comes or goes moves no other."""
        return frozenset(name for name in teams if int(waves.spread(name), 16) % self.count == self.index)


def parse(text: str) -> Shard:
    """Read `1/3`, the second of three.

    Raises:
        FleetError: it is none.
    """
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text)
    if not found or int(found[1]) >= int(found[2]):
        raise FleetError(
            f"`{text}` is no part of the fleet", hint="`0/3` is the first of three", exit_code=ExitCode.REFUSED
        )
    return Shard(int(found[1]), int(found[2]))
