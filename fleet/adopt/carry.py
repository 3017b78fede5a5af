"""Carries an adoption out: takes what was weighed, gives the Airflow as one of the fleet's, never restarts a pod and
never makes a key.

Each step finds what it did before: run again after whatever end, it goes on. The entry is written last, by whoever called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fleet import keys, lease, record
from fleet.adopt import ownership
from fleet.adopt.look import path_of, realm
from fleet.adopt.weigh import Adoption
from fleet.apply import Tell, Work, now, saying, step, write_record
from fleet.desired import Part, naming, secrets, smoke
from fleet.drivers import handmade
from fleet.drivers.kubernetes import FIELD_MANAGER, ApiError, core
from fleet.drivers.metadata import Metadata
from fleet.drivers.terraform_import import importing, is_empty
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.record import Record
from fleet.wait import wait_while_pending


async def adopt(adoption: Adoption, world: World, tell: Tell) -> None:
    """Do it, or go on with it.

    Raises:
        FleetError: somebody else is at work on the instance, or a step failed.
    """
    name = adoption.found.name
    async with lease.held(world.cluster, name, saying(name, tell)):
        await _Adopting(adoption, world, tell).run()


class _Adopting:
    """The work, once the Lease is held."""

    def __init__(self, adoption: Adoption, world: World, tell: Tell) -> None:
        self._adoption, self._world, self._tell = adoption, world, tell
        self._found, self._desired = adoption.found, adoption.desired
        self._name = adoption.found.name
        self._record = Record(self._name)

    async def run(self) -> None:
        cluster, name = self._world.cluster, self._name
        written = await cluster.get(core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(name)))
        self._record = record.from_config_map(written) if written else self._record
        await step(name, "keys", self._keys(), self._tell)
        if self._lacks("terraform"):
            await step(name, "terraform", self._terraform(), self._tell)
        if self._lacks("guardrails"):
            await step(name, "marks", self._marks(), self._tell)
        await self._work("guardrails", "secrets")
        if self._lacks("migration"):
            await step(name, "migration", self._migration(), self._tell)
        await self._work("airflow")
        await step(name, "ownership", self._ownership(), self._tell)

    def _lacks(self, part: Part) -> bool:
        applied = self._record.parts.get(part)
        return applied is None or applied.inputs != self._desired.parts[part]

    async def _keep(self, part: Part) -> None:
        self._record = self._record.with_part(part, self._desired.parts[part], now())
        await write_record(self._world, self._record)

    async def _work(self, *parts: Part) -> None:
        """As an apply makes them; that keeps the record itself."""
        if lacking := {part for part in parts if self._lacks(part)}:
            await Work(self._desired, self._world, self._tell).run(set(lacking))
            path = core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(self._name))
            self._record = record.from_config_map(await self._world.cluster.get(path) or {})

    async def _keys(self) -> str:
        await keys.take(self._world.cluster, self._name, self._found.keys)
        return f"{len(self._found.keys)} taken over"

    async def _terraform(self) -> str:
        database = self._found.database
        assert database is not None  # noqa: S101 (else it was refused)
        if database.owner != database.admin:
            await handmade.give(await self._world.database_admin(), database.name, database.admin)
        stack = await self._world.open_stack("team")
        variables = self._desired.parts["terraform"]["variables"]
        given = {
            "database_password": self._found.keys["database-password"],
            "sso_client_secret": self._found.keys["sso-client-secret"],
        }
        if await is_empty(stack, self._name):
            said = await self._import(stack, variables, given)
        else:  # a run that was killed after it had handed the state over
            said = f"{len(await stack.apply(self._name, variables, given))} resources"
        await self._one_mapper()
        self._record = replace(self._record, providers=tuple(map(str, stack.providers())))
        await self._keep("terraform")
        return said

    async def _one_mapper(self) -> None:
        """Where there is fleet's mapper `roles`, another that does the same is in nobody's hands."""
        client = self._found.client
        assert client is not None  # noqa: S101 (else it was refused)
        there = await realm(self._world.platform, self._world)
        for each in client.like_roles(naming.client_id(self._name)):
            await handmade.remove_mapper(there, client, each)

    async def _import(self, stack: Any, variables: Mapping[str, Any], given: Mapping[str, str]) -> str:
        async with importing(stack, self._name, self._adoption.blocks) as plan:
            resources = await plan.plan(variables, given)
            if lost := [each.address for each in resources if each.destroys]:
                raise FleetError(
                    f"Terraform would destroy {', '.join(lost)}", hint="what was looked at has changed since"
                )
            await plan.apply(given)
        imported = sum(each.imported for each in resources)
        return f"{imported} imported, {len(resources) - imported} made"

    async def _marks(self) -> str:
        """Helm takes no object that is there already, unless it bears the release's marks."""
        release = naming.guardrails_release(self._name)
        await self._forget_unfinished(release)
        for each in self._adoption.taken:
            path = path_of(each, self._desired.namespace)
            marks = ownership.mark(release, naming.SYSTEM_NAMESPACE, keep=path in self._adoption.shared)
            await self._world.cluster.patch(path, marks)
        return f"{len(self._adoption.taken)} objects"

    async def _forget_unfinished(self, release: str) -> None:
        """An installation of the guardrails that was killed. An apply would take it away whole, with the namespace that is in
        it; here only Helm's note of it goes."""
        path, labels = core("secrets", naming.SYSTEM_NAMESPACE), f"owner=helm,name={release}"
        if not await wait_while_pending(self._world.cluster, naming.SYSTEM_NAMESPACE, release):
            return
        notes = [each["metadata"] for each in await self._world.cluster.list(path, labels=labels, metadata_only=True)]
        if all(each["labels"]["status"] == "pending-install" for each in notes):
            for each in notes:
                await self._world.cluster.delete(f"{path}/{each['name']}")

    async def _migration(self) -> str:
        """Its tables are those of its image: nothing is run. The pool is what an apply makes beside them."""
        database = self._desired.database
        login = self._world.login(database, self._found.keys["database-password"])
        await Metadata(login, database).make_pool(smoke.POOL, smoke.SLOTS, smoke.PURPOSE)
        await self._keep("migration")
        return "as it is"

    async def _ownership(self) -> str:
        """Fields that kubectl and others have become Helm's, or fleet's."""
        namespace, number = self._desired.namespace, 0
        for path in self._adoption.shared:
            await self._world.cluster.patch(path, ownership.UNKEEP)
        for each in self._adoption.objects:
            number += await self._take(path_of(each, namespace), ownership.HELM)
        for name in secrets.NAMES:
            number += await self._take(core("secrets", namespace, name), FIELD_MANAGER)
        return f"{number} objects"

    async def _take(self, path: str, manager: str) -> bool:
        for _ in range(5):
            found = await self._world.cluster.get(path)
            change = ownership.taken(found, manager) if found else None
            if change is None:
                return False
            try:
                await self._world.cluster.patch(path, change)
                return True
            except ApiError as error:
                if error.status != 409:  # it was changed meanwhile
                    raise
        return False
