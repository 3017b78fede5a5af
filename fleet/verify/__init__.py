"""Tries the walls between teams: takes an inventory and the world, gives what became of every attempt, mends nothing.

What each attempt is stands in `attempts`; where it is made from, in `inside` (Jobs in the team's namespace, whose script is
`probe`), `sign_on` and `admission` (from where fleet runs), `network` and `rights` (judged by what lies in the cluster).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from fleet import keys
from fleet.apply import PARALLEL
from fleet.desired import Desired
from fleet.drivers import openid, postgres
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.model import Platform
from fleet.observe import Observed
from fleet.verify import admission, inside, network, rights, sign_on
from fleet.verify.attempts import ATTEMPTS, BY_ID
from fleet.verify.matrix import Cell, Try, cell, settle
from fleet.verify.scene import Scene, Team, look


@dataclass(frozen=True)
class Verified:
    """What came of it.

    Args:
        plugin: the network plug-in that enforces policies; empty where they were judged only.
    """

    cells: Sequence[Cell]
    plugin: str


async def verify(
    names: Sequence[str],
    desired: Desired,
    observed: Observed,
    world: World,
    platform: Platform,
    say: Callable[[str], None],
) -> Verified:
    """Make every attempt of these teams, or of all; teams that are not applied have no walls and are left out.

    Raises:
        FleetError: the cluster does not answer.
    """
    scene = await look(world.cluster, desired, observed)
    teams = [name for name in names or scene.teams if name in scene.teams]
    room = asyncio.Semaphore(PARALLEL)

    async def one(name: str) -> list[Cell]:
        async with room:
            cells = await _team(scene, scene.teams[name], world, platform)
            say(f"{name}: {sum(each.verdict == 'refused' for each in cells)} of {len(cells)} refused")
            return cells

    said = [each for cells in await asyncio.gather(*map(one, teams)) for each in cells]
    return Verified(settle(expected(scene, teams), said), scene.plugin)


def expected(scene: Scene, teams: Sequence[str]) -> Iterator[Try]:
    """Every try that these teams are to make, in the order of the attempts."""
    for attempt in ATTEMPTS:
        for name in teams:
            if attempt.executor not in (None, scene.teams[name].executor):
                continue
            if not attempt.each:
                yield Try(attempt.id, name)
                continue
            for other in scene.others(name):
                if other.awake or not attempt.awake:
                    yield Try(attempt.id, name, other.name)


async def _team(scene: Scene, team: Team, world: World, platform: Platform) -> list[Cell]:
    """All of one team's attempts; an outside thing that is away costs only its own."""
    others = scene.others(team.name)

    async def sign_on_attempts() -> list[Cell]:
        own = await keys.ensure(world.cluster, team.name, used=True)
        return await sign_on.attempts(team, others, _realm(platform), own["sso-client-secret"])

    async def sign_on_judged() -> list[Cell]:
        bearer = await openid.administrator(platform.sso.url, *await world.sso_admin())
        return await sign_on.judge(team, _realm(platform), bearer)

    async def database_judged() -> list[Cell]:
        return [await _database(team, others, world)]

    parts = await asyncio.gather(
        inside.attempts(scene, team, platform, world.cluster),
        admission.attempts(team, world.cluster),
        _unless_away(team, "sso-", "outside", others, sign_on_attempts),
        _unless_away(team, "sso-", "judged", others, sign_on_judged),
        _unless_away(team, "db-", "judged", others, database_judged),
    )
    return [*(each for cells in parts for each in cells), *network.judge(scene, team, platform), _rights(scene, team)]


async def _unless_away(
    team: Team, prefix: str, place: str, others: Sequence[Team], work: Callable[[], Awaitable[list[Cell]]]
) -> list[Cell]:
    """The work's cells; where it could not be done, why not in each of them."""
    try:
        return await work()
    except FleetError as error:
        return [
            cell(Try(attempt.id, team.name, other), "unknown", str(error))
            for attempt in BY_ID.values()
            if attempt.place == place and attempt.id.startswith(prefix)
            for other in ([each.name for each in others] if attempt.each else [""])
        ]


def _realm(platform: Platform) -> openid.Realm:
    return openid.Realm(platform.sso.url, platform.sso.realm)


async def _database(team: Team, others: Sequence[Team], world: World) -> Cell:
    """Whether the server would let another team, or everybody, into this team's database."""
    tried = Try("db-grants", team.name)
    roles = [other.desired.database for other in others]
    may = await postgres.may_enter(await world.database_admin(), team.desired.database, roles)
    return cell(tried, "hole", f"open to {', '.join(may)}") if may else cell(tried, "refused", "its own role alone")


def _rights(scene: Scene, team: Team) -> Cell:
    tried = Try("k8s-bindings", team.name)
    found = rights.beyond(team.namespace, scene.bindings, scene.roles)
    if found:
        return cell(tried, "hole", "; ".join(found))
    return cell(tried, "refused", f"none among {len(scene.bindings)} bindings")
