"""Changes an instance's keys: takes which, gives Airflow running on the new one, never leaves anything that nobody can read.

What is done is kept with the keys themselves: their Secret says how often each was changed, and a plan takes a number that was
not applied yet for a change. So whoever runs this again after a kill finishes what was begun.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Literal

from fleet import keys, lease, record
from fleet.apply import Tell, Work, saying, step
from fleet.desired import PARTS, DesiredInstance, Part, migration, naming, secrets
from fleet.drivers.kubernetes import core
from fleet.drivers.world import World
from fleet.errors import ExitCode, FleetError
from fleet.migrated import metadata
from fleet.restore import run_job
from fleet.upgrade import drain, memory

Key = Literal["fernet", "jwt", "database"]
Desire = Callable[[Mapping[str, int]], DesiredInstance]

_FIELD = {"fernet": "fernet-key", "jwt": "jwt-secret", "database": "database-password"}
# What becomes of the key, change by change. After each all pods are rolled, old and new ones side by side: whatever one of them
# encrypts, the other has to be able to read. So the new Fernet key is known to all before anybody uses it.
_FERNET = ("the new key can be read", "the new key is used, the old one can be read", "the old key is out")
_STAGES: Mapping[Key, tuple[str, ...]] = {
    "fernet": _FERNET, "jwt": ("there is a new secret",), "database": ("there is a new password",),
}  # fmt: skip
# In the Secret of the keys while tasks are held back: the pools' slots as they were, and how many changes there had been.
_HELD = "held"
_COMPONENTS = "tier=airflow,component,component!=worker"


async def rotate(instance: str, key: Key, desire: Desire, world: World, tell: Tell, patience: float) -> None:
    """Change a key, or finish a change that was begun.

    Args:
        desire: what the instance should be once its keys were changed so often.
        patience: seconds for running tasks to end, where no task may run meanwhile.

    Raises:
        FleetError: something else is to be applied first, another run is at work on it, tasks do not end, or a step failed.
    """
    async with lease.held(world.cluster, instance, saying(instance, tell)):
        (await memory.read(world.cluster, instance)).refuse()
        await _Rotation(instance, key, desire, world, tell, patience).run()


class _Rotation:
    """The work, once the Lease is held."""

    def __init__(self, instance: str, key: Key, desire: Desire, world: World, tell: Tell, patience: float) -> None:
        self._instance, self._key, self._desire, self._world, self._tell = instance, key, desire, world, tell
        self._patience = patience
        self._rotated: Mapping[str, int] = {}

    async def run(self) -> None:
        self._refuse_elsewhere()
        self._keys = await keys.ensure(self._world.cluster, self._instance, used=True)
        self._rotated = await keys.rotated(self._world.cluster, self._instance)
        behind = await self._behind()
        await self._refuse_others(behind)
        begun = bool(behind or self._stage or self._changed_while_held)
        if not begun:
            if self._holds:
                await step(self._instance, "drain", self._hold(), self._tell)
            await self._advance()
        await self._settle()
        while self._stage:
            await self._advance()
            await self._settle()
        if _HELD in self._keys:
            await step(self._instance, "undrain", self._let_go(), self._tell)

    def _refuse_elsewhere(self) -> None:
        """Pods of an Airflow that was adopted may read Secrets that are not fleet's to change."""
        if others := secrets.elsewhere(self._desire({}).parts["airflow"]["values"]):
            raise FleetError(
                f"its pods take keys from {', '.join(others)}, which fleet does not write", where=self._instance,
                hint="take the names of these Secrets out of the entry's `values`, and `fleet apply`: that restarts its pods",
                exit_code=ExitCode.REFUSED,
            )  # fmt: skip

    @property
    def _stage(self) -> int:
        """How many changes of a rotation are made; 0 between two rotations."""
        return self._rotated.get(self._key, 0) % len(_STAGES[self._key])

    @property
    def _holds(self) -> bool:
        """Whether no task may run meanwhile. A task's token is signed with the JWT secret, and Airflow trusts one secret only;
        with the LocalExecutor tasks end with their scheduler, which is rolled."""
        desired = self._desire(self._rotated)
        local = desired.parts["airflow"]["values"]["executor"] == "LocalExecutor"
        return not desired.suspended and (self._key == "jwt" or local)

    @property
    def _changed_while_held(self) -> bool:
        held = json.loads(self._keys.get(_HELD, "null"))
        return held is not None and held["changes"] < sum(self._rotated.values())

    async def _hold(self) -> str:
        """No task begins any more, and none runs. The slots are written down before they are taken away."""
        there = await metadata(self._instance, self._world)
        if _HELD not in self._keys:
            held = {"slots": await drain.close(there, {}), "changes": sum(self._rotated.values())}
            await self._keep({**self._keys, _HELD: json.dumps(held)}, self._rotated)
        slots = json.loads(self._keys[_HELD])["slots"]
        said = await drain.drain(there, slots, self._patience)
        if await there.busy():
            await self._let_go()
            raise FleetError(
                f"tasks are {said}", where=self._instance, hint="nothing was changed; wait longer with --drain-timeout"
            )
        return said

    async def _let_go(self) -> str:
        slots = json.loads(self._keys[_HELD])["slots"]
        await (await metadata(self._instance, self._world)).set_slots(slots)
        await self._keep({field: value for field, value in self._keys.items() if field != _HELD}, self._rotated)
        return f"{len(slots)} pools"

    async def _keep(self, changed: dict[str, str], rotated: Mapping[str, int]) -> None:
        await keys.replace(self._world.cluster, self._instance, changed, rotated)
        self._keys, self._rotated = changed, rotated

    async def _applied(self) -> dict[Part, Mapping[str, object]]:
        path = core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(self._instance))
        written = await self._world.cluster.get(path)
        parts = record.from_config_map(written).parts if written else {}
        return {part: parts[part].inputs for part in PARTS if part in parts}

    async def _behind(self) -> set[Part]:
        """Parts that are not as they should be with these keys."""
        applied = await self._applied()
        return {part for part, inputs in self._desire(self._rotated).parts.items() if applied.get(part) != inputs}

    async def _refuse_others(self, behind: set[Part]) -> None:
        """Whatever differs must come from the change of this key that is under way: this is no place to apply anything else."""
        numbers = {**self._rotated, self._key: self._rotated.get(self._key, 0) - 1}
        before = self._desire({key: number for key, number in numbers.items() if number > 0}).parts
        applied = await self._applied()
        if others := sorted(part for part in behind if applied.get(part) != before[part]):
            raise FleetError(
                f"there is something else to apply: {', '.join(others)}", where=self._instance,
                hint=f"`fleet apply {self._instance}` first, then this", exit_code=ExitCode.REFUSED,
            )  # fmt: skip

    async def _advance(self) -> None:
        """Make the next change of the keys; nothing has been told of it yet."""
        stage = self._stage
        if self._key == "fernet" and stage == 2:
            await step(self._instance, "pods", self._old_pods_gone(), self._tell)
            await step(self._instance, "re-encrypt", self._encrypt_anew(), self._tell)
        await step(self._instance, "keys", self._write(stage), self._tell)

    async def _write(self, stage: int) -> str:
        field, number = _FIELD[self._key], self._rotated.get(self._key, 0)
        changed = {**self._keys, field: _next(self._keys[field], stage) if self._key == "fernet" else keys.fresh(field)}
        await self._keep(changed, {**self._rotated, self._key: number + 1})
        return _STAGES[self._key][stage]

    async def _settle(self) -> None:
        """Bring Airflow to these keys: the Secrets, the database's role, and every pod anew."""
        await Work(self._desire(self._rotated), self._world, self._tell).run(set(await self._behind()))

    async def _old_pods_gone(self) -> str:
        """A pod that is about to end may still write with the old key."""
        path = core("pods", naming.namespace(self._instance))
        while True:
            pods = await self._world.cluster.list(path, labels=_COMPONENTS, metadata_only=True)
            if not any("deletionTimestamp" in pod["metadata"] for pod in pods):
                return ""
            await asyncio.sleep(1)

    async def _encrypt_anew(self) -> str:
        """Airflow's own command, with the instance's own image: one transaction."""
        job = self._desire(self._rotated).migration_job
        return await run_job(
            migration.another(job, "airflow-rotate-fernet-key", ["airflow", "rotate-fernet-key"]), self._world
        )


def _next(value: str, stage: int) -> str:
    """Airflow encrypts with the first key of its list and tries all of them to decrypt."""
    known = value.split(",")
    following = ([*known, keys.fresh("fernet-key")], [known[-1], *known[:-1]], known[:1])
    return ",".join(following[stage])
