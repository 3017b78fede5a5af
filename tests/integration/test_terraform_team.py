"""Two teams applied at the same time on the real servers: walls, secrets, sign-on, drift, import, removal."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.support.keycloak import SignedIn, sign_in
from tests.support.sandbox import Sandbox
from tests.support.terraform import Team, World

pytestmark = pytest.mark.apart("open databases")

# Role, database, schema, three grants; client, four roles and their place in the scope, claim; the instance's group, in it
# one per role, and that it has it; another group and a person that have roles.
RESOURCES = 27
DATABASE = "module.instance.module.database"
SSO = "module.instance.module.sso"


@dataclass(frozen=True)
class Fleet:
    """A world with two teams, applied in parallel, and the people in it."""

    world: World
    one: Team
    two: Team
    passwords: dict[str, str]
    outputs: tuple[str, str]

    def sign_in(self, team: Team, username: str) -> SignedIn:
        issuer = f"{self.world.keycloak.url}/realms/{self.world.realm}"
        secret = team.secrets["sso_client_secret"]
        return sign_in(issuer, f"airflow-{team.name}", secret, team.redirect_uri, username, self.passwords[username])


@pytest.fixture(scope="module")
def fleet(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    world = World(sandbox, tmp_path_factory.mktemp("world"), uuid4().hex[:6])
    try:
        world.begin()
        world.apply_platform("owners", "strangers")
        passwords = {name: uuid4().hex for name in ("alice", "bob", "mallory")}
        world.keycloak.add_user(world.realm, "alice", passwords["alice"])
        world.keycloak.add_user(world.realm, "bob", passwords["bob"], "/owners")
        world.keycloak.add_user(world.realm, "mallory", passwords["mallory"], "/strangers")
        one, two = world.team("one"), world.team("two")
        with ThreadPoolExecutor() as pool:
            first, second = pool.map(Team.apply, (one, two))
        yield Fleet(world, one, two, passwords, (first, second))
    finally:
        world.end()


def test_both_are_made_and_nothing_is_left_to_do(fleet: Fleet) -> None:
    for output in fleet.outputs:
        assert f"Apply complete! Resources: {RESOURCES} added, 0 changed, 0 destroyed." in output
    assert fleet.one.changes() == {} and fleet.two.changes() == {}


def test_tables_lie_in_the_teams_own_schema_and_belong_to_its_role(fleet: Fleet) -> None:
    for team in (fleet.one, fleet.two):
        with team.connect() as connection:
            connection.execute("CREATE TABLE dag (dag_id text)")
            found = connection.execute(
                "SELECT schemaname, tableowner FROM pg_tables WHERE tablename = 'dag'"
            ).fetchall()
            owner = connection.execute(
                "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = %s", [team.role]
            )
            assert found == [(team.role, team.role)] and owner.fetchone() == (team.role,)


def test_a_role_is_refused_at_the_others_database(fleet: Fleet) -> None:
    for team, other in ((fleet.one, fleet.two), (fleet.two, fleet.one)):
        with pytest.raises(psycopg.OperationalError, match=f'permission denied for database "{other.role}"'):
            team.connect(other.role)


@pytest.mark.parametrize("statement", [
    "CREATE TABLE public.x (i int)",
    "CREATE SCHEMA mine",
    "GRANT USAGE ON SCHEMA public TO CURRENT_USER",
    "ALTER DATABASE {database} CONNECTION LIMIT 1",
    "DROP SCHEMA public",
])  # fmt: skip
def test_a_role_cannot_leave_its_schema(fleet: Fleet, statement: str) -> None:
    refused = (psycopg.errors.InsufficientPrivilege, psycopg.Warning)
    with fleet.one.connect() as connection, pytest.raises(refused):
        connection.execute(statement.format(database=fleet.one.role))


def test_a_role_cannot_let_others_into_its_database(fleet: Fleet) -> None:
    with fleet.one.connect() as connection:
        connection.execute(f"GRANT CONNECT ON DATABASE {fleet.one.role} TO PUBLIC")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        fleet.two.connect(fleet.one.role)


def test_the_connection_limit_holds(fleet: Fleet) -> None:
    open_ones = [fleet.one.connect() for _ in range(7)]
    try:
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            fleet.one.connect()
    finally:
        for connection in open_ones:
            connection.close()


def test_no_secret_is_in_any_state(fleet: Fleet) -> None:
    """The back end's tables are read as they lie, not through Terraform: no version of any state may hold one."""
    platform = fleet.world.sandbox.platform
    secrets = [platform["database-admin-password"], platform["sso-admin-password"]]
    secrets += [*fleet.one.secrets.values(), *fleet.two.secrets.values()]
    texts = []
    with fleet.world.sandbox.admin(fleet.world.states) as admin:
        for stack in ("platform", "team"):
            texts += [row[0] for row in admin.execute(f"SELECT data FROM {stack}.states").fetchall()]
    assert len([text for text in texts if '"resources"' in text]) >= 3
    assert [secret for secret in secrets for text in texts if secret in text] == []
    assert all('"password_wo": null' in text for text in texts if '"postgresql_role"' in text)


def test_terraform_says_no_secret(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in what it prints, nor in an error, nor in its log at its most talkative."""
    secrets = [*fleet.one.secrets.values(), *fleet.two.secrets.values()]
    assert not [secret for secret in secrets for output in fleet.outputs if secret in output]

    short = Team(fleet.one.name, fleet.world, fleet.one.secrets | {"database_password": "tooshort-Zq"})
    failed = short.call("plan", check=False)
    assert failed.returncode == 1 and "at least 16 characters" in failed.stderr
    assert "tooshort-Zq" not in failed.stderr + failed.stdout

    monkeypatch.setenv("TF_LOG", "TRACE")
    traced = fleet.one.call(
        "apply", "-auto-approve", "-var=database_password_version=2", "-var=sso_client_secret_version=2"
    )
    administrators = {name: value for name, value in fleet.world.sandbox.platform.items() if name.endswith("password")}
    assert "2 changed" in traced.stdout and "[TRACE]" in traced.stderr
    assert [secret for secret in (*secrets, *administrators.values()) if secret in traced.stderr] == []
    monkeypatch.undo()
    fleet.one.apply()


def test_people_get_the_roles_of_this_client_and_no_other(fleet: Fleet) -> None:
    fleet.two.apply(groups={}, users={"viewer": ["alice"]})
    alice, bob = fleet.sign_in(fleet.one, "alice"), fleet.sign_in(fleet.one, "bob")
    assert sorted(alice.id_token["roles"]) == sorted(alice.userinfo["roles"]) == ["op", "viewer"]
    assert bob.id_token["roles"] == ["admin"]
    assert fleet.sign_in(fleet.two, "alice").id_token["roles"] == ["viewer"]
    assert "roles" not in fleet.sign_in(fleet.two, "bob").id_token
    assert "roles" not in fleet.sign_in(fleet.one, "mallory").id_token
    fleet.two.apply()


def test_tokens_carry_no_other_clients_roles(fleet: Fleet) -> None:
    alice = fleet.sign_in(fleet.one, "alice")
    assert "roles" not in alice.access_token
    assert set(alice.access_token.get("resource_access", {})) <= {f"airflow-{fleet.one.name}"}


def test_the_client_takes_its_own_secret_only(fleet: Fleet) -> None:
    stranger = Team(fleet.one.name, fleet.world, fleet.two.secrets)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fleet.sign_in(stranger, "alice")


def test_the_redirect_is_exact(fleet: Fleet) -> None:
    elsewhere = f"{fleet.world.keycloak.url}/realms/{fleet.world.realm}"
    with pytest.raises(urllib.error.HTTPError, match="400"):
        sign_in(elsewhere, f"airflow-{fleet.one.name}", "", "https://evil.example.com/", "alice", "")


def test_another_password_reaches_the_server_by_its_version(fleet: Fleet) -> None:
    before = fleet.two.secrets["database_password"]
    fleet.two.secrets["database_password"] = uuid4().hex
    assert fleet.two.changes() == {}
    fleet.two.call("apply", "-auto-approve", "-var=database_password_version=2")
    with fleet.two.connect():
        pass
    fleet.two.secrets["database_password"] = before
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        fleet.two.connect()
    fleet.two.apply()


def _client(fleet: Fleet, team: Team) -> dict[str, Any]:
    return fleet.world.keycloak.client(fleet.world.realm, f"airflow-{team.name}")


def _loosen_the_client(fleet: Fleet) -> None:
    client = _client(fleet, fleet.one)
    path = f"/{fleet.world.realm}/clients/{client.pop('id')}"
    fleet.world.keycloak.call("PUT", path, {"fullScopeAllowed": True, "redirectUris": ["*"]})


def _sql(statement: str) -> Callable[[Fleet], None]:
    def run(fleet: Fleet) -> None:
        with fleet.world.sandbox.admin(fleet.one.role) as admin:
            admin.execute(statement.format(role=fleet.one.role))

    return run


def _remove_a_role(fleet: Fleet) -> None:
    path = f"/{fleet.world.realm}/clients/{_client(fleet, fleet.one)['id']}/roles/user"
    fleet.world.keycloak.call("DELETE", path)


DRIFT = {
    _sql("GRANT CONNECT ON DATABASE {role} TO PUBLIC"): (f"{DATABASE}.postgresql_grant.public_database", "update"),
    _sql("REVOKE CONNECT ON DATABASE {role} FROM {role}"): (f"{DATABASE}.postgresql_grant.database", "update"),
    _sql("GRANT CREATE ON SCHEMA public TO PUBLIC"): (f"{DATABASE}.postgresql_grant.public_schema", "update"),
    _sql("ALTER ROLE {role} CONNECTION LIMIT 100"): (f"{DATABASE}.postgresql_role.this", "update"),
    _sql("ALTER ROLE {role} RESET search_path"): (f"{DATABASE}.postgresql_role.this", "update"),
    _loosen_the_client: (f"{SSO}.keycloak_openid_client.this", "update"),
    _remove_a_role: (f'{SSO}.keycloak_role.this["user"]', "create"),
}


def test_drift_shows_and_is_put_right(fleet: Fleet) -> None:
    """Each kind shows at its own address, and nothing else does."""
    for drift in DRIFT:
        drift(fleet)
    # A role that is gone has left the scope that the portal reads as well, and its group.
    follows = {
        f'{SSO}.keycloak_generic_role_mapper.roles["user"]': ["create"],
        f'{SSO}.keycloak_group_roles.role["user"]': ["update"],
    }
    assert fleet.one.changes() == {address: [action] for address, action in DRIFT.values()} | follows
    fleet.one.apply()
    assert fleet.one.changes() == {}
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        fleet.two.connect(fleet.one.role)
    assert _client(fleet, fleet.one)["redirectUris"] == [fleet.one.redirect_uri]


def test_what_is_there_is_imported(fleet: Fleet) -> None:
    role, client = f"{DATABASE}.postgresql_role.this", f"{SSO}.keycloak_openid_client.this"
    schema = f"{DATABASE}.postgresql_schema.this"
    ids = {role: fleet.one.role, schema: f"{fleet.one.role}.{fleet.one.role}"}
    ids[client] = f"{fleet.world.realm}/{_client(fleet, fleet.one)['id']}"
    for address, identity in ids.items():
        fleet.world.call("team", "state", "rm", address, workspace=fleet.one.name)
        fleet.one.call("import", address, identity)
    # The versions of the secrets, and flags for Terraform alone, are nowhere on the servers.
    assert fleet.one.changes() == {address: ["update"] for address in ids}
    fleet.one.apply()
    assert fleet.one.changes() == {}


def test_removal_takes_all_of_one_and_nothing_of_the_other(fleet: Fleet) -> None:
    three = fleet.world.team("three")
    three.apply()
    with three.connect() as connection:
        connection.execute("CREATE TABLE dag (dag_id text)")
    before = _everything_of(fleet, fleet.one)
    with three.connect():  # a session that is still open does not stop the removal
        assert f"Destroy complete! Resources: {RESOURCES} destroyed." in three.destroy()
    assert _everything_of(fleet, fleet.one) == before
    assert fleet.one.changes() == {}
    with fleet.world.sandbox.admin() as admin:
        rest = (
            "SELECT rolname FROM pg_roles WHERE rolname = %s UNION SELECT datname FROM pg_database WHERE datname = %s"
        )
        assert admin.execute(rest, [three.role, three.role]).fetchall() == []
    with pytest.raises(ValueError):
        _client(fleet, three)


def _everything_of(fleet: Fleet, team: Team) -> str:
    with fleet.world.sandbox.admin() as admin:
        rows = [admin.execute(f"SELECT to_jsonb(t) FROM {table} AS t WHERE {column} = %s", [team.role]).fetchall()
                for table, column in (("pg_roles", "rolname"), ("pg_database", "datname"))]  # fmt: skip
    realm = fleet.world.realm
    (group,) = fleet.world.keycloak.get(f"/{realm}/groups?search=owners")
    mappings = fleet.world.keycloak.get(f"/{realm}/groups/{group['id']}/role-mappings")
    return json.dumps([rows, _client(fleet, team), mappings["clientMappings"][f"airflow-{team.name}"]], default=str)


def test_six_teams_at_once(fleet: Fleet) -> None:
    """GRANTs on shared catalogs collide ("tuple concurrently updated"); nobody may notice."""
    teams = [fleet.world.team(f"many-{number}") for number in range(6)]
    with ThreadPoolExecutor(len(teams)) as pool:
        for output in pool.map(Team.apply, teams):
            assert f"Resources: {RESOURCES} added" in output
        for output in pool.map(Team.destroy, teams):
            assert f"Resources: {RESOURCES} destroyed" in output


def test_a_workspace_takes_no_other_instances_values(fleet: Fleet) -> None:
    swapped = json.dumps(fleet.two.name)
    failed = fleet.one.call("plan", f"-var=instance={json.loads(swapped)}", check=False)
    assert failed.returncode == 1 and "is not the instance's" in failed.stderr


def test_a_member_that_is_missing_is_named(fleet: Fleet) -> None:
    failed = fleet.one.call("plan", check=False, users={"admin": ["nobody-here"]})
    assert failed.returncode == 1 and "user with username nobody-here not found" in failed.stderr
    failed = fleet.one.call("plan", check=False, groups={"admin": ["no-such-group"]})
    assert failed.returncode == 1 and "group not found at path: /no-such-group" in failed.stderr
