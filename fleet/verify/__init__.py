"""Tries the walls between teams: takes an inventory and the world, gives what became of every attempt, mends nothing.

What each attempt is stands in `attempts`; where it is made from, in `inside` (Jobs in the team's namespace, whose script is
`probe`), `sign_on`, `codes` and `admission` (from where fleet runs), `network` and `rights` (judged by what lies there).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fleet import keys
from fleet.desired import Desired
from fleet.drivers import postgres
from fleet.drivers.openid import Administrator, Realm
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.model import Platform
from fleet.verify import admission, inside, network, people, rights, sign_on
from fleet.verify.codes import Codes
from fleet.verify.matrix import Cell, Try, cell, settle
from fleet.verify.scene import Scene, Team, expected, look

# Teams at once. Each costs a pod that starts Python and knocks at every door; Airflows are at work beside it.
_PARALLEL = 2


@dataclass(frozen=True)
class Verified:
    """What came of it.

    Args:
        plugin: the network plug-in that enforces policies; empty where they were judged only.
    """

    cells: Sequence[Cell]
    plugin: str


async def verify(names: Sequence[str], desired: Desired, world: World, platform: Platform) -> Verified:
    """Make every attempt of these teams, or of all; teams that are not applied have no walls and are left out.

    Raises:
        FleetError: the cluster does not answer.
    """
    scene = await look(world.cluster, desired)
    teams = [team for name, team in scene.teams.items() if not names or name in names]
    room = asyncio.Semaphore(_PARALLEL)

    async def one(team: Team) -> list[Cell]:
        async with room:
            return await _Attempts(scene, team, world, platform).all()

    parts = await asyncio.gather(*map(one, teams), _with_people(scene, teams, world, platform))
    wanted = [each for team in teams for each in expected(scene, team)]
    return Verified(settle(wanted, [each for cells in parts for each in cells]), scene.plugin)


async def _with_people(scene: Scene, teams: Sequence[Team], world: World, platform: Platform) -> list[Cell]:
    """What takes somebody who signs in: one person per team, for all attempts together."""
    everybody = list(scene.teams.values())

    async def work() -> list[Cell]:
        realm = await _realm(world, platform)
        secrets = {each.name: await _client_secret(world, each) for each in everybody}
        async with people.people(Administrator(realm, *await world.sso_admin()), everybody) as found:
            codes = Codes(realm, found, secrets)
            return [each for team in teams for each in await codes.attempts(team, scene.others(team.name))]

    tries = [each for team in teams for each in expected(scene, team) if _needs_people(each)]
    return await _or_why(tries, work)


class _Attempts:
    """One team's attempts; an outside thing that is away costs only its own."""

    def __init__(self, scene: Scene, team: Team, world: World, platform: Platform) -> None:
        self._scene, self._team, self._world, self._platform = scene, team, world, platform
        self._others = scene.others(team.name)

    async def all(self) -> list[Cell]:
        cluster, tries = self._world.cluster, list(expected(self._scene, self._team))
        sign_on_tries = [each for each in tries if each.attempt.startswith("sso-") and not _needs_people(each)]
        parts = await asyncio.gather(
            inside.attempts(self._scene, self._team, self._platform, cluster),
            admission.attempts(self._team, cluster),
            _or_why(sign_on_tries, self._sign_on),
            _or_why([Try("db-grants", self._team.name)], self._database),
        )
        walls = network.judge(self._scene, self._team, self._platform)
        return [*(each for cells in parts for each in cells), *walls, self._rights()]

    async def _sign_on(self) -> list[Cell]:
        realm = await _realm(self._world, self._platform)
        secret = await _client_secret(self._world, self._team)
        tried = await sign_on.attempts(self._team, self._others, realm, secret)
        return tried + await sign_on.judge(self._team, Administrator(realm, *await self._world.sso_admin()))

    async def _database(self) -> list[Cell]:
        """Whether the server would let another team, or everybody, into this team's database."""
        tried, own = Try("db-grants", self._team.name), self._team.desired.database
        roles = [other.desired.database for other in self._others]
        may = await postgres.may_enter(await self._world.database_admin(), own, roles)
        return [
            cell(tried, "hole", f"open to {', '.join(may)}") if may else cell(tried, "refused", "its own role alone")
        ]

    def _rights(self) -> Cell:
        tried, bindings = Try("k8s-bindings", self._team.name), self._scene.bindings
        found = rights.beyond(self._team.namespace, bindings, self._scene.roles)
        return cell(
            tried, *(("hole", "; ".join(found)) if found else ("refused", f"none among {len(bindings)} bindings"))
        )


def _needs_people(tried: Try) -> bool:
    return tried.attempt.startswith("sso-code")


async def _or_why(tries: Sequence[Try], work: Callable[[], Awaitable[list[Cell]]]) -> list[Cell]:
    """The work's cells; where it could not be done, why not in each of them."""
    try:
        return await work()
    except FleetError as error:
        return [cell(each, "unknown", str(error)) for each in tries]


async def _client_secret(world: World, team: Team) -> str:
    return (await keys.ensure(world.cluster, team.name, used=True))["sso-client-secret"]


async def _realm(world: World, platform: Platform) -> Realm:
    return Realm(platform.sso.url, platform.sso.realm, await world.authority())
