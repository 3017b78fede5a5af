"""A back end that goes away while Terraform makes things: what was made is known afterwards, and made once."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest

from fleet.drivers.terraform import ResourceChange, Stack
from fleet.errors import FleetError
from tests.support.sandbox import Sandbox
from tests.support.terraform import Team, World

pytestmark = pytest.mark.apart("open databases")

NOBODY: dict[str, Any] = {"groups": {}, "users": {}}


class Way:
    """The way to the server that keeps the states, which can be cut; the providers have their own."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listening: socket.socket | None = None
        self._open: list[socket.socket] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        assert self._listening
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                caller, _ = listening.accept()
                server = socket.create_connection(self._server)
                self._open += [caller, server]
                for one, other in ((caller, server), (server, caller)):
                    Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while read := one.recv(65536):
            other.sendall(read)
        other.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class Cut:
    """A world, and a stack of it whose states lie behind a way that can be cut."""

    world: World
    stack: Stack
    way: Way

    def apply(self, team: Team) -> Awaitable[list[ResourceChange]]:
        return self.stack.apply(team.name, team.variables(**NOBODY), team.secrets)

    def unsaved(self, team: Team) -> Path:
        return self.stack.directory.with_name(f"team@{team.name}") / "errored.tfstate"


@pytest.fixture(scope="module")
def cut(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cut]:
    world = World(sandbox, tmp_path_factory.mktemp("world"), uuid4().hex[:6])
    try:
        world.begin()
        world.apply_platform()
        (world.stack("team") / "errored.tfstate").write_text("{}")  # of whoever ran Terraform there by hand: nobody's
        server = world.database_server
        way = Way(server["host"], server["port"])
        away = f"postgres://127.0.0.1:{way.port}/{world.states}?sslmode=disable"
        yield Cut(world, world.driven("team", PG_CONN_STR=away), way)
        way.cut()
    finally:
        world.end()


async def _while_cut(cut: Cut, team: Team, then: Callable[[asyncio.Task[Any]], Awaitable[None]]) -> Any:
    """Apply, cut the way as soon as something is made, and do a thing when Terraform has given its state up."""
    task = asyncio.ensure_future(cut.apply(team))
    with cut.world.sandbox.admin() as admin:
        while not admin.execute("select from pg_roles where rolname = %s", [team.role]).fetchall():
            assert not task.done(), task.result()
            await asyncio.sleep(0.02)
    cut.way.cut()
    try:
        while not cut.unsaved(team).exists():
            assert not task.done(), task.result()
            await asyncio.sleep(0.1)
        await then(task)
    finally:
        cut.way.open()
    return await task


def _is_whole(cut: Cut, team: Team) -> None:
    assert not cut.unsaved(team).exists()
    assert team.changes(**NOBODY) == {}
    assert cut.world.state("team", team.name)["resources"]


def test_a_state_that_could_not_be_saved_is_saved_before_the_next_attempt(cut: Cut) -> None:
    team = cut.world.team("waits")

    async def nothing(_: asyncio.Task[Any]) -> None:
        """The attempts go on by themselves."""

    asyncio.run(_while_cut(cut, team, nothing))
    _is_whole(cut, team)


def test_a_state_that_could_not_be_saved_is_saved_by_the_next_run(cut: Cut) -> None:
    team, other = cut.world.team("stops"), cut.world.team("beside")

    async def stop(task: asyncio.Task[Any]) -> None:
        task.cancel()
        await asyncio.wait([task])

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_while_cut(cut, team, stop))
    assert cut.unsaved(team).exists()
    asyncio.run(cut.apply(other))  # of another workspace: it takes nothing of the first
    _is_whole(cut, other)
    asyncio.run(cut.apply(team))
    _is_whole(cut, team)


def test_a_state_that_is_older_than_the_workspaces_is_told_and_kept(cut: Cut) -> None:
    team = cut.world.team("older")
    asyncio.run(cut.apply(team))
    before = cut.world.state("team", team.name)
    cut.unsaved(team).write_text(json.dumps({**before, "serial": before["serial"] - 1, "resources": []}))
    with pytest.raises(FleetError, match="serial") as error:
        asyncio.run(cut.apply(team))
    assert str(cut.unsaved(team)) in error.value.hint and "state pull" in error.value.hint
    after = cut.world.state("team", team.name)
    assert cut.unsaved(team).exists()
    assert (after["serial"], after["resources"]) == (before["serial"], before["resources"])


def test_with_the_workspace_goes_its_folder(cut: Cut) -> None:
    team = cut.world.team("goes")
    asyncio.run(cut.apply(team))
    asyncio.run(cut.stack.destroy(team.name, team.variables(**NOBODY), team.secrets))
    asyncio.run(cut.stack.delete_workspace(team.name))
    assert not cut.unsaved(team).parent.exists()
