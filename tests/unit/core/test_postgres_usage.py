"""What of a server is in use, asked while somebody drops a database: PostgreSQL fails that query, and not the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from psycopg.errors import InvalidCatalogName

from fleet.drivers.postgres import Login, Usage, usage
from fleet.model import DatabaseServer

FOUND: tuple[dict[str, int], dict[str, int]] = ({"pay": 3}, {"pay": 8192})


class Connection:
    """Drops a database amid so many of the first queries."""

    def __init__(self, drops: int) -> None:
        self._drops = drops

    async def execute(self, _: str) -> Connection:
        self._drops -= 1
        if self._drops >= 0:
            raise InvalidCatalogName('database "passing" does not exist')
        return self

    async def fetchone(self) -> tuple[Any, ...]:
        return FOUND


def asked(monkeypatch: pytest.MonkeyPatch, drops: int) -> Usage:
    @asynccontextmanager
    async def connected(*_: object) -> AsyncIterator[Connection]:
        yield Connection(drops)

    monkeypatch.setattr(Login, "connected", connected)
    return asyncio.run(usage(Login(DatabaseServer(host="nowhere"), "admin", "secret")))


@pytest.mark.parametrize("drops", [0, 1, 3])
def test_it_is_asked_again(monkeypatch: pytest.MonkeyPatch, drops: int) -> None:
    assert asked(monkeypatch, drops) == Usage(*FOUND)


def test_a_server_of_which_it_is_always_true_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidCatalogName):
        asked(monkeypatch, 1000)
