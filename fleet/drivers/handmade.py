"""Reads what somebody made by hand on the database server and in Keycloak: takes names, gives what is there under them,
never changes a thing but for an owner and a mapper, when told to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.drivers.keycloak import Realm
from fleet.drivers.postgres import Login

# Airflow's own table says in which schema it is at home.
_TABLE = "alembic_version"


@dataclass(frozen=True)
class Database:
    """A database and the role that its Airflow signs in as."""

    name: str
    role: str
    owner: str  # of the database
    admin: str  # who asked
    may_give: bool  # whether who asked may change the owner
    connections: int  # the role's, open now
    homes: Mapping[str, str]  # schema that has Airflow's tables → owner of these


async def database(admin: Login, name: str, role: str) -> Database | None:
    """A database and a role; None where either is not there.

    Raises:
        FleetError: the server cannot be reached or refuses.
    """
    there = """
        select pg_get_userbyid(datdba), current_user, pg_has_role(datdba, 'member'),
               (select count(*) from pg_stat_activity where usename = rolname)
        from pg_database, pg_roles where datname = %s and rolname = %s
    """
    async with admin.connected("postgres") as connection:
        row = await (await connection.execute(there, [name, role])).fetchone()
    if row is None:
        return None
    owner, asked, may_give, connections = row
    async with admin.connected(name) as connection:
        homes = await (await connection.execute(_HOMES, [_TABLE])).fetchall()
    return Database(name, role, owner, asked, may_give, connections, dict(homes))


_HOMES = """
    select nspname, pg_get_userbyid(relowner) from pg_class join pg_namespace n on n.oid = relnamespace
    where relname = %s and relkind = 'r'
"""


async def give(admin: Login, database: str, owner: str) -> None:
    """Make ``owner`` the owner of a database."""
    from psycopg import sql

    statement = sql.SQL("alter database {} owner to {}").format(sql.Identifier(database), sql.Identifier(owner))
    async with admin.connected("postgres") as connection:
        await connection.execute(statement)


# Keycloak's name of what writes the roles that somebody has at a client into a claim.
CLIENT_ROLES = "oidc-usermodel-client-role-mapper"


@dataclass(frozen=True)
class Mapper:
    """A part of a client that writes into its tokens."""

    id: str
    name: str
    kind: str
    claim: str
    of: str  # the client whose roles it writes, where it is of that kind


@dataclass(frozen=True)
class Client:
    """A sign-on client, with ids as Keycloak gave them."""

    id: str
    secret: str = field(repr=False)
    redirects: tuple[str, ...]
    pkce: str
    roles: Mapping[str, str]  # name → id
    mappers: tuple[Mapper, ...]  # what writes into its tokens
    groups: Mapping[str, tuple[str, ...]]  # role → paths of groups that have it
    users: Mapping[str, tuple[str, ...]]  # role → people who have it themselves
    own_groups: Mapping[str, str]  # path → id, of the groups that the team has by rule

    def mapper(self, name: str) -> Mapper | None:
        """The mapper of this name."""
        return next((each for each in self.mappers if each.name == name), None)

    def like_roles(self, client_id: str) -> list[Mapper]:
        """Mappers of other names that do what the one called `roles` does. Keycloak renames none."""
        does = (CLIENT_ROLES, "roles", client_id)
        return [each for each in self.mappers if each.name != "roles" and (each.kind, each.claim, each.of) == does]


async def client(realm: Realm, client_id: str, team: str) -> Client | None:
    """A client with who has which of its roles; None where there is none.

    Raises:
        FleetError: Keycloak is away, or refuses.
    """
    found = await realm.get("/clients", clientId=client_id)
    if not found:
        return None
    told, where = found[0], f"/clients/{found[0]['id']}"
    secret = await realm.get(f"{where}/client-secret")
    roles = {each["name"]: each["id"] for each in await realm.every(f"{where}/roles")}
    return Client(
        id=told["id"],
        secret=str((secret or {}).get("value", "")),
        redirects=tuple(told.get("redirectUris", ())),
        pkce=told.get("attributes", {}).get("pkce.code.challenge.method", ""),
        roles=roles,
        mappers=tuple(map(_mapper, told.get("protocolMappers", ()))),
        groups={
            role: tuple(each["path"] for each in await realm.every(f"{where}/roles/{role}/groups")) for role in roles
        },
        users={
            role: tuple(each["username"] for each in await realm.every(f"{where}/roles/{role}/users")) for role in roles
        },
        own_groups=await _groups(realm, team),
    )


def _mapper(told: Mapping[str, Any]) -> Mapper:
    config = told.get("config", {})
    source = config.get("usermodel.clientRoleMapping.clientId", "")
    return Mapper(told["id"], told["name"], told["protocolMapper"], config.get("claim.name", ""), source)


async def remove_mapper(realm: Realm, client: Client, mapper: Mapper) -> None:
    """Take a mapper from a client; no error where it is gone."""
    await realm.change("DELETE", f"/clients/{client.id}/protocol-mappers/models/{mapper.id}")


async def leading_to(realm: Realm, url: str) -> list[str]:
    """Ids of clients that send people to an address."""
    return [
        each["clientId"]
        for each in await realm.every("/clients")
        if any(uri.startswith(url) for uri in each.get("redirectUris", ()))
    ]


async def _groups(realm: Realm, team: str) -> dict[str, str]:
    top = await realm.get(f"/group-by-path/{team}")
    if not top:
        return {}
    below = await realm.every(f"/groups/{top['id']}/children")
    return {each["path"]: each["id"] for each in [top, *below]}
