"""How the Airflows are: takes instances, gives what each says of itself, never calls one healthy that does not say so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import httpx

from fleet_portal.fleet import Instance

State = Literal["healthy", "unhealthy", "silent", "suspended", "unfinished"]
# How long an answer is served before the Airflow is asked again, and how long all of a page's Airflows are waited for.
FRESH_SECONDS = 10.0
PATIENCE_SECONDS = 4.0
_AT_ONCE = 50


@dataclass(frozen=True)
class Health:
    """One Airflow's health in a word, and what is wrong if something is."""

    state: State
    detail: str = ""


_SILENT = Health("silent", "Its API server does not answer.")


class Monitor:
    """Asks, many at once, and none twice within a few seconds."""

    def __init__(self, http: httpx.AsyncClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._http, self._clock = http, clock
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._known: dict[str, tuple[float, Health]] = {}

    async def ask(self, instances: Iterable[Instance]) -> dict[str, Health]:
        """Name → health. Who has not answered when the patience ends counts as silent."""
        tasks = {each.name: asyncio.create_task(self._health(each)) for each in instances}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=PATIENCE_SECONDS)
        return {name: task.result() if task.done() else _stop(task) for name, task in tasks.items()}

    async def _health(self, instance: Instance) -> Health:
        if instance.suspended:
            return Health("suspended", "Its owner has put it to rest: no pods run, the data stays.")
        if not instance.version:
            return Health("unfinished", "It is being set up.")
        at, known = self._known.get(instance.name, (float("-inf"), _SILENT))
        if self._clock() - at < FRESH_SECONDS:
            return known
        async with self._room:
            found = await self._answer(instance)
        self._known[instance.name] = (self._clock(), found)
        return found

    async def _answer(self, instance: Instance) -> Health:
        """The status is 200 even when a component is ill or absent, so the answer itself is read."""
        try:
            answer = await self._http.get(instance.monitor)
            answer.raise_for_status()
            told = {str(name): str(part.get("status") or "absent") for name, part in answer.json().items()}
        except (httpx.HTTPError, ValueError, AttributeError):
            return _SILENT
        parts = {name: status for name, status in told.items() if name not in instance.switched_off}
        ill = [f"{name.replace('_', ' ')} is {status}" for name, status in parts.items() if status != "healthy"]
        if ill or not parts:
            said = ", ".join(ill) or "it says nothing of its parts"
            return Health("unhealthy", f"{said[0].upper()}{said[1:]}.")
        return Health("healthy")


def _stop(task: asyncio.Task[Health]) -> Health:
    task.cancel()
    return _SILENT
