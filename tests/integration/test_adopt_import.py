"""What was made by hand on the real servers becomes a workspace: nothing is made anew, nobody loses a role, and no secret
is in the state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from fleet.adopt import imports
from fleet.drivers import handmade
from fleet.drivers.handmade import Client, Database
from fleet.drivers.keycloak import Keycloak
from fleet.drivers.postgres import Login
from fleet.drivers.terraform import Stack
from fleet.drivers.terraform_import import Planned, importing, is_empty
from fleet.model import DatabaseServer
from tests.support.by_hand import ByHand
from tests.support.sandbox import Sandbox
from tests.support.terraform import Team, World

DATABASE = "module.instance.module.database"
SSO = "module.instance.module.sso"


@dataclass(frozen=True)
class Place:
    """A world, and in it what somebody made for one Airflow."""

    world: World
    team: Team
    made: ByHand

    @property
    def stack(self) -> Stack:
        return self.world.driven("team", TF_IN_AUTOMATION="1")

    @property
    def variables(self) -> dict[str, Any]:
        return self.team.variables(groups={}, users={"viewer": ["alice"]})

    @property
    def secrets(self) -> dict[str, str]:
        keys = self.made.keys
        return {"database_password": keys["database-password"], "sso_client_secret": keys["sso-client-secret"]}

    async def found(self) -> tuple[Database, Client]:
        platform, server = self.world.sandbox.platform, DatabaseServer.model_validate(self.world.database_server)
        admin = Login(server, platform["database-admin-username"], platform["database-admin-password"])
        keycloak = Keycloak(
            self.world.keycloak.url, Path(self.world.sandbox.environment["FLEET_SANDBOX_CA"]).read_text()
        )
        realm = await keycloak.realm(self.world.realm, platform["sso-admin-username"], platform["sso-admin-password"])
        database = await handmade.database(admin, self.team.role, self.team.role)
        client = await handmade.client(realm, f"airflow-{self.team.name}", self.team.name)
        assert database and client
        return database, client

    async def imported(self) -> list[Planned]:
        blocks = imports.blocks(self.team.name, self.variables["sso"], *await self.found())
        async with importing(self.stack, self.team.name, blocks) as plan:
            planned = await plan.plan(self.variables, self.secrets)
            await plan.apply(self.secrets)
        return planned


@pytest.fixture(scope="module")
def place(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    world = World(sandbox, tmp_path_factory.mktemp("world"), uuid4().hex[:6])
    try:
        world.begin()
        world.apply_platform("strangers")
        team = Team(f"test-{world.mark}-found", world)
        made = ByHand(team.name, sandbox)
        made.make_database()
        made.make_client(world.realm, f"https://{team.name}.example.com")
        for name in ("alice", "bob"):
            world.keycloak.add_user(world.realm, name, uuid4().hex)
        made.give(world.realm, "alice", "viewer")
        with _as_role(world, made) as connection:
            connection.execute("CREATE TABLE alembic_version AS SELECT 'x' AS version_num")
        yield Place(world, team, made)
    finally:
        world.end()


def _as_role(world: World, made: ByHand) -> psycopg.Connection[tuple[Any, ...]]:
    server = world.database_server
    return psycopg.connect(
        host=server["host"], port=server["port"], user=made.role, password=made.keys["database-password"],
        dbname=made.role, autocommit=True,
    )  # fmt: skip


def test_what_is_there_is_told(place: Place) -> None:
    database, client = asyncio.run(place.found())
    role = place.team.role
    assert (database.owner, database.homes, database.may_give) == (role, {role: role}, True)
    assert client.secret == place.made.keys["sso-client-secret"] and "secret" not in repr(client).lower().replace(
        "client", ""
    ).replace("sso", "")
    assert sorted(client.roles) == ["admin", "viewer"] and client.users["viewer"] == ("alice",)
    assert client.own_groups == {}


def test_all_of_it_is_imported_and_nothing_made_anew(place: Place) -> None:
    before = asyncio.run(place.found())
    assert asyncio.run(is_empty(place.stack, place.team.name))
    planned = {each.address: each for each in asyncio.run(place.imported())}
    assert not any(each.destroys for each in planned.values())
    imported = {address for address, each in planned.items() if each.imported}
    assert imported == {
        *(f"{DATABASE}.postgresql_{kind}.this" for kind in ("role", "database", "schema")),
        f"{SSO}.keycloak_openid_client.this",
        *(f'{SSO}.keycloak_role.this["{role}"]' for role in ("admin", "viewer")),
    }
    assert planned[f"{DATABASE}.postgresql_role.this"].changed["connection_limit"] == (-1, 7)
    kept, others = planned[f"{SSO}.keycloak_openid_client.this"].changed["valid_redirect_uris"][::-1]
    assert set(others) > set(kept)
    assert f'{SSO}.keycloak_role.this["op"]' in planned
    assert not asyncio.run(is_empty(place.stack, place.team.name))
    after = asyncio.run(place.found())
    assert (after[1].id, after[1].secret) == (before[1].id, before[1].secret)
    assert after[1].users["viewer"] == ("alice",)
    assert sorted(each.name for each in after[1].mappers) == ["roles", "their roles"]
    assert [each.name for each in after[1].like_roles(f"airflow-{place.team.name}")] == ["their roles"]
    assert after[1].redirects == (f"https://{place.team.name}.example.com/auth/oauth-authorized/keycloak",)


def test_the_plan_is_then_empty(place: Place) -> None:
    assert asyncio.run(place.stack.plan(place.team.name, place.variables, place.secrets)) == []
    with _as_role(place.world, place.made) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("x",)]
        assert connection.execute("SHOW search_path").fetchone() == (place.team.role,)


def test_no_secret_is_in_the_state(place: Place) -> None:
    state = json.dumps(place.world.state("team", place.team.name))
    assert place.team.role in state
    for secret in place.made.keys.values():
        assert secret not in state
    folder = place.world.stack("team").parent
    assert not [
        each for each in folder.rglob("*") if each.is_file() and place.secrets["sso_client_secret"] in _text(each)
    ]
    assert not list(folder.glob("adopt-*"))


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def test_an_owner_is_changed(place: Place) -> None:
    platform = place.world.sandbox.platform
    server = DatabaseServer.model_validate(place.world.database_server)
    admin = Login(server, platform["database-admin-username"], platform["database-admin-password"])
    asyncio.run(handmade.give(admin, place.team.role, admin.user))
    assert asyncio.run(place.found())[0].owner == admin.user
    with place.world.sandbox.admin() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(place.team.role)))
