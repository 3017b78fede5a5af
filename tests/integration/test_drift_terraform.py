"""Changes behind Terraform's back, made on the real servers: each found in one look, with its team, kind and field."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from fleet.drift.finding import Looked
from fleet.drift.mend import Reapply
from tests.support.sandbox import Sandbox
from tests.support.terraform import Team, World
from tests.support.terraform_look import Looker

pytestmark = pytest.mark.apart("open databases")

# Groups of the platform's; somebody deletes the second.
GROUPS = ("owners", "visitors")
# Team three lets in somebody who leaves later.
LEAVER = {"users": {"op": ["carol"]}}


@dataclass(frozen=True)
class Fleet:
    """Three teams and their platform, applied; and whoever looks at them."""

    world: World
    looker: Looker
    one: Team
    two: Team
    three: Team

    @property
    def teams(self) -> dict[str, dict[str, Any]]:
        alike = {team.name: team.variables() for team in (self.one, self.two)}
        return {**alike, self.three.name: self.three.variables(**LEAVER)}

    def apply(self) -> None:
        with ThreadPoolExecutor() as pool:
            for made in (
                pool.submit(self.one.apply),
                pool.submit(self.two.apply),
                pool.submit(self.three.apply, **LEAVER),
            ):
                made.result()

    def client(self, team: Team) -> dict[str, Any]:
        return self.world.keycloak.client(self.world.realm, f"airflow-{team.name}")

    def admin(self, method: str, path: str, body: object = None) -> Any:
        return self.world.keycloak.call(method, f"/{self.world.realm}{path}", body)

    def change_client(self, team: Team, **fields: Any) -> None:
        self.admin("PUT", f"/clients/{self.client(team)['id']}", fields)

    def group(self, path: str) -> str:
        return str(self.admin("GET", f"/group-by-path/{path}")["id"])


@pytest.fixture(scope="module")
def fleet(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    world = World(sandbox, tmp_path_factory.mktemp("world"), uuid4().hex[:6])
    sso = {"url": world.keycloak.url, "realm": world.realm, "groups": GROUPS, "deletion_protection": False}
    looker, teams = Looker(world, {"sso": sso}), list[Team]()
    try:
        world.begin()
        world.apply_platform(*GROUPS)
        for name in ("alice", "carol"):
            world.keycloak.add_user(world.realm, name, uuid4().hex)
        teams = [world.team(name) for name in ("one", "two", "three")]
        made = Fleet(world, looker, *teams)
        made.apply()
        yield made
    finally:
        for team in teams:
            with contextlib.suppress(psycopg.Error):  # it may never have been made
                looker.give_back(team)
        world.end()


def _sql(team: str, statement: str) -> Callable[[Fleet], None]:
    def run(fleet: Fleet) -> None:
        role, other = getattr(fleet, team).role, fleet.two.role
        fleet.looker.sql(role, statement, role=role, other=other)

    return run


def _client(team: str, **fields: Any) -> Callable[[Fleet], None]:
    return lambda fleet: fleet.change_client(getattr(fleet, team), **fields)


def _realm(**fields: Any) -> Callable[[Fleet], None]:
    def run(fleet: Fleet) -> None:
        fleet.admin("PUT", "", {"realm": fleet.world.realm, **fields})

    return run


def _change_mapper(fleet: Fleet) -> None:
    path = f"/clients/{fleet.client(fleet.two)['id']}/protocol-mappers/models"
    (mapper,) = [each for each in fleet.admin("GET", path) if each["name"] == "roles"]
    changed = {"claim.name": "groups", "access.token.claim": "true"}
    fleet.admin("PUT", f"{path}/{mapper['id']}", {**mapper, "config": {**mapper["config"], **changed}})


def _delete_mapper(fleet: Fleet) -> None:
    path = f"/clients/{fleet.client(fleet.three)['id']}/protocol-mappers/models"
    (mapper,) = [each for each in fleet.admin("GET", path) if each["name"] == "roles"]
    fleet.admin("DELETE", f"{path}/{mapper['id']}")


def _delete_role(fleet: Fleet) -> None:
    fleet.admin("DELETE", f"/clients/{fleet.client(fleet.two)['id']}/roles/user")


def _rename_role(fleet: Fleet) -> None:
    fleet.admin("PUT", f"/clients/{fleet.client(fleet.two)['id']}/roles/op", {"name": "operator"})


def _imply_role(fleet: Fleet) -> None:
    path = f"/clients/{fleet.client(fleet.two)['id']}/roles"
    fleet.admin("POST", f"{path}/viewer/composites", [fleet.admin("GET", f"{path}/admin")])


def _close_scope(fleet: Fleet) -> None:
    """The portal no longer sees who is an admin of team two."""
    client = fleet.client(fleet.two)["id"]
    (scope,) = [each["id"] for each in fleet.admin("GET", "/client-scopes") if each["name"] == "airflow-roles"]
    role = fleet.admin("GET", f"/clients/{client}/roles/admin")
    fleet.admin("DELETE", f"/client-scopes/{scope}/scope-mappings/clients/{client}", [role])


def _take_group_role(fleet: Fleet) -> None:
    client, group = fleet.client(fleet.two)["id"], fleet.group("owners")
    role = fleet.admin("GET", f"/clients/{client}/roles/admin")
    fleet.admin("DELETE", f"/groups/{group}/role-mappings/clients/{client}", [role])


def _take_own_group_role(fleet: Fleet) -> None:
    client, group = fleet.client(fleet.one)["id"], fleet.group(f"{fleet.one.name}/viewer")
    role = fleet.admin("GET", f"/clients/{client}/roles/viewer")
    fleet.admin("DELETE", f"/groups/{group}/role-mappings/clients/{client}", [role])


def _take_user_role(fleet: Fleet) -> None:
    client = fleet.client(fleet.two)["id"]
    (user,) = fleet.admin("GET", "/users?username=alice&exact=true")
    role = fleet.admin("GET", f"/clients/{client}/roles/viewer")
    fleet.admin("DELETE", f"/users/{user['id']}/role-mappings/clients/{client}", [role])


def _rename_group(fleet: Fleet) -> None:
    fleet.admin("PUT", f"/groups/{fleet.group(f'{fleet.one.name}/op')}", {"name": "operators"})


def _delete_group(fleet: Fleet) -> None:
    fleet.admin("DELETE", f"/groups/{fleet.group(f'{fleet.three.name}/user')}")


def _delete_platform_group(fleet: Fleet) -> None:
    fleet.admin("DELETE", f"/groups/{fleet.group('visitors')}")


def _show_scope(fleet: Fleet) -> None:
    (scope,) = [each for each in fleet.admin("GET", "/client-scopes") if each["name"] == "airflow-roles"]
    attributes = {**scope["attributes"], "include.in.token.scope": "true"}
    fleet.admin("PUT", f"/client-scopes/{scope['id']}", {**scope, "attributes": attributes})


DATABASE, SSO = "module.database.", "module.sso."
ROLE, SCHEMA = f"{DATABASE}postgresql_role.this", f"{DATABASE}postgresql_schema.this"
BASE = f"{DATABASE}postgresql_database.this"
CLIENT = f"{SSO}keycloak_openid_client.this"
MAPPER = f"{SSO}keycloak_openid_user_client_role_protocol_mapper.roles"
REALM = "keycloak_realm.this"
# A change → what is found of it: team, address below the team's module, field, kind.
Case = tuple[Callable[[Fleet], None], list[tuple[str, str, str, str]]]
CHANGES: dict[str, Case] = {
    "more connections": (_sql("one", "ALTER ROLE {role} CONNECTION LIMIT 100"), [("one", ROLE, "connection_limit", "changed")]),
    "makes databases": (_sql("one", "ALTER ROLE {role} CREATEDB"), [("one", ROLE, "create_database", "wall")]),
    "makes roles": (_sql("one", "ALTER ROLE {role} CREATEROLE"), [("one", ROLE, "create_role", "wall")]),
    "member of another": (_sql("one", "GRANT {other} TO {role}"), [("one", ROLE, "roles", "wall")]),
    "no login": (_sql("one", "ALTER ROLE {role} NOLOGIN"), [("one", ROLE, "login", "broken")]),
    "ends": (_sql("one", "ALTER ROLE {role} VALID UNTIL '2030-01-01'"), [("one", ROLE, "valid_until", "broken")]),
    "another path": (_sql("one", "ALTER ROLE {role} SET search_path TO public"), [("one", ROLE, "search_path", "broken")]),
    "timeout": (_sql("one", "ALTER ROLE {role} SET statement_timeout TO 5"), [("one", ROLE, "statement_timeout", "changed")]),
    "open database": (
        _sql("one", "GRANT CONNECT ON DATABASE {role} TO PUBLIC"),
        [("one", f"{DATABASE}postgresql_grant.public_database", "privileges", "wall")],
    ),
    "open schema public": (
        _sql("one", "GRANT CREATE ON SCHEMA public TO PUBLIC"),
        [("one", f"{DATABASE}postgresql_grant.public_schema", "privileges", "wall")],
    ),
    "makes schemas": (
        _sql("one", "GRANT CREATE ON DATABASE {role} TO {role}"),
        [("one", f"{DATABASE}postgresql_grant.database", "privileges", "wall")],
    ),
    "shut out": (
        _sql("two", "REVOKE CONNECT ON DATABASE {role} FROM {role}"),
        [("two", f"{DATABASE}postgresql_grant.database", "privileges", "broken")],
    ),
    "schema of another": (_sql("one", "ALTER SCHEMA {role} OWNER TO {other}"), [("one", SCHEMA, "owner", "wall")]),
    "database of another": (_sql("one", "ALTER DATABASE {role} OWNER TO {other}"), [("one", BASE, "owner", "wall")]),
    "few connections": (_sql("one", "ALTER DATABASE {role} CONNECTION LIMIT 3"), [("one", BASE, "connection_limit", "broken")]),
    "template": (_sql("one", "ALTER DATABASE {role} IS_TEMPLATE true"), [("one", BASE, "is_template", "wall")]),
    "superuser": (_sql("one", "ALTER ROLE {role} SUPERUSER"), [("one", ROLE, "superuser", "wall")]),
    "schema dropped": (_sql("three", "DROP SCHEMA {role} CASCADE"), [("three", SCHEMA, "", "lost")]),
    "full scope": (_client("two", fullScopeAllowed=True), [("two", CLIENT, "full_scope_allowed", "wall")]),
    "anywhere": (
        _client("two", redirectUris=["https://evil.example.com/*"]), [("two", CLIENT, "valid_redirect_uris", "wall")],
    ),
    "any origin": (_client("two", webOrigins=["*"]), [("two", CLIENT, "web_origins", "wall")]),
    "passwords": (
        _client("two", directAccessGrantsEnabled=True), [("two", CLIENT, "direct_access_grants_enabled", "wall")],
    ),
    "implicit": (_client("two", implicitFlowEnabled=True), [("two", CLIENT, "implicit_flow_enabled", "wall")]),
    "no proof key": (
        _client("two", attributes={"pkce.code.challenge.method": ""}), [("two", CLIENT, "pkce_code_challenge_method", "wall")],
    ),
    "another name": (_client("two", name="Ours"), [("two", CLIENT, "name", "changed")]),
    "public": (
        _client("three", publicClient=True),
        [("three", CLIENT, "access_type", "wall"), ("three", CLIENT, "web_origins", "wall")],  # Keycloak opens those too
    ),
    "off": (_client("three", enabled=False), [("three", CLIENT, "enabled", "broken")]),
    "another claim": (
        _change_mapper, [("two", MAPPER, "claim_name", "broken"), ("two", MAPPER, "add_to_access_token", "changed")],
    ),
    "no claim": (_delete_mapper, [("three", MAPPER, "", "lost")]),
    "no role": (_delete_role, [("two", f'{SSO}keycloak_role.this["user"]', "", "gone")]),
    "role renamed": (_rename_role, [("two", f'{SSO}keycloak_role.this["op"]', "name", "broken")]),
    "role implies another": (_imply_role, [("two", f'{SSO}keycloak_role.this["viewer"]', "composite_roles", "wall")]),
    "unseen by the portal": (_close_scope, [("two", f'{SSO}keycloak_generic_role_mapper.roles["admin"]', "", "gone")]),
    "group without role": (_take_own_group_role, [("one", f'{SSO}keycloak_group_roles.role["viewer"]', "role_ids", "changed")]),
    "owners without role": (_take_group_role, [("two", f'{SSO}keycloak_group_roles.member["owners"]', "role_ids", "changed")]),
    "person without role": (_take_user_role, [("two", f'{SSO}keycloak_user_roles.member["alice"]', "role_ids", "changed")]),
    "group renamed": (_rename_group, [("one", f'{SSO}keycloak_group.role["op"]', "name", "changed")]),
    "group deleted": (_delete_group, [("three", f'{SSO}keycloak_group.role["user"]', "", "gone")]),
    "anybody registers": (_realm(registrationAllowed=True), [("platform", REALM, "registration_allowed", "wall")]),
    "names change": (_realm(editUsernameAllowed=True), [("platform", REALM, "edit_username_allowed", "wall")]),
    "weak passwords": (_realm(passwordPolicy="length(1)"), [("platform", REALM, "password_policy", "wall")]),
    "plain http": (_realm(sslRequired="none"), [("platform", REALM, "ssl_required", "wall")]),
    "guessing": (
        _realm(bruteForceProtected=False), [("platform", REALM, "security_defenses.brute_force_detection", "wall")],
    ),
    "long tokens": (_realm(accessTokenLifespan=86400), [("platform", REALM, "access_token_lifespan", "changed")]),
    "long sessions": (_realm(ssoSessionMaxLifespan=864000), [("platform", REALM, "sso_session_max_lifespan", "changed")]),
    "tokens again and again": (_realm(revokeRefreshToken=False), [("platform", REALM, "revoke_refresh_token", "changed")]),
    "framed": (
        _realm(browserSecurityHeaders={"xFrameOptions": "ALLOWALL"}),
        [("platform", REALM, "security_defenses.headers.x_frame_options", "wall")],
    ),
    "another way in": (_realm(browserFlow="direct grant"), [("platform", REALM, "browser_flow", "wall")]),
    "no visitors": (_delete_platform_group, [("platform", 'keycloak_group.this["visitors"]', "", "gone")]),
    "scope in tokens": (
        _show_scope, [("platform", "keycloak_openid_client_scope.roles", "include_in_token_scope", "changed")],
    ),
}  # fmt: skip
# What an apply leaves as it is.
LEFT_SO = {"owner", "is_template", "composite_roles", "browser_flow"}


def _found(fleet: Fleet, looked: Looked) -> set[tuple[str, str, str, str]]:
    names = {team.name: short for short, team in (("one", fleet.one), ("two", fleet.two), ("three", fleet.three))}
    return {
        (names.get(each.team, each.team), each.address.removeprefix(f'module.team["{each.team}"].'), each.field,
         each.kind.name.removeprefix("terraform."))
        for each in looked.findings
    }  # fmt: skip


def test_nothing_is_found_after_an_apply_three_times_in_a_row_and_nothing_is_written(fleet: Fleet) -> None:
    """The third time by somebody who has no right to change anything anywhere."""
    before, reader = fleet.looker.states(), fleet.looker.reader((fleet.one, fleet.two, fleet.three))
    looks = [fleet.looker.look(fleet.teams, environment=each) for each in ({}, {}, reader)]
    assert looks == [Looked()] * 3
    assert (fleet.looker.count("plan"), fleet.looker.count("show")) == (6, 0)
    assert fleet.looker.states() == before and len(before) >= 4


def test_as_many_processes_for_twenty_teams_that_differ_as_for_two(fleet: Fleet) -> None:
    copies = [f"copy-{number}" for number in range(20)]
    fleet.looker.copy_state(fleet.one, copies)
    counts = []
    for names in (copies[:2], copies):
        fleet.looker.commands.clear()
        looked = fleet.looker.look(dict.fromkeys(names, fleet.one.variables()), platform=False)
        assert looked.unseen == () and {each.team for each in looked.findings} == set(names)  # not the group's name
        counts.append((fleet.looker.count("plan"), fleet.looker.count("show"), len(fleet.looker.commands)))
    assert counts == [(2, 1, 3)] * 2  # all of them, then those that differ: planned, and shown


def test_what_was_changed_is_found_in_one_look(fleet: Fleet) -> None:
    before = fleet.looker.states()
    for change, _ in CHANGES.values():
        change(fleet)
    looked = fleet.looker.look(fleet.teams)
    assert looked.unseen == ()
    expected = [finding for _, findings in CHANGES.values() for finding in findings]
    assert _found(fleet, looked) == set(expected) and len(looked.findings) == len(expected)
    assert fleet.looker.states() == before
    by_key = {(each.address.partition("].")[2] or each.address, each.field): each for each in looked.findings}
    assert (by_key[ROLE, "connection_limit"].expected, by_key[ROLE, "connection_limit"].found) == ("7", "100")
    assert by_key[REALM, "registration_allowed"].found == "true"
    lost = by_key[f'{SSO}keycloak_group_roles.member["owners"]', "role_ids"]
    assert (lost.expected, lost.found) == ('["admin"]', "[]")
    # What an apply puts back is healed by one; of team three, whose tables are gone, nothing is.
    for each in looked.findings:
        left_so = each.field in LEFT_SO and each.address.endswith((BASE, "]", REALM))
        again = Reapply("platform" if each.team == "platform" else "terraform")
        assert each.mend == (None if each.team == fleet.three.name or left_so else again), each


def test_an_apply_mends_them_and_nothing_is_left(fleet: Fleet) -> None:
    fleet.looker.give_back(fleet.one)
    path = f"/clients/{fleet.client(fleet.two)['id']}/roles"
    fleet.admin("DELETE", f"{path}/viewer/composites", [fleet.admin("GET", f"{path}/admin")])
    _realm(browserFlow="browser")(fleet)
    fleet.world.apply_platform(*GROUPS)
    fleet.apply()
    assert fleet.looker.look(fleet.teams) == Looked()


def test_a_broken_team_is_an_error_and_the_others_are_read(fleet: Fleet) -> None:
    fleet.looker.sql("postgres", "ALTER DATABASE {role} ALLOW_CONNECTIONS false", role=fleet.two.role)
    fleet.looker.sql("postgres", "ALTER ROLE {role} CONNECTION LIMIT 5", role=fleet.one.role)
    fleet.looker.write_state(["garbled"], '{"version": 4')
    teams = fleet.teams | {"garbled": fleet.one.variables(), "forgotten": fleet.one.variables()}
    try:
        looked = fleet.looker.look(teams)
    finally:
        fleet.looker.sql("postgres", "ALTER DATABASE {role} ALLOW_CONNECTIONS true", role=fleet.two.role)
        fleet.looker.sql("postgres", "ALTER ROLE {role} CONNECTION LIMIT 7", role=fleet.one.role)
    assert sorted(each.team for each in looked.unseen) == ["garbled", fleet.two.name]
    assert "not currently accepting connections" in next(e.what for e in looked.unseen if e.team == fleet.two.name)
    assert _found(fleet, looked) == {
        ("one", ROLE, "connection_limit", "changed"), ("forgotten", "workspace forgotten", "", "state"),
    }  # fmt: skip


def test_a_member_that_left_the_realm_is_a_finding_and_hides_nothing(fleet: Fleet) -> None:
    fleet.world.keycloak.remove_user(fleet.world.realm, "carol")
    fleet.looker.sql("postgres", "ALTER ROLE {role} CREATEDB", role=fleet.three.role)
    looked = fleet.looker.look({fleet.three.name: fleet.three.variables(**LEAVER)}, platform=False)
    assert looked.unseen == ()
    assert _found(fleet, looked) == {
        ("three", f'{SSO}data.keycloak_user.member["carol"]', "", "member"), ("three", ROLE, "create_database", "wall"),
    }  # fmt: skip


def test_what_no_apply_finished_is_found_but_for_other_modules(fleet: Fleet) -> None:
    before = fleet.world.state("team", fleet.one.name)
    state, half = copy.deepcopy(before), fleet.one.variables()
    by_type = {each["type"]: each["instances"][0] for each in state["resources"] if each["mode"] == "managed"}
    by_type["postgresql_role"]["attributes"]["connection_limit"] = 8
    by_type["keycloak_openid_user_client_role_protocol_mapper"]["status"] = "tainted"
    state["resources"] = [each for each in state["resources"] if each["name"] != "public_schema"]
    half["database"]["connection_limit"] = 9
    fleet.looker.sql("postgres", "ALTER ROLE {role} CREATEDB", role=fleet.one.role)
    fleet.looker.write_state([fleet.one.name], json.dumps(state))
    try:
        looked = fleet.looker.look({fleet.one.name: half}, platform=False)
        others = fleet.looker.look({fleet.one.name: half}, platform=False, applied_modules="others")
    finally:
        fleet.looker.write_state([fleet.one.name], json.dumps(before))
        fleet.looker.sql("postgres", "ALTER ROLE {role} NOCREATEDB", role=fleet.one.role)
    touched = {
        ("one", ROLE, "connection_limit", "changed"), ("one", ROLE, "create_database", "wall"),
        ("one", MAPPER, "", "tainted"),
    }  # fmt: skip
    assert _found(fleet, looked) == touched | {("one", f"{DATABASE}postgresql_grant.public_schema", "", "unapplied")}
    assert _found(fleet, others) == touched


def test_a_server_that_is_away_is_an_error_with_terraforms_words(fleet: Fleet) -> None:
    looked = fleet.looker.look(fleet.teams, environment={"KEYCLOAK_PASSWORD": "another one"})
    assert looked.findings == () and [each.team for each in looked.unseen] == ["", "platform"]
    assert all("failed to sign in to Keycloak" in each.what for each in looked.unseen), looked.unseen
    nowhere = {fleet.one.name: fleet.one.variables(url="http://127.0.0.1:9")}
    looked = fleet.looker.look(nowhere, platform=False)
    assert looked.findings == () and ["connection refused" in each.what for each in looked.unseen] == [True]
