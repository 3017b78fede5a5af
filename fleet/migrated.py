"""What a migration leaves in an instance's database: takes an instance, gives the revisions, and lets the scheduled look at
drift read them; never migrates, and shows that look nothing else."""

from __future__ import annotations

from fleet.desired import DesiredInstance, naming
from fleet.drivers.metadata import Metadata
from fleet.drivers.postgres import admit
from fleet.drivers.world import World
from fleet.keys import ensure


async def metadata(instance: str, world: World) -> Metadata:
    """The instance's database."""
    keys = await ensure(world.cluster, instance, used=True)
    return Metadata(world.login(naming.sql(instance), keys["database-password"]), naming.sql(instance))


async def settle(desired: DesiredInstance, world: World) -> dict[str, str]:
    """Give which migrations ran last, and show it to the administrator, whose the tables are not, and to the scheduled look, or
    to that no more where there is none.

    Raises:
        FleetError: the server cannot be reached or refuses.
    """
    there = await metadata(desired.name, world)
    await there.show_revisions((await world.database_admin()).user, True)
    await there.show_revisions(naming.DRIFT_ROLE, bool(_reader(desired)))
    return await there.revisions()


async def let_in(desired: DesiredInstance, world: World) -> None:
    """Let the scheduled look into a database that took the place of another, as Terraform had let it into that.

    Raises:
        FleetError: as above.
    """
    if reader := _reader(desired):
        await admit(await world.database_admin(), desired.database, reader)


def _reader(desired: DesiredInstance) -> str:
    """Its role; empty where the inventory has no such look."""
    return str(desired.parts["terraform"]["variables"]["database"].get("reader") or "")
