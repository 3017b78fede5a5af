"""A person per team, for as long as the attempts take: takes Keycloak's administrator, gives names and passwords, leaves nobody
behind.

Each has the least role, on the one client. None ever signs in to an Airflow, which would remember them.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

from fleet.desired import naming
from fleet.drivers.openid import Administrator
from fleet.errors import FleetError
from fleet.verify.scene import Team

_PREFIX = "fleet-verify-"
_ROLE = "viewer"
# Older ones were left by a run that was killed; younger ones may belong to one that goes on.
_OLD_SECONDS = 1800


@dataclass(frozen=True)
class Person:
    """Somebody who may enter one team's Airflow."""

    name: str
    password: str = field(repr=False)


@asynccontextmanager
async def people(keycloak: Administrator, teams: Sequence[Team]) -> AsyncIterator[Mapping[str, Person]]:
    """A person per team, by the team's name; none for a team without a client."""
    await _sweep(keycloak)
    run, found = secrets.token_hex(4), dict[str, Person]()
    try:
        for team in teams:
            name = f"{_PREFIX}{run}-{team.name}"
            found[team.name] = await _make(keycloak, team, Person(name, secrets.token_urlsafe(24)))
        yield found
    finally:
        await asyncio.shield(_remove(keycloak, run))


async def _make(keycloak: Administrator, team: Team, person: Person) -> Person:
    where = await keycloak.call("POST", "/users", {
        "username": person.name, "email": f"{person.name}@example.com", "emailVerified": True, "enabled": True,
        "firstName": "Fleet", "lastName": "Verify",
        "credentials": [{"type": "password", "value": person.password, "temporary": False}],
    })  # fmt: skip
    user = str(where).rstrip("/").rsplit("/", 1)[-1]
    clients = await keycloak.call("GET", f"/clients?clientId={quote(naming.client_id(team.name))}")
    if not clients:
        raise FleetError(f"there is no client {naming.client_id(team.name)}", where=team.name, hint="`fleet apply`")
    role = await keycloak.call("GET", f"/clients/{clients[0]['id']}/roles/{_ROLE}")
    await keycloak.call("POST", f"/users/{user}/role-mappings/clients/{clients[0]['id']}", [role])
    return person


async def _remove(keycloak: Administrator, run: str) -> None:
    for user in await keycloak.call("GET", f"/users?max=1000&search={_PREFIX}{run}"):
        await keycloak.call("DELETE", f"/users/{user['id']}")


async def _sweep(keycloak: Administrator) -> None:
    for user in await keycloak.call("GET", f"/users?max=1000&search={_PREFIX}"):
        if user["username"].startswith(_PREFIX) and time.time() - user["createdTimestamp"] / 1000 > _OLD_SECONDS:
            await keycloak.call("DELETE", f"/users/{user['id']}")
