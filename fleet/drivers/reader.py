"""The role that can only look, on the database server: takes an administrator and a name, makes and silences the role, lets it
read Terraform's states; never gives it more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from fleet.drivers.postgres import Login
from fleet.errors import FleetError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_CONNECT_SECONDS = 10


async def ensure(admin: Login, name: str, password: str, connections: int) -> None:
    """Make the role, or make it as it should be.

    Args:
        password: only what PostgreSQL would keep of it is sent, so that no log of the server has it.
        connections: its CONNECTION LIMIT.

    Raises:
        FleetError: the server cannot be reached or refuses.
    """
    import psycopg
    from psycopg import sql

    role = sql.Identifier(name)
    async with admin.connected("postgres") as connection:
        kept = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        with suppress(psycopg.errors.DuplicateObject):
            await connection.execute(sql.SQL("create role {}").format(role))
        settings = "alter role {} login noinherit connection limit {} password {}"
        await connection.execute(sql.SQL(settings).format(role, sql.Literal(connections), sql.Literal(kept)))
        # No wall (the role may set it back), but no statement of fleet's own writes by mistake.
        await connection.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(role))


async def silence(admin: Login, name: str) -> None:
    """Let nobody sign in as the role; it stays, since databases name it among those they let in."""
    from psycopg import sql

    async with admin.connected("postgres") as connection:
        if await (await connection.execute("select 1 from pg_roles where rolname = %s", [name])).fetchone():
            await connection.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(name)))


async def let_read_states(state: str, name: str, schemas: Iterable[str]) -> None:
    """Let the role read the states that lie in a database.

    Args:
        state: Terraform's own connection string: what it made there is its own to share.
        schemas: of the stacks; one that is not there yet is left out.

    Raises:
        FleetError: the server cannot be reached or refuses, or has no such role.
    """
    from psycopg import sql

    role = sql.Identifier(name)
    async with _connected(state) as connection:
        database = sql.Identifier(connection.info.dbname)
        await connection.execute(sql.SQL("grant connect on database {} to {}").format(database, role))
        for schema in schemas:
            if await (
                await connection.execute("select 1 where to_regclass(%s) is not null", [f"{schema}.states"])
            ).fetchone():
                there = sql.Identifier(schema)
                await connection.execute(sql.SQL("grant usage on schema {} to {}").format(there, role))
                await connection.execute(sql.SQL("grant select on {}.states to {}").format(there, role))


def connection_string(state: str, name: str, password: str) -> str:
    """The way to the same database as another role."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo(state, user=name, password=password)


@asynccontextmanager
async def _connected(state: str) -> AsyncIterator[AsyncConnection[Any]]:
    import psycopg

    try:
        async with await psycopg.AsyncConnection.connect(
            state, autocommit=True, connect_timeout=_CONNECT_SECONDS
        ) as connection:
            yield connection
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error).strip().splitlines()[0]
        raise FleetError(
            f"PostgreSQL, Terraform's back end: {said}",
            hint="the states lie on the server of `platform.database`, or that server's roles are made there as well",
        ) from error
