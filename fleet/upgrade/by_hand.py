"""`fleet rollback`: takes an upgrade of the past, gives the instance as it was before it, never one that nobody remembers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleet.apply import Tell, now, step
from fleet.desired import DesiredInstance
from fleet.drivers.world import World
from fleet.errors import ExitCode, FleetError
from fleet.inventory import edit
from fleet.inventory.document import Document
from fleet.lease import holder
from fleet.migrated import metadata
from fleet.upgrade import drain, memory, targets
from fleet.upgrade.back import Way, go
from fleet.upgrade.flow import Settings
from fleet.upgrade.memory import Memory, Underway


@dataclass(frozen=True)
class Choice:
    """Where to go back to."""

    memory: Memory
    way: Way

    @property
    def words(self) -> str:
        """Version and image."""
        return f"Airflow {self.way.origin.version}, {self.way.origin.image}"


async def choose(instance: str, number: int | None, by_backup: bool, world: World) -> Choice:
    """The way back to before an upgrade: the one that is not over, else ``number``, else the newest.

    Raises:
        FleetError: there is none such, or it left no backup.
    """
    found = await memory.read(world.cluster, instance)
    way = Way.of(found.underway) if found.underway and number is None else _past(found, number)
    if by_backup and not way.dump:
        raise FleetError("that upgrade left no backup", where=instance, exit_code=ExitCode.REFUSED)
    if found.underway is None and not by_backup:
        way = replace(way, dump="")  # only a person may decide to lose what came after the backup
    return Choice(found, replace(way, by_backup=by_backup))


def _past(found: Memory, number: int | None) -> Way:
    upgraded = [each for each in found.past if each.outcome == "upgraded"]
    chosen = [each for each in upgraded if number in (None, each.number)]
    if not chosen:
        known = ", ".join(str(each.number) for each in upgraded) or "none"
        what = f"there is no upgrade {'' if number is None else f'{number} '}to go back from"
        raise FleetError(what, where=found.instance, hint=f"remembered: {known}", exit_code=ExitCode.REFUSED)
    past = chosen[-1]
    return Way(past.origin, past.image, past.dump, {}, counted=False)


async def back(
    desired: DesiredInstance, choice: Choice, document: Document, world: World, tell: Tell, patience: Settings
) -> str:
    """Go there, and write it into the inventory.

    Returns:
        Which way the database went.

    Raises:
        FleetError: it failed; run again, it goes on.
    """
    way, name = choice.way, desired.name
    there = await metadata(name, world)
    way = replace(way, pools=await drain.close(there, way.pools))
    underway = choice.memory.underway or Underway(choice.words, way.image, now(), holder(), way.origin, dump=way.dump)
    noted = replace(choice.memory, underway=replace(underway, phase="back", pools=way.pools, failed="by hand"))
    await memory.write(world.cluster, noted)
    if not desired.suspended:
        await step(name, "drain", drain.drain(there, way.pools, patience.drain), tell)
    said = await go(desired, way, world, tell, patience.gate)
    await memory.write(world.cluster, noted.ended("rolled back", now(), "by hand"))
    for keys, value in targets.as_it_was(document, name, way.origin.version, way.origin.image).items():
        edit.set_value(document.path, keys, value)
    return said
