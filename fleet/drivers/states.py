"""Reads Terraform's states where the back end keeps them: takes a stack's place, gives workspaces and their states, never a
lock, never a write, and starts no Terraform."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fleet.drivers.storage import Storage
from fleet.errors import FleetError

_ENDING = ".tfstate"
_AT_ONCE = 16  # objects of a bucket
_CONNECT_SECONDS = 10


class States(Protocol):
    """The workspaces of one stack."""

    async def names(self) -> list[str]:
        """The workspaces' names; none where nothing was applied yet.

        Raises:
            FleetError: the back end does not answer, or refuses.
        """
        ...

    async def read(self, workspaces: Collection[str]) -> dict[str, bytes]:
        """State by workspace, of those that there are; errors as above."""
        ...


@dataclass(frozen=True)
class PostgresStates:
    """Back end `pg`: a row per workspace in the table `states` of a schema; one query, whatever their number.

    Args:
        conn_str: as the back end has it; where it names no user, these are.
    """

    conn_str: str = field(repr=False)
    schema: str
    user: str
    password: str = field(repr=False)

    async def names(self) -> list[str]:
        return [str(name) for (name,) in await self._rows("select name from {}", [])]

    async def read(self, workspaces: Collection[str]) -> dict[str, bytes]:
        query = "select name, data from {} where name = any(%s)"
        return {name: data.encode() for name, data in await self._rows(query, [list(workspaces)])}

    async def _rows(self, query: str, values: list[object]) -> list[tuple[str, ...]]:
        import psycopg
        from psycopg import conninfo, sql

        login = {"user": self.user, "password": self.password, **conninfo.conninfo_to_dict(self.conn_str)}
        login |= {"connect_timeout": _CONNECT_SECONDS, "application_name": "fleet"}
        table = sql.Identifier(self.schema, "states")
        try:
            async with await psycopg.AsyncConnection.connect(**login) as connection:  # type: ignore[arg-type]
                await connection.set_read_only(True)
                return await (await connection.execute(sql.SQL(query).format(table), values)).fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return []  # nothing was applied yet
        except psycopg.Error as error:
            said = error.diag.message_primary or str(error).strip().splitlines()[0]
            raise FleetError(f"Terraform's states cannot be read: {said}", where=f"schema {self.schema}") from error


@dataclass(frozen=True)
class BucketStates:
    """Back end `gcs`: an object `<prefix>/<workspace>.tfstate` per workspace; one list, and one request per state."""

    storage: Storage
    uri: str  # gs://bucket/prefix/

    async def names(self) -> list[str]:
        found = await self.storage.list(self.uri)
        names = [each.uri.removeprefix(self.uri) for each in found]
        return [name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING) and "/" not in name]

    async def read(self, workspaces: Collection[str]) -> dict[str, bytes]:
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> bytes | None:
            async with room:
                return await self.storage.read(f"{self.uri}{name}{_ENDING}")

        there = sorted(set(await self.names()) & set(workspaces))
        contents = await asyncio.gather(*map(one, there))
        # One that goes while this reads is not there either.
        return {name: content for name, content in zip(there, contents, strict=True) if content is not None}


def states(
    backend: Mapping[str, Mapping[str, str]], environment: Mapping[str, str], storage_api: str
) -> PostgresStates | BucketStates:
    """Where a stack's states are.

    Args:
        backend: as `fleet.desired.stacks.backend` gives it.
        environment: Terraform's, with the credentials of the back end.
        storage_api: address of Cloud Storage's API.
    """
    if bucket := backend.get("gcs"):
        return BucketStates(Storage(storage_api), f"gs://{bucket['bucket']}/{bucket['prefix']}/")
    return PostgresStates(
        environment["PG_CONN_STR"], backend["pg"]["schema_name"], environment["PGUSER"], environment["PGPASSWORD"]
    )
