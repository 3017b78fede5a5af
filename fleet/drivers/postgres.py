"""Talks to PostgreSQL itself: takes a login, gives counted rows and switches databases, never decides.

Only what no API of Cloud SQL does. As Terraform, it reaches the server at the inventory's address.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenacity import AsyncRetrying, retry_if_exception, retry_if_exception_type, stop_after_attempt, wait_exponential

from fleet.errors import FleetError
from fleet.model import DatabaseServer

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_CONNECT_SECONDS = 10
_DROPPED_ATTEMPTS = 5
# Ordinary tables, partitions included: whatever holds rows of its own and is dumped.
_TABLES = """
    select n.nspname, c.relname
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and c.relpersistence <> 't'
      and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
    order by 1, 2
"""


@dataclass(frozen=True)
class Login:
    """Who signs in where."""

    server: DatabaseServer
    user: str
    password: str = field(repr=False)

    @asynccontextmanager
    async def connected(self, database: str, options: str = "") -> AsyncIterator[AsyncConnection[Any]]:
        """A connection, autocommitting.

        Args:
            options: settings of the session, as libpq's `options` has them; they go before a role's and a database's.

        Raises:
            FleetError: the server cannot be reached or refuses; or a statement inside the block failed.
        """
        import psycopg

        try:
            async with await self._connect(database, options) as connection:
                yield connection
        except psycopg.Error as error:
            said = error.diag.message_primary or str(error).strip().splitlines()[0]
            raise FleetError(f"PostgreSQL: {said}", where=f"{self.server.host}, database {database}") from error

    async def _connect(self, database: str, options: str) -> AsyncConnection[Any]:
        """Connect; four times within about 4 s, since a full or restarting server passes."""
        import psycopg

        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, psycopg.OperationalError)),
            stop=stop_after_attempt(4), wait=wait_exponential(multiplier=0.5, max=4), reraise=True,
        ):  # fmt: skip
            with attempt:
                return await psycopg.AsyncConnection.connect(
                    host=self.server.host, port=self.server.port, sslmode=self.server.sslmode, dbname=database,
                    user=self.user, password=self.password, connect_timeout=_CONNECT_SECONDS, autocommit=True,
                    options=options,
                )  # fmt: skip
        raise AssertionError("unreachable: tenacity returns or raises")


@dataclass(frozen=True)
class Capacity:
    """The connections that a server has, and the limits of its roles."""

    most: int  # max_connections
    reserved: int  # of them, for superusers and (from PostgreSQL 16 on) for roles with pg_use_reserved_connections
    limits: Mapping[str, int]  # of the roles that have a limit

    @property
    def usable(self) -> int:
        """What roles can share."""
        return self.most - self.reserved


async def capacity(admin: Login) -> Capacity:
    """How many connections there are to give, and to whom they are promised: one query.

    Raises:
        FleetError: the server cannot be reached or refuses.
    """
    query = """
        select current_setting('max_connections')::int,
               current_setting('superuser_reserved_connections')::int
               + coalesce(current_setting('reserved_connections', true), '0')::int,
               coalesce((select json_object_agg(rolname, rolconnlimit) from pg_roles
                         where rolcanlogin and rolconnlimit >= 0), '{}')
    """
    async with admin.connected("postgres") as connection:
        row = await (await connection.execute(query)).fetchone()
    assert row is not None  # noqa: S101 (a query without FROM answers one row)
    return Capacity(*row)


@dataclass(frozen=True)
class Usage:
    """What of a server is in use."""

    connections: Mapping[str, int]  # by role, of those that have any
    sizes: Mapping[str, int | None]  # bytes by database; None where the administrator may not know


async def usage(admin: Login) -> Usage:
    """Connections and sizes, of all roles and databases: one query.

    Raises:
        FleetError: the server cannot be reached or refuses.
    """
    from psycopg.errors import InvalidCatalogName

    query = """
        select coalesce((select json_object_agg(usename, count) from
                         (select usename, count(*) from pg_stat_activity where usename is not null group by 1) c), '{}'),
               (select json_object_agg(datname, case when has_database_privilege(datname, 'connect')
                           or pg_has_role('pg_read_all_stats', 'usage') then pg_database_size(datname) end)
                from pg_database where datallowconn)
    """
    async with admin.connected("postgres") as connection:
        async for attempt in AsyncRetrying(
            # One of the list was dropped before its size was taken.
            retry=retry_if_exception_type(InvalidCatalogName),
            stop=stop_after_attempt(_DROPPED_ATTEMPTS),
            reraise=True,
        ):
            with attempt:
                row = await (await connection.execute(query)).fetchone()
    assert row is not None  # noqa: S101 (a query without FROM answers one row)
    return Usage(*row)


async def count_rows(login: Login, database: str) -> dict[str, int]:
    """`schema.table` → exact number of rows, of every table, all of one moment.

    Raises:
        FleetError: the server cannot be reached, or a table is not this role's to read.
    """
    from psycopg import IsolationLevel, sql

    async with login.connected(database) as connection:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
        async with connection.transaction():
            tables = await (await connection.execute(_TABLES)).fetchall()
            counts = {}
            for schema, table in tables:
                query = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))
                row = await (await connection.execute(query)).fetchone()
                assert row is not None  # noqa: S101 (an aggregate answers one row)
                counts[f"{schema}.{table}"] = int(row[0])
    return counts


async def wall(admin: Login, database: str, role: str) -> None:
    """Let only one role into a database, as Terraform's module `database` does."""
    from psycopg import sql

    names = sql.Identifier(database), sql.Identifier(role)
    async with admin.connected("postgres") as connection:
        await connection.execute(sql.SQL("revoke all on database {} from public").format(names[0]))
        await connection.execute(sql.SQL("grant connect, temporary on database {} to {}").format(*names))


async def admit(admin: Login, database: str, role: str) -> None:
    """Let one more role into a database, and no further.

    Raises:
        FleetError: the server cannot be reached or refuses, or there is no such role or database.
    """
    from psycopg import sql

    names = sql.Identifier(database), sql.Identifier(role)
    async with admin.connected("postgres") as connection:
        await connection.execute(sql.SQL("grant connect on database {} to {}").format(*names))


async def may_enter(admin: Login, database: str, roles: Sequence[str]) -> list[str]:
    """Those of some roles, and `public`, that may connect to a database; superusers may everywhere and are no such role.

    Raises:
        FleetError: the server cannot be reached or refuses, or there is no such database.
    """
    query = """
        select rolname from pg_roles where rolname = any(%(roles)s)
           and has_database_privilege(rolname, %(database)s, 'connect')
        union all
        select 'public' where has_database_privilege('public', %(database)s, 'connect')
    """
    async with admin.connected("postgres") as connection:
        found = await connection.execute(query, {"roles": list(roles), "database": database})
        return [str(name) for (name,) in await found.fetchall()]


async def switch(admin: Login, database: str, fresh: str, aside: str) -> None:
    """Put the database ``fresh`` into the place of ``database``, which becomes ``aside``: both or neither.

    Sessions in them are ended; nobody may open new ones meanwhile.
    """
    from psycopg import sql

    end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = any(%s) and pid <> pg_backend_pid()"
    async with admin.connected("postgres") as connection:
        await connection.execute(end, [[database, fresh]])
        async with connection.transaction():
            for before, after in ((database, aside), (fresh, database)):
                rename = sql.SQL("alter database {} rename to {}")
                await connection.execute(rename.format(sql.Identifier(before), sql.Identifier(after)))


@dataclass(frozen=True)
class Shapes:
    """What stands on a server in the form that fleet gives it, told by the server alone.

    Args:
        all: the names of all databases.
        databases: database → the roles that may enter it, of those that `public` may not enter, and that do not bear their
            owner's name.
        roles: roles that sign in and look into a schema of their own name.
    """

    all: frozenset[str]
    databases: Mapping[str, frozenset[str]]
    roles: frozenset[str]


async def shapes(login: Login) -> Shapes:
    """Databases and roles as module `database` makes them; one query, from catalogs that everybody may read.

    Raises:
        FleetError: the server cannot be reached or refuses.
    """
    query = """
        select (select json_agg(datname) from pg_database),
               coalesce((select json_object_agg(datname, entrants) from
                 (select d.datname, array_agg(coalesce(r.rolname, 'public')) entrants
                  from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                  left join pg_roles r on r.oid = a.grantee
                  where a.privilege_type = 'CONNECT' and a.grantee <> d.datdba
                    and pg_get_userbyid(d.datdba) <> d.datname and not d.datistemplate
                  group by 1) each where not 'public' = any(entrants)), '{}'),
               coalesce((select json_agg(rolname) from pg_roles
                         where rolcanlogin and not rolsuper and 'search_path=' || rolname = any(rolconfig)), '[]')
    """
    async with login.connected("postgres") as connection:
        row = await (await connection.execute(query)).fetchone()
    assert row is not None  # noqa: S101 (a query without FROM answers one row)
    return Shapes(frozenset(row[0]), {name: frozenset(roles) for name, roles in row[1].items()}, frozenset(row[2]))


async def drop_role(admin: Login, role: str) -> None:
    """Drop a role that owns nothing any more; no error where there is none.

    Raises:
        FleetError: the server cannot be reached or refuses.
    """
    from psycopg import sql

    async with admin.connected("postgres") as connection:
        await connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))
