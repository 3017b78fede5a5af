"""Makes the world so: takes a plan, gives what came of each instance, never plans.

Running it again resumes: what was done is recorded part by part as soon as it is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from fleet import keys, paths, record
from fleet.desired import Desired, DesiredInstance, naming
from fleet.diff import PLATFORM
from fleet.drivers.kubernetes import core, group
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.observe import Observed
from fleet.plan import Plan
from fleet.record import Record
from fleet.wait import wait_for_job, wait_until_healthy

# Instances worked on at once. Each costs a Terraform process and an Airflow that starts.
PARALLEL = 4


@dataclass(frozen=True)
class Event:
    """One step of one instance began or ended."""

    instance: str
    step: str
    state: Literal["started", "done", "failed"]
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of one instance."""

    instance: str
    error: FleetError | None
    seconds: float


Tell = Callable[[Event], None]


async def apply(plan: Plan, desired: Desired, observed: Observed, world: World, tell: Tell) -> list[Outcome]:
    """Carry out a plan: the platform, then the instances side by side; one's failure stops no other.

    Returns:
        An outcome per instance of the plan, in the plan's order; only the platform's where that failed.
    """
    started = time.monotonic()
    try:
        await _system_namespace(world)
        if plan.platform:
            await _platform(desired, observed, world, tell)
        if any(change.part == "terraform" for change in plan.changes):
            await world.open_stack("team")  # one `init`, before the instances run side by side
    except FleetError as error:
        return [Outcome(PLATFORM, error, time.monotonic() - started)]
    room = asyncio.Semaphore(PARALLEL)
    return await asyncio.gather(
        *(
            _within(room, _Work(desired.instances[name], observed, world, tell), {change.part for change in changes})
            for name, changes in plan.instances.items()
        )
    )


async def _within(room: asyncio.Semaphore, work: _Work, parts: set[str]) -> Outcome:
    async with room:
        started = time.monotonic()
        try:
            await work.run(parts)
        except FleetError as error:
            return Outcome(work.name, error, time.monotonic() - started)
        return Outcome(work.name, None, time.monotonic() - started)


async def _system_namespace(world: World) -> None:
    path = core("namespaces", name=naming.SYSTEM_NAMESPACE)
    if await world.cluster.get(path) is None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": naming.SYSTEM_NAMESPACE}}
        await world.cluster.create(core("namespaces"), manifest)


async def _platform(desired: Desired, observed: Observed, world: World, tell: Tell) -> None:
    async def work() -> str:
        stack = await world.open_stack("platform")
        changes = await stack.apply("default", desired.platform["variables"], {})
        done = observed.platform or Record(PLATFORM)
        done = done.with_part(PLATFORM, desired.platform, _now())
        await write_record(world, replace(done, providers=tuple(map(str, stack.providers()))), record.PLATFORM)
        return f"{len(changes)} resources, providers: {', '.join(map(str, stack.providers()))}"

    await step(PLATFORM, "terraform", work(), tell)


class _Work:
    """The work on one instance; keeps its record as the parts get done."""

    def __init__(self, desired: DesiredInstance, observed: Observed, world: World, tell: Tell) -> None:
        self.name, self._desired, self._world, self._tell = desired.name, desired, world, tell
        before = observed.instances.get(self.name)
        self._record = (before.record if before else None) or Record(self.name)
        self._writing = asyncio.Lock()

    async def run(self, parts: set[str]) -> None:
        used = bool(self._record.parts)
        self._keys = await keys.ensure(self._world.cluster, self.name, used=used)
        # These two need nothing of each other. Both end before a fault of either is raised: nothing goes on behind it.
        side_by_side = [self._make(part) for part in ("terraform", "guardrails") if part in parts]
        for result in await asyncio.gather(*side_by_side, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        for part in ("secrets", "migration", "airflow"):
            if part in parts:
                await self._make(part)

    async def _make(self, part: str) -> None:
        async def make() -> str:
            detail: str = await getattr(self, f"_make_{part}")(self._desired.parts[part])  # type: ignore[index]
            async with self._writing:
                self._record = self._record.with_part(part, self._desired.parts[part], _now())  # type: ignore[index]
                await write_record(self._world, self._record)
            return detail

        await step(self.name, part, make(), self._tell)

    async def _make_terraform(self, inputs: dict[str, Any]) -> str:
        stack = await self._world.open_stack("team")
        secrets = {
            "database_password": self._keys["database-password"],
            "sso_client_secret": self._keys["sso-client-secret"],
        }
        changes = await stack.apply(self.name, inputs["variables"], secrets)
        providers = tuple(map(str, stack.providers()))
        self._record = replace(self._record, providers=providers)
        return f"{len(changes)} resources, providers: {', '.join(providers)}"

    async def _make_guardrails(self, inputs: dict[str, Any]) -> str:
        revision = await self._world.helm.upgrade(
            naming.guardrails_release(self.name),
            naming.SYSTEM_NAMESPACE,
            paths.asset("charts") / "guardrails",
            inputs["values"],
        )
        return f"revision {revision}"

    async def _make_secrets(self, inputs: dict[str, Any]) -> str:
        await keys.spread(self._world.cluster, self.name, inputs, self._keys)
        return ""

    async def _make_migration(self, inputs: dict[str, Any]) -> str:
        job = dict(self._desired.migration_job)
        namespace, name = self._desired.namespace, job["metadata"]["name"]
        path = group("batch/v1", "jobs", namespace, name)
        found = await self._world.cluster.get(path)
        if found and found.get("status", {}).get("failed"):
            await self._world.cluster.delete(path)
            await gone(self._world, path)
        await self._world.cluster.create(group("batch/v1", "jobs", namespace), job)
        await wait_for_job(self._world.cluster, namespace, name)
        return str(inputs["image"])

    async def _make_airflow(self, inputs: dict[str, Any]) -> str:
        revision = await self._world.helm.upgrade(
            naming.AIRFLOW_RELEASE, self._desired.namespace, paths.asset("charts") / "airflow", inputs["values"]
        )
        # Recorded as applied only when healthy: a run that ended before is taken up here by the next.
        if not self._desired.suspended:
            await step(self.name, "healthy", self._healthy(), self._tell)
        return f"revision {revision}"

    async def _healthy(self) -> str:
        await wait_until_healthy(self._world.cluster, self._desired)
        return self._desired.url


async def gone(world: World, path: str) -> None:
    """Until nothing is at ``path`` any more."""
    while await world.cluster.get(path) is not None:
        await asyncio.sleep(0.5)


async def write_record(world: World, done: Record, kind: str = "instance") -> None:
    """Keep what was applied in the cluster."""
    path = core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(done.name))
    await world.cluster.apply(path, record.to_config_map(done, kind))


async def step(instance: str, name: str, work: Coroutine[Any, Any, str], tell: Tell) -> None:
    """One step, told: every fault leaves with the instance's name on it."""
    started = time.monotonic()
    tell(Event(instance, name, "started"))
    try:
        detail = await work
    except FleetError as error:
        error.where = error.where or instance
        tell(Event(instance, name, "failed", time.monotonic() - started, error.what))
        raise
    except asyncio.CancelledError:
        tell(Event(instance, name, "failed", time.monotonic() - started, "interrupted"))
        raise
    tell(Event(instance, name, "done", time.monotonic() - started, detail))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
