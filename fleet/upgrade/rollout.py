"""Runs waves: takes groups of instances and what is to be done to one, gives what came of each, never knows what is done.

A wave that fails too often ends the rollout: what runs is finished, nothing else is begun.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fleet.errors import FleetError
from fleet.waves import Group

# upgraded, or as it was before: `failed` was rolled back or never begun; `broken` is neither here nor there; `skipped` was not
# its turn (window, lease); `halted` was not begun because others failed.
State = Literal["upgraded", "failed", "broken", "skipped", "halted"]
_SHARE = 0.05  # of a wave's instances that may fail, after the first wave


@dataclass(frozen=True)
class Result:
    """What came of one instance."""

    instance: str
    wave: str
    state: State
    why: str = ""
    seconds: float = 0.0
    error: FleetError | None = None


@dataclass(frozen=True)
class Rules:
    """When to stop, and how fast to go.

    Args:
        parallel: instances worked on at once.
        failures: how many of a wave may fail before nothing more is begun; None: one in the first wave, then 5 %, rounded up.
    """

    parallel: int = 4
    failures: int | None = None

    def allowed(self, number: int, size: int) -> int:
        """How many failures end wave ``number`` (from 0) of ``size`` instances."""
        if self.failures is not None:
            return self.failures
        return 1 if number == 0 else max(1, math.ceil(size * _SHARE))


@dataclass(frozen=True)
class Done:
    """What the work on one instance says of it."""

    state: State
    why: str = ""
    error: FleetError | None = None


Work = Callable[[str], Awaitable[Done]]
Between = Callable[[Group, Sequence[Result]], Awaitable[str]]


async def roll(
    groups: Sequence[Group], work: Work, rules: Rules, between: Between, stop: Callable[[], str] = lambda: ""
) -> list[Result]:
    """Work on every instance, wave by wave.

    Args:
        work: never raises but for a cancellation.
        between: before each wave but the first, with what came of those before; says why to go no further, or nothing.
        stop: asked before each instance: why nothing more is to be begun, or nothing.

    Returns:
        A result per instance, in the order of the waves.
    """
    results: list[Result] = []
    halted = ""
    for number, group in enumerate(groups):
        if number and not (halted := halted or stop()):
            halted = await between(group, results)
        wave = _Wave(group, work, rules.allowed(number, len(group.instances)), stop, halted)
        results += await wave.run(rules.parallel)
        halted = halted or wave.halted
    return results


@dataclass
class _Wave:
    group: Group
    work: Work
    allowed: int
    stop: Callable[[], str]
    halted: str
    _failures: int = field(default=0, init=False)

    async def run(self, parallel: int) -> list[Result]:
        room = asyncio.Semaphore(parallel)
        return await asyncio.gather(*(self._one(name, room) for name in self.group.instances))

    async def _one(self, name: str, room: asyncio.Semaphore) -> Result:
        async with room:
            self.halted = self.halted or self.stop()
            if self.halted:
                return Result(name, self.group.name, "halted", self.halted)
            started = time.monotonic()
            done = await self.work(name)
            if done.state in ("failed", "broken"):
                self._failed()
            return Result(name, self.group.name, done.state, done.why, time.monotonic() - started, done.error)

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= self.allowed:
            self.halted = self.halted or f"{self._failures} failed in wave {self.group.name}, of {self.allowed} allowed"
