"""Makes the world so: takes a plan, gives what came of each instance, never plans.

Running it again resumes: what was done is recorded part by part as soon as it is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from fleet import job, keys, lease, migrated, paths, portal, record
from fleet.desired import Desired, DesiredInstance, naming
from fleet.diff import DRIFT, PLATFORM, PORTAL
from fleet.drivers.kubernetes import core, group
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.observe import Observed
from fleet.plan import Plan
from fleet.record import Record
from fleet.wait import HEALTHY_SECONDS, wait_for_job, wait_until_healthy, wait_while_pending, wait_while_terminating

# Instances worked on at once. Each costs a Terraform process and an Airflow that starts.
PARALLEL = 4


@dataclass(frozen=True)
class Event:
    """One step of one instance began or ended."""

    instance: str
    step: str
    state: Literal["waiting", "started", "done", "failed"]
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
        An outcome per instance of the plan, in the plan's order, then the platform's releases'; only the platform's where
        that failed.
    """
    started = time.monotonic()
    try:
        await _system_namespace(world)
        if plan.platform:
            async with lease.held(world.cluster, PLATFORM, saying(PLATFORM, tell)):
                await _platform(desired, observed, world, tell)
        if any(change.part == "terraform" for change in plan.changes):
            await world.open_stack("team")  # one `init`, before the instances run side by side
    except FleetError as error:
        return [Outcome(PLATFORM, error, time.monotonic() - started)]
    room = asyncio.Semaphore(PARALLEL)
    instances = [
        _within(room, Work(desired.instances[name], world, tell), {change.part for change in changes})
        for name, changes in plan.instances.items()
    ]
    # No instance stands on these: they are made beside them, and they go on where one fails.
    done, beside = await asyncio.gather(asyncio.gather(*instances), _releases(plan, desired, world, tell))
    return [*done, *beside]


def saying(instance: str, tell: Tell) -> Callable[[str], None]:
    """How a Lease that has to be waited for is told."""
    return lambda words: tell(Event(instance, "lease", "waiting", detail=words))


async def _within(room: asyncio.Semaphore, work: Work, parts: set[str]) -> Outcome:
    async with room:
        started = time.monotonic()
        try:
            async with lease.held(work.world.cluster, work.name, saying(work.name, work.tell)):
                await work.run(parts)
        except FleetError as error:
            return Outcome(work.name, error, time.monotonic() - started)
        return Outcome(work.name, None, time.monotonic() - started)


async def _system_namespace(world: World) -> None:
    """Whoever made it: what runs there is held to what the teams' pods are held to."""
    name = naming.SYSTEM_NAMESPACE
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    await world.cluster.apply(core("namespaces", name=name), manifest)


async def _platform(desired: Desired, observed: Observed, world: World, tell: Tell) -> None:
    async def work() -> str:
        stack = await world.open_stack("platform")
        done = observed.platform or Record(PLATFORM)
        secrets = {
            **await portal.secrets(desired.portal, done, world), **await job.secrets(desired.drift, done, world),
        }  # fmt: skip
        changes = await stack.apply("default", desired.platform["variables"], secrets)
        if desired.drift:
            await job.role(desired.drift, world)
        done = done.with_part(PLATFORM, desired.platform, now())
        await write_record(world, replace(done, providers=tuple(map(str, stack.providers()))), record.PLATFORM)
        return f"{len(changes)} resources, providers: {', '.join(map(str, stack.providers()))}"

    await step(PLATFORM, "terraform", work(), tell)


async def _releases(plan: Plan, desired: Desired, world: World, tell: Tell) -> list[Outcome]:
    """The portal and the look at drift, one after the other: both are in the platform's record."""
    made: dict[str, Callable[[], Coroutine[Any, Any, tuple[str, Record]]]] = {}
    if plan.portal:
        made[PORTAL] = lambda: portal.make(desired.portal, world, now())
    if plan.drift:
        made[DRIFT] = lambda: job.make(desired.drift, desired.inventory, world, now())
    return [await _release(part, make, world, tell) for part, make in made.items()]


async def _release(
    part: str, make: Callable[[], Coroutine[Any, Any, tuple[str, Record]]], world: World, tell: Tell
) -> Outcome:
    async def work() -> str:
        detail, done = await make()
        await write_record(world, done, record.PLATFORM)
        return detail

    started = time.monotonic()
    try:
        async with lease.held(world.cluster, PLATFORM, saying(PLATFORM, tell)):
            await step(PLATFORM, part, work(), tell)
    except FleetError as error:
        return Outcome(PLATFORM, error, time.monotonic() - started)
    return Outcome(PLATFORM, None, time.monotonic() - started)


class Work:
    """The work on one instance, once its Lease is held; keeps its record as the parts get done."""

    def __init__(self, desired: DesiredInstance, world: World, tell: Tell, patience: float = HEALTHY_SECONDS) -> None:
        self.name, self.world, self.tell, self._desired = desired.name, world, tell, desired
        self._patience = patience  # seconds for Airflow to become healthy
        self._record = Record(desired.name)
        self._writing = asyncio.Lock()

    async def run(self, parts: set[str]) -> None:
        # Read now, under the Lease: another run may have ended since the plan was made.
        written = await self.world.cluster.get(core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(self.name)))
        if written:
            self._record = record.from_config_map(written)
        used = bool(self._record.parts)
        self._keys = await keys.ensure(self.world.cluster, self.name, used=used)
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
                self._record = self._record.with_part(part, self._desired.parts[part], now())  # type: ignore[index]
                await write_record(self.world, self._record)
            return detail

        await step(self.name, part, make(), self.tell)

    async def _make_terraform(self, inputs: dict[str, Any]) -> str:
        stack = await self.world.open_stack("team")
        secrets = {
            "database_password": self._keys["database-password"],
            "sso_client_secret": self._keys["sso-client-secret"],
        }
        changes = await stack.apply(self.name, inputs["variables"], secrets)
        providers = tuple(map(str, stack.providers()))
        administrator = (await self.world.database_admin()).user
        self._record = replace(self._record, providers=providers, administrator=administrator)
        if "migration" in self._record.parts and inputs["variables"]["database"].get("reader") != self._reader():
            await self._settle()
        return f"{len(changes)} resources, providers: {', '.join(providers)}"

    async def _make_guardrails(self, inputs: dict[str, Any]) -> str:
        await wait_while_terminating(self.world.cluster, self._desired.namespace)
        chart = paths.asset("charts") / "guardrails"
        return await self._upgrade(chart, naming.guardrails_release(self.name), naming.SYSTEM_NAMESPACE, inputs)

    async def _upgrade(self, chart: Path, release: str, namespace: str, inputs: dict[str, Any]) -> str:
        if await wait_while_pending(self.world.cluster, namespace, release):
            await self.world.helm.recover(release, namespace)
            # A release that was never installed whole is taken away, and with the guardrails the namespace.
            await wait_while_terminating(self.world.cluster, self._desired.namespace)
        revision = await self.world.helm.upgrade(release, namespace, chart, inputs["values"])
        return f"revision {revision}"

    async def _make_secrets(self, inputs: dict[str, Any]) -> str:
        await keys.spread(self.world.cluster, self.name, inputs, self._keys)
        if authority := await self.world.authority():
            await keys.spread_trust(self.world.cluster, self._desired.namespace, self.name, authority)
        return ""

    async def _make_migration(self, inputs: dict[str, Any]) -> str:
        job = dict(self._desired.migration_job)
        namespace, name = self._desired.namespace, job["metadata"]["name"]
        path = group("batch/v1", "jobs", namespace, name)
        found = await self.world.cluster.get(path)
        if found and found.get("status", {}).get("failed"):
            await self.world.cluster.delete(path)
            await gone(self.world, path)
        await self.world.cluster.create(group("batch/v1", "jobs", namespace), job)
        await wait_for_job(self.world.cluster, namespace, name)
        await self._settle()
        return str(inputs["image"])

    def _reader(self) -> str | None:
        """Who reads the catalogues, as Terraform was told last."""
        applied = self._record.parts.get("terraform")
        reader: str | None = applied.inputs["variables"]["database"].get("reader") if applied else None
        return reader

    async def _settle(self) -> None:
        """Note which migrations ran last: that is what drift is told by."""
        revisions = await migrated.settle(self._desired, self.world)
        self._record = replace(self._record, revisions=revisions)

    async def _make_airflow(self, inputs: dict[str, Any]) -> str:
        chart = await airflow_chart(self._desired, self.world)
        done = await self._upgrade(chart, naming.AIRFLOW_RELEASE, self._desired.namespace, inputs)
        # Recorded as applied only when healthy: a run that ended before is taken up here by the next.
        if not self._desired.suspended:
            await step(self.name, "healthy", self._healthy(), self.tell)
        return done

    async def _healthy(self) -> str:
        await wait_until_healthy(self.world.cluster, self._desired, self._patience)
        return self._desired.url


async def airflow_chart(desired: DesiredInstance, world: World) -> Path:
    """The chart that installs an instance's Airflow; fetched, where it is in a repository."""
    chosen = desired.parts["airflow"]["chart"]
    if isinstance(chosen, str):
        return paths.asset("charts") / "airflow"
    if desired.chart_folder is not None:
        return desired.chart_folder
    return await world.helm.pull("airflow", chosen["repository"], chosen["version"])


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


def now() -> str:
    """The moment, as records and memories have it: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
