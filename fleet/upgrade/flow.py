"""Upgrades one instance: takes what is wanted of it, gives it there or as it was before, never in between if it can help it.

Each step first writes down that it begins, in the cluster: a run that was killed is taken up where it ended, and the way back
is known to whoever comes next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from fleet import lease, pause, record
from fleet.apply import Tell, Work, now, saying, step
from fleet.backup import backup
from fleet.desired import DesiredInstance, naming
from fleet.drivers.kubernetes import core
from fleet.drivers.metadata import Metadata
from fleet.drivers.world import World
from fleet.errors import ExitCode, FleetError
from fleet.lease import holder
from fleet.migrated import metadata
from fleet.upgrade import back, drain, gates, memory
from fleet.upgrade.evidence import evidence
from fleet.upgrade.memory import Memory, Origin, Underway
from fleet.upgrade.rollout import Done
from fleet.wait import HEALTHY_SECONDS

# Nothing is written to the database before these.
_BEFORE_MIGRATION = ("begun", "drained", "saved")


@dataclass(frozen=True)
class Settings:
    """How patient to be, in seconds.

    Args:
        drain: for running tasks to end.
        gate: for a gate to hold; on the way back at least :data:`~fleet.wait.HEALTHY_SECONDS`.
        with_backup: whether the database is backed up before it is migrated.
    """

    drain: float = 600.0
    gate: float = 600.0
    with_backup: bool = True


@dataclass(frozen=True)
class Order:
    """What is to become of one instance.

    Args:
        parts: that differ from what is wanted.
        to: version and image, in words.
        begun: by an earlier run that did not end it.
    """

    desired: DesiredInstance
    parts: frozenset[str]
    to: str
    begun: bool = False

    @property
    def name(self) -> str:
        """The instance's."""
        return self.desired.name

    @property
    def moves(self) -> bool:
        """Whether a running Airflow's database is to be migrated."""
        return "migration" in self.parts and not self.desired.suspended


async def upgrade(order: Order, world: World, tell: Tell, settings: Settings) -> Done:
    """Upgrade one instance under its Lease; back as it was where that fails."""
    try:
        async with lease.held(world.cluster, order.name, saying(order.name, tell)):
            return await _Upgrade(order, world, tell, settings).run()
    except FleetError as error:
        # Refused before anything was begun: another run holds the Lease, or another upgrade is not over.
        return Done("skipped" if error.exit_code == ExitCode.REFUSED else "broken", error.what, error)


class _Upgrade:
    def __init__(self, order: Order, world: World, tell: Tell, settings: Settings) -> None:
        self.order, self.world, self.tell, self.settings = order, world, tell, settings
        self.name, self.desired = order.name, order.desired
        self._memory = Memory(order.name)

    async def run(self) -> Done:
        self._memory = await memory.read(self.world.cluster, self.name)
        if self._memory.underway is None:
            await step(self.name, "begin", self._begin(), self.tell)
        elif self._now.to != self.order.to:
            self._memory.refuse()
        if self._now.phase != "back":
            try:
                await self._forward()
            except FleetError as error:
                await self._turn(error)
            else:
                await self._end("upgraded")
                return Done("upgraded")
        return await self._back()

    @property
    def _now(self) -> Underway:
        assert self._memory.underway is not None  # noqa: S101 (begun, and not yet ended)
        return self._memory.underway

    async def _note(self, **facts: Any) -> None:
        self._memory = replace(self._memory, underway=replace(self._now, **facts))
        await memory.write(self.world.cluster, self._memory)

    async def _end(self, outcome: str, why: str = "") -> None:
        self._memory = self._memory.ended(outcome, now(), why)
        await memory.write(self.world.cluster, self._memory)

    async def _begin(self) -> str:
        """Note how it is now: from here on the way back is known."""
        image = str(self.desired.parts["migration"]["image"])
        underway = Underway(self.order.to, image, now(), holder(), await self._origin())
        self._memory = replace(self._memory, underway=underway)
        await memory.write(self.world.cluster, self._memory)
        return f"from Airflow {underway.origin.version}, {underway.origin.image}"

    async def _origin(self) -> Origin:
        """How it is now."""
        written = await self.world.cluster.get(core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(self.name)))
        parts = record.from_config_map(written).parts if written else {}
        if "airflow" not in parts or "migration" not in parts:
            raise FleetError("is not applied", where=self.name, hint="`fleet apply` first", exit_code=ExitCode.REFUSED)
        helm = self.world.helm
        releases = {
            "airflow": await helm.revision(naming.AIRFLOW_RELEASE, self.desired.namespace),
            "guardrails": await helm.revision(naming.guardrails_release(self.name), naming.SYSTEM_NAMESPACE),
        }
        migrates = "migration" in self.order.parts
        revisions = await (await self._metadata()).revisions() if migrates else {}
        before = parts["migration"].inputs
        kept: Mapping[str, Any] = {part: asdict(applied) for part, applied in parts.items()}
        return Origin(str(before["version"]), str(before["image"]), releases, revisions, kept)

    async def _metadata(self) -> Metadata:
        return await metadata(self.name, self.world)

    async def _forward(self) -> None:
        work = Work(self.desired, self.world, self.tell, self.settings.gate)
        if around := self.order.parts & {"terraform", "guardrails", "secrets"}:
            await work.run(set(around))
        if self._now.origin.revisions:
            await self._move_database(work)
        await self._note(phase="rolling")
        if "airflow" in self.order.parts or await pause.is_stopped(self.world.cluster, self.name):
            await work.run({"airflow"})
        await gates.hold(self.desired, self.world, self.tell, self.settings.gate)
        if self._now.pools:
            await step(self.name, "undrain", self._undrain(), self.tell)

    async def _move_database(self, work: Work) -> None:
        if self._now.phase in _BEFORE_MIGRATION:
            if not self.desired.suspended:
                await step(self.name, "drain", self._drain(), self.tell)
            await self._save()
        if self._now.phase != "rolling":
            await self._note(phase="migrating")
            await back.forget_migrations(self.desired, self.world)
            await work.run({"migration"})

    async def _drain(self) -> str:
        there = await self._metadata()
        await self._note(pools=await drain.close(there, self._now.pools))
        said = await drain.drain(there, self._now.pools, self.settings.drain)
        await self._note(phase="drained")
        return said

    async def _save(self) -> None:
        """Stop Airflow and back its database up: what is in the backup is all that there is."""
        stopped = await pause.is_stopped(self.world.cluster, self.name)
        if self._now.phase == "saved" and stopped:
            return
        await step(self.name, "stop", self._stop(), self.tell)
        made = await backup(self.name, self.world, self.tell, quiet=True) if self.settings.with_backup else None
        await self._note(phase="saved", dump=made.dump if made else "")

    async def _stop(self) -> str:
        return f"{await pause.stop_all(self.world.cluster, self.name)} components"

    async def _undrain(self) -> str:
        await (await self._metadata()).set_slots(self._now.pools)
        return f"{len(self._now.pools)} pools"

    async def _turn(self, error: FleetError) -> None:
        """Note why it goes back, with what the pods say, before they are taken away."""
        seen = await evidence(self.world.cluster, self.desired.namespace)
        why = "\n".join([error.what, *([error.hint] if error.hint else []), *seen])
        await self._note(failed=why, phase="back", counted=self._now.phase != "rolling")

    async def _back(self) -> Done:
        now = self._now
        way = back.Way.of(now)
        error = FleetError(now.failed.splitlines()[0] if now.failed else "interrupted", where=self.name)
        try:
            # However impatient the way forward was: behind this one there is no other.
            said = await back.go(self.desired, way, self.world, self.tell, max(self.settings.gate, HEALTHY_SECONDS))
        except FleetError as second:
            return Done("broken", f"{now.failed}\nand the way back failed: {second.what}", second)
        await self._end("rolled back", now.failed)
        return Done("failed", f"{now.failed}\nback on Airflow {now.origin.version}; database {said}", error)
