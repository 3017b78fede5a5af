"""Drift of layer database: takes a scene, gives findings about roles, databases, what lies in them, and the server's settings,
never changes anything.

One statement for the server and one for each database, whoever looks: the administrator, or a role that can only read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fleet.drift.database import inside, roles, server, walls
from fleet.drift.database.kinds import KINDS as KINDS
from fleet.drift.database.team import Team, of_record
from fleet.drift.finding import Finding, Looked, Unseen
from fleet.drift.scene import Scene
from fleet.drivers import catalogue
from fleet.drivers.catalogue import Inside, Server
from fleet.drivers.postgres import Login
from fleet.errors import FleetError

_LAYER = "database"


async def look(scene: Scene) -> Looked:
    """Look at every team's database, and beside it at the server's settings.

    Raises:
        FleetError: the database server cannot be reached or refuses.
    """
    teams = [of_record(found.record) for _, _, found in scene.applied("terraform") if found.record]
    settings, databases = await asyncio.gather(_settings(scene), _databases(scene, teams))
    return Looked((*settings.findings, *databases.findings), (*settings.unseen, *databases.unseen))


async def _settings(scene: Scene) -> Looked:
    try:
        return await server.look(scene)
    except FleetError as error:
        return Looked.of((), [Unseen(_LAYER, f"settings of the server: {error}", error.hint)])


async def _databases(scene: Scene, teams: Sequence[Team]) -> Looked:
    return await look_at(await scene.world.database_reader(), teams) if teams else Looked()


async def look_at(login: Login, teams: Sequence[Team]) -> Looked:
    """Look at some teams' databases.

    Raises:
        FleetError: the server cannot be reached or refuses.
    """
    found = await catalogue.server(login, [each.role for each in teams], [each.database for each in teams])
    teams = [each.with_admin(found) for each in teams]
    open_ = [each.place for each in teams if _may_enter(each, found)]
    within = await catalogue.inside(login, open_)
    return Looked.of(_findings(teams, found, within), _unseen(teams, found, within))


def _may_enter(team: Team, found: Server) -> bool:
    database = found.databases.get(team.database)
    return database is not None and database.enter and database.allow and database.limit != 0


def _findings(teams: Iterable[Team], found: Server, within: Mapping[str, Inside | FleetError]) -> Iterator[Finding]:
    for team in teams:
        yield from roles.findings(team, found)
        yield from walls.findings(team, found)
        if isinstance(there := within.get(team.database), Inside):
            yield from inside.findings(team, found, there)


def _unseen(teams: Iterable[Team], found: Server, within: Mapping[str, Inside | FleetError]) -> Iterator[Unseen]:
    """Where a finding says already why not, nothing is added: nobody may enter, or the owner is another."""
    for team in teams:
        database, there = found.databases.get(team.database), within.get(team.database)
        if isinstance(there, FleetError):
            yield Unseen(_LAYER, str(there), there.hint, team.name)
        elif database and not database.enter and database.owner == team.admin:
            what = f"{found.reader} may not enter the database {team.database}"
            yield Unseen(_LAYER, what, f"`fleet apply {team.name} --refresh` lets it in", team.name)
        elif isinstance(there, Inside) and (hidden := there.hidden & team.revisions.keys()):
            what = f"{found.reader} may not read which migration ran last ({', '.join(sorted(hidden))})"
            yield Unseen(_LAYER, what, f"`fleet apply {team.name} --refresh` lets it", team.name)
