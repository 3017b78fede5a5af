"""Layer sso on a real Keycloak, in a realm that the real stacks made: what is changed by hand is found, in one look, and taken
back; a look by an identity that can only read finds the same."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from fleet import inventory
from fleet.cli.common import desired
from fleet.desired import naming
from fleet.diff import PLATFORM
from fleet.drift import sso
from fleet.drift.finding import Finding, Looked
from fleet.drift.mend import Administer, Reapply
from fleet.drift.scene import Scene
from fleet.drift.sso import kinds
from fleet.drivers import world
from fleet.drivers.keycloak import Realm
from fleet.drivers.kubernetes import Cluster, core
from fleet.model import Platform
from fleet.observe import Observed, ObservedInstance
from fleet.record import Record
from fleet.sandbox import layout
from tests.support import crowd
from tests.support.api_server import running
from tests.support.keycloak import Keycloak
from tests.support.sandbox import Sandbox
from tests.support.terraform import SOURCES, Team, World

CHECKOUT = Path(__file__).resolve().parents[2]
AT = "2026-01-01T00:00:00+00:00"
PORTAL = {"client_id": naming.PORTAL, "base_url": "https://portal.example.com"}
READER = "reader"
# Those of the scheduled job.
READER_ROLES = re.findall(r'"((?:query|view)-[a-z-]+)"', (SOURCES / "modules" / "drift" / "variables.tf").read_text())


class ReadBy(world.World):
    """The world, with a realm that is seen by whoever is given, and remembered for what it was asked."""

    realms: list[Realm]
    secret = ""

    async def realm(self) -> Realm:
        name = self.platform.sso.realm
        if self.secret:
            found = await (await self.keycloak()).realm_of_client(name, READER, self.secret)
        else:
            found = await super().realm()
        self.realms = [found]
        return found


@dataclass
class Fleet:
    """The realm, its teams, and the records that say how they were applied."""

    world: World
    teams: dict[str, Team]
    wishes: dict[str, dict[str, Any]]
    portal_secret: str
    reader: str
    keycloak: Keycloak
    cluster: Cluster
    scene: Scene = field(init=False)

    @property
    def settings(self) -> dict[str, Any]:
        groups = ["owners", "spare"]
        return {
            "url": self.world.keycloak.url,
            "realm": self.world.realm,
            "groups": groups,
            "deletion_protection": False,
        }

    def apply_platform(self) -> None:
        secret = {"TF_VAR_portal_client_secret": self.portal_secret}
        variables = [f"-var=sso={json.dumps(self.settings)}", f"-var=portal={json.dumps(PORTAL)}"]
        self.world.call("platform", "apply", "-input=false", "-auto-approve", *variables, extra=secret)

    def apply(self, short: str) -> None:
        self.teams[short].apply(**self.wishes[short])

    def look(self, *short: str, secret: str = "") -> tuple[list[Finding], list[str]]:
        """What one look finds, and what it asks Keycloak."""
        names = frozenset(self.teams[each].name for each in short or self.teams)
        seen = self.door(self.scene.inventory.platform)
        seen.secret = secret
        found: Looked = asyncio.run(sso.look(replace(self.scene, world=seen, teams=names, platform=not short)))
        assert not found.unseen
        return list(found.findings), seen.realms[0].asked

    def door(self, platform: Platform) -> ReadBy:
        found = ReadBy(platform)
        found._cluster = self.cluster
        return found

    # What an administrator does by hand.

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.keycloak.call(method, f"/{self.world.realm}{path}", body)

    def client(self, short: str) -> dict[str, Any]:
        client_id = short if short == naming.PORTAL else f"airflow-{self.teams[short].name}"
        (found,) = self.call("GET", f"/clients?clientId={client_id}")
        return dict(found)

    def edit(self, short: str, **changes: Any) -> None:
        found = self.client(short)
        attributes = {**found["attributes"], **changes.pop("attributes", {})}
        self.call("PUT", f"/clients/{found['id']}", {**found, **changes, "attributes": attributes})

    def give_secret(self, short: str) -> None:
        self.edit(short, secret=self.teams[short].secrets["sso_client_secret"])

    def role(self, short: str, name: str) -> dict[str, Any]:
        return dict(self.call("GET", f"/clients/{self.client(short)['id']}/roles/{name}"))

    def group(self, path: str) -> str:
        return str(self.call("GET", f"/group-by-path{path}")["id"])

    def user(self, name: str) -> str:
        (found,) = self.call("GET", f"/users?username={name}&exact=true")
        return str(found["id"])

    def scope(self, name: str) -> dict[str, Any]:
        return next(each for each in self.call("GET", "/client-scopes") if each["name"] == name)

    def map(self, method: str, holder: str, short: str, role: str) -> None:
        where = f"{holder}/role-mappings/clients/{self.client(short)['id']}"
        self.call(method, where, [self.role(short, role)])

    def at(self, short: str, name: str = "") -> str:
        """Path of one of the teams' groups."""
        return f"/{self.teams[short].name}{f'/{name}' if name else ''}"


@pytest.fixture(scope="module")
def fleet(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    place = World(sandbox, tmp_path_factory.mktemp("world"), uuid4().hex[:6])
    with ExitStack() as stack:
        stack.callback(place.end)
        server = stack.enter_context(running())
        place.begin()
        with crowd.connected(server) as cluster:
            signed = Keycloak(layout.current().keycloak_behind, *list(vars(sandbox.keycloak).values())[1:])
            made = Fleet(place, {}, {}, uuid4().hex, uuid4().hex, signed, cluster)
        made.apply_platform()
        for name in ("alice", "bob", "mallory"):
            signed.add_user(place.realm, name, uuid4().hex)
        made.call("POST", "/groups", {"name": "strangers"})
        made.wishes = {
            "one": {}, "two": {"groups": {}, "users": {"viewer": ["bob"]}, "dag_roles": ["dags-pay"]},
            "kc": {"groups": {}, "users": {}, "manager": "keycloak"}, "gone": {"groups": {}, "users": {}},
        }  # fmt: skip
        made.teams = {short: place.team(short) for short in made.wishes}
        with ThreadPoolExecutor() as pool:
            list(pool.map(made.apply, made.teams))
        made.call("PUT", "", {"adminEventsEnabled": True, "adminEventsDetailsEnabled": True})
        _reader(made)
        made.scene = _scene(made, tmp_path_factory.mktemp("inventory") / "tenants.yaml")
        asyncio.run(_keys(made))
        yield made


def _reader(fleet: Fleet) -> None:
    """An identity that can only read."""
    body = {"clientId": READER, "secret": fleet.reader, "serviceAccountsEnabled": True, "standardFlowEnabled": False}
    fleet.call("POST", "/clients", {**body, "publicClient": False})
    (reader,), (management,) = (fleet.call("GET", f"/clients?clientId={name}") for name in (READER, "realm-management"))
    account = fleet.call("GET", f"/clients/{reader['id']}/service-account-user")["id"]
    roles = fleet.call("GET", f"/clients/{management['id']}/roles")
    chosen = [role for role in roles if role["name"] in READER_ROLES]
    assert len(chosen) == len(READER_ROLES)
    fleet.call("POST", f"/users/{account}/role-mappings/clients/{management['id']}", chosen)


def _scene(fleet: Fleet, path: Path) -> Scene:
    data = yaml.safe_load((CHECKOUT / "tenants.yaml").read_text())
    data["platform"]["sso"]["realm"] = fleet.world.realm
    data["teams"] = {team.name: {"owner": "x@example.com"} for team in fleet.teams.values()}
    path.write_text(json.dumps(data))
    document = inventory.load(path)
    platform = Record(PLATFORM).with_part(PLATFORM, {"variables": {"sso": fleet.settings, "portal": PORTAL}}, AT)
    observed = {
        team.name: ObservedInstance(
            team.name,
            Record(team.name).with_part("terraform", {"variables": team.variables(**fleet.wishes[short])}, AT),
        )
        for short, team in fleet.teams.items()
    }
    wanted = desired(document)
    door = fleet.door(document.inventory.platform)
    return Scene(document.inventory, wanted, Observed(platform, observed), door, frozenset(wanted.instances))


async def _keys(fleet: Fleet) -> None:
    """The Secrets that fleet has made: the administrators', the teams', the portal's."""
    cluster, system = fleet.cluster, naming.SYSTEM_NAMESPACE
    await cluster.create(core("namespaces"), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": system}})
    kept = {naming.PLATFORM_SECRET: fleet.world.sandbox.platform, naming.PORTAL: {"client-secret": fleet.portal_secret}}
    kept |= {
        naming.keys_secret(team.name): {"sso-client-secret": team.secrets["sso_client_secret"]}
        for team in fleet.teams.values()
    }
    for name, data in kept.items():
        manifest = crowd._secret(name, "x")
        await cluster.create(core("secrets", system), {**manifest, "stringData": data})


def _shape(findings: list[Finding], fleet: Fleet) -> set[tuple[str, str, str]]:
    """Team, kind and field of each, with the world's own mark left out."""
    mark = f"test-{fleet.world.mark}-"
    return {tuple(part.replace(mark, "") for part in (each.team, each.kind.name, each.field)) for each in findings}  # type: ignore[misc]


Act = Callable[[Fleet], Any]


def _flow(fleet: Fleet, alias: str) -> str:
    return str(next(each["id"] for each in fleet.call("GET", "/authentication/flows") if each["alias"] == alias))


def _drop_mapper(fleet: Fleet) -> None:
    client = fleet.client("two")
    (mapper,) = client["protocolMappers"]
    fleet.call("DELETE", f"/clients/{client['id']}/protocol-mappers/models/{mapper['id']}")


def _turn_mapper(fleet: Fleet, root: str, mapper: dict[str, Any]) -> None:
    mapper["config"]["access.token.claim"] = "true"
    fleet.call("PUT", f"{root}/protocol-mappers/models/{mapper['id']}", mapper)


def _turn_clients_mapper(fleet: Fleet) -> None:
    client = fleet.client("one")
    _turn_mapper(fleet, f"/clients/{client['id']}", client["protocolMappers"][0])


def _turn_scopes_mapper(fleet: Fleet) -> None:
    scope = fleet.scope("airflow-roles")
    _turn_mapper(fleet, f"/client-scopes/{scope['id']}", scope["protocolMappers"][0])


def _hard_coded(fleet: Fleet, root: str) -> None:
    body = {"name": "evil", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-role-mapper"}
    fleet.call("POST", f"{root}/protocol-mappers/models", {**body, "config": {"role": "airflow-x.admin"}})


def _broker(fleet: Fleet) -> None:
    config = dict.fromkeys(("authorizationUrl", "tokenUrl"), "https://idp.example.com/")
    fleet.call("POST", "/identity-provider/instances", {
        "alias": "corp", "providerId": "oidc", "enabled": True,
        "config": {**config, "clientId": "x", "clientSecret": "y", "clientAuthMethod": "client_secret_post"},
    })  # fmt: skip
    fleet.call("POST", "/identity-provider/instances/corp/mappers", {
        "name": "gift", "identityProviderAlias": "corp", "identityProviderMapper": "oidc-hardcoded-role-idp-mapper",
        "config": {"role": f"airflow-{fleet.teams['one'].name}.viewer", "syncMode": "INHERIT"},
    })  # fmt: skip


# What is changed by hand, and what is told of it: team, kind, field.
CHANGES: list[tuple[Act, tuple[str, Any, str]]] = [
    (lambda f: f.edit("two", enabled=False), ("two", kinds.CLIENT_OFF, "enabled")),
    (lambda f: f.edit("kc", standardFlowEnabled=False), ("kc", kinds.CLIENT_OFF, "standardFlowEnabled")),
    (lambda f: f.edit("one", redirectUris=["*"]), ("one", kinds.REDIRECT_OPEN, "redirectUris")),
    (
        lambda f: f.edit("one", attributes={"post.logout.redirect.uris": "https://evil.example.com/*"}),
        ("one", kinds.REDIRECT_OPEN, "post.logout.redirect.uris"),
    ),
    (lambda f: f.edit("one", webOrigins=["*"]), ("one", kinds.REDIRECT_OPEN, "webOrigins")),
    (
        lambda f: f.edit("two", attributes={"post.logout.redirect.uris": "-"}),
        ("two", kinds.REDIRECT_LOST, "post.logout.redirect.uris"),
    ),
    (lambda f: f.edit("one", baseUrl="https://evil.example.com/"), ("one", kinds.CLIENT_SETTING, "baseUrl")),
    (lambda f: f.edit("two", publicClient=True), ("two", kinds.CLIENT_OPEN, "publicClient")),
    (lambda f: f.edit("one", directAccessGrantsEnabled=True), ("one", kinds.CLIENT_OPEN, "directAccessGrantsEnabled")),
    (lambda f: f.edit("one", implicitFlowEnabled=True), ("one", kinds.CLIENT_OPEN, "implicitFlowEnabled")),
    (lambda f: f.edit("one", serviceAccountsEnabled=True), ("one", kinds.CLIENT_OPEN, "serviceAccountsEnabled")),
    (lambda f: f.edit("one", fullScopeAllowed=True), ("one", kinds.FULL_SCOPE, "fullScopeAllowed")),
    (
        lambda f: f.edit("one", attributes={"pkce.code.challenge.method": ""}),
        ("one", kinds.CLIENT_SETTING, "pkce.code.challenge.method"),
    ),
    (lambda f: f.edit("one", consentRequired=True), ("one", kinds.CLIENT_SETTING, "consentRequired")),
    (
        lambda f: f.edit("kc", authenticationFlowBindingOverrides={"browser": ""}),
        ("kc", kinds.FLOW, "authenticationFlowBindingOverrides"),
    ),
    (
        lambda f: f.edit("one", authenticationFlowBindingOverrides={"browser": _flow(f, "browser")}),
        ("one", kinds.FLOW, "authenticationFlowBindingOverrides"),
    ),
    (lambda f: f.call("POST", f"/clients/{f.client('gone')['id']}/client-secret"), ("gone", kinds.CLIENT_SECRET, "secret")),
    (lambda f: f.call("DELETE", f"/clients/{f.client('two')['id']}/roles/user"), ("two", kinds.ROLE_GONE, "roles.user")),
    (
        lambda f: f.call("POST", f"/clients/{f.client('one')['id']}/roles", {"name": "boss"}),
        ("one", kinds.ROLE_FOREIGN, "roles.boss"),
    ),
    (
        lambda f: f.call("POST", f"/roles-by-id/{f.role('one', 'viewer')['id']}/composites", [f.role("two", "admin")]),
        ("one", kinds.ROLE_CONTAINS, "contains.airflow-two.admin"),
    ),
    (_drop_mapper, ("two", kinds.MAPPER_GONE, "protocolMappers.roles")),
    (_turn_clients_mapper, ("one", kinds.MAPPER_CHANGED, "protocolMappers.roles.access.token.claim")),
    (lambda f: _hard_coded(f, f"/clients/{f.client('one')['id']}"), ("one", kinds.MAPPER_FOREIGN, "protocolMappers.evil")),
    (
        lambda f: f.call("PUT", f"/clients/{f.client('one')['id']}/default-client-scopes/{f.scope('airflow-roles')['id']}"),
        ("one", kinds.SCOPE_FOREIGN, "defaultClientScopes.airflow-roles"),
    ),
    (
        lambda f: f.call("DELETE", f"/clients/{f.client('one')['id']}/default-client-scopes/{f.scope('basic')['id']}"),
        ("one", kinds.SCOPE_GONE, "defaultClientScopes.basic"),
    ),
    (
        lambda f: f.call(
            "DELETE", f"/client-scopes/{f.scope('airflow-roles')['id']}/scope-mappings/clients/{f.client('kc')['id']}",
            [f.role("kc", "viewer")],
        ),
        ("kc", kinds.SCOPE_ROLE_GONE, "airflow-kc.viewer"),
    ),
    (
        lambda f: f.call(
            "POST", f"/client-scopes/{f.scope('airflow-roles')['id']}/scope-mappings/realm",
            [f.call("GET", "/roles/offline_access")],
        ),
        (PLATFORM, kinds.SCOPE_ROLE_FOREIGN, "offline_access"),
    ),
    (
        lambda f: f.call(
            "POST", f"/clients/{f.client('one')['id']}/scope-mappings/clients/{f.client('two')['id']}", [f.role("two", "op")]
        ),
        ("one", kinds.SCOPE_ROLE_FOREIGN, "scope.airflow-two.op"),
    ),
    (
        lambda f: _hard_coded(f, f"/client-scopes/{f.scope('profile')['id']}"),
        (PLATFORM, kinds.MAPPER_FOREIGN, "protocolMappers.evil"),
    ),
    (_turn_scopes_mapper, (PLATFORM, kinds.MAPPER_CHANGED, "protocolMappers.airflow-roles.access.token.claim")),
    (lambda f: f.call("DELETE", f"/groups/{f.group(f.at('two', 'viewer'))}"), ("two", kinds.GROUP_GONE, "")),
    (
        lambda f: f.map("DELETE", f"/groups/{f.group(f.at('one', 'op'))}", "one", "op"),
        ("one", kinds.GROUP_ROLE_GONE, "airflow-one.op"),
    ),
    (
        lambda f: f.map("DELETE", f"/groups/{f.group('/owners')}", "one", "admin"),
        ("one", kinds.GROUP_ROLE_GONE, "airflow-one.admin"),
    ),
    (
        lambda f: f.map("POST", f"/groups/{f.group(f.at('two', 'admin'))}", "one", "admin"),
        ("one", kinds.GROUP_ROLE_OTHER, "airflow-one.admin"),
    ),
    (
        lambda f: f.map("POST", f"/groups/{f.group('/strangers')}", "one", "viewer"),
        ("one", kinds.GROUP_ROLE_BY_HAND, "airflow-one.viewer"),
    ),
    (lambda f: f.call("DELETE", f"/groups/{f.group('/spare')}"), (PLATFORM, kinds.GROUP_GONE, "")),
    (
        lambda f: f.map("POST", f"/users/{f.user('mallory')}", "kc", "admin"),
        ("kc", kinds.USER_ROLE_BY_HAND, "airflow-kc.admin"),
    ),
    (lambda f: f.map("DELETE", f"/users/{f.user('alice')}", "one", "op"), ("one", kinds.USER_ROLE_GONE, "airflow-one.op")),
    (lambda f: f.keycloak.remove_user(f.world.realm, "bob"), ("two", kinds.MEMBER_GONE, "")),
    (lambda f: f.call("PUT", "", {"bruteForceProtected": False}), (PLATFORM, kinds.REALM_OPEN, "bruteForceProtected")),
    (lambda f: f.call("PUT", "", {"sslRequired": "none"}), (PLATFORM, kinds.REALM_OPEN, "sslRequired")),
    (lambda f: f.call("PUT", "", {"registrationAllowed": True}), (PLATFORM, kinds.REALM_OPEN, "registrationAllowed")),
    (lambda f: f.call("PUT", "", {"passwordPolicy": "length(4)"}), (PLATFORM, kinds.REALM_SETTING, "passwordPolicy")),
    (lambda f: f.call("PUT", "", {"accessTokenLifespan": 7200}), (PLATFORM, kinds.REALM_SETTING, "accessTokenLifespan")),
    (lambda f: f.call("PUT", "", {"ssoSessionMaxLifespan": 864000}), (PLATFORM, kinds.REALM_SETTING, "ssoSessionMaxLifespan")),
    (lambda f: f.call("PUT", "", {"rememberMe": True}), (PLATFORM, kinds.REALM_SETTING, "rememberMe")),
    (lambda f: f.call("PUT", "", {"eventsListeners": []}), (PLATFORM, kinds.REALM_EVENTS, "eventsListeners")),
    (lambda f: f.call("POST", "/roles", {"name": "admin"}), (PLATFORM, kinds.REALM_ROLE, "")),
    (
        lambda f: f.call("POST", f"/roles/default-roles-{f.world.realm}/composites", [f.role("one", "viewer")]),
        (PLATFORM, kinds.REALM_ROLE_CONTAINS, "contains.airflow-one.viewer"),
    ),
    (
        lambda f: f.call("PUT", f"/default-groups/{f.group(f.at('one', 'viewer'))}"),
        (PLATFORM, kinds.DEFAULT_GROUP, "default"),
    ),
    (_broker, ("one", kinds.BROKER_ROLE, "mappers.gift")),
    (
        lambda f: f.edit(naming.PORTAL, redirectUris=["https://portal.example.com/*"]),
        (PLATFORM, kinds.REDIRECT_OPEN, "redirectUris"),
    ),
]  # fmt: skip


def test_nothing_is_found_before_anything_was_changed(fleet: Fleet) -> None:
    found, asked = fleet.look()
    assert found == []
    assert {each.split()[0] for each in asked} == {"GET"}


def test_a_token_that_ran_out_is_renewed_once_for_all(fleet: Fleet) -> None:
    async def ask() -> list[Any]:
        realm, signed_in = await fleet.scene.world.realm(), []
        again = realm.sign_in

        async def sign_in() -> str:
            signed_in.append(1)
            return await again()

        realm.sign_in, realm.token = sign_in, "of yesterday"
        assert all(await asyncio.gather(*(realm.get("/roles") for _ in range(20))))
        return signed_in

    assert asyncio.run(ask()) == [1]


def test_requests_do_not_grow_but_for_what_keycloak_tells_client_by_client(fleet: Fleet) -> None:
    """A list of roles, one of what is let through, and the holders of each role: that many per client, and no more."""
    one, four = (fleet.look(*short)[1] for short in (("gone",), ("one", "two", "kc", "gone")))
    alone = [each for each in four if not each.startswith("GET /clients/")]
    assert len(alone) == len([each for each in one if not each.startswith("GET /clients/")]) <= 8
    roles = {"one": 4, "two": 5, "kc": 5, "gone": 4}  # dags-pay; uma_protection
    assert len(one) - len(alone) == 2 + roles["gone"]
    assert len(four) - len(alone) == sum(2 + count for count in roles.values())


def test_every_change_is_found_in_one_look_and_taken_back(fleet: Fleet) -> None:
    expected = set()
    for act, (team, kind, field_) in CHANGES:
        act(fleet)
        expected.add((team, kind.name, field_))
    found, _ = fleet.look()
    assert _shape(found, fleet) == expected
    assert len(found) == len(CHANGES) >= 25
    assert {each.kind for each in found if each.mend is None} == {
        kinds.ROLE_FOREIGN, kinds.MEMBER_GONE, kinds.REALM_ROLE
    }  # fmt: skip
    assert not any(secret in repr(found) for team in fleet.teams.values() for secret in team.secrets.values())
    _told_who_and_when(found)

    found_by_reader, _ = fleet.look(secret=fleet.reader)
    assert found_by_reader == found

    # What a person does; then what `--heal` does.
    fleet.give_secret("gone")
    fleet.call("DELETE", f"/clients/{fleet.client('one')['id']}/roles/boss")
    fleet.call("DELETE", "/roles/admin")
    fleet.keycloak.add_user(fleet.world.realm, "bob", uuid4().hex)
    _heal(fleet, found)
    # Keycloak throws the secret of a client away that is made public, and Terraform sends it but once.
    assert _shape(fleet.look()[0], fleet) == {("two", kinds.CLIENT_SECRET.name, "secret")}
    fleet.give_secret("two")
    assert fleet.look()[0] == []


def _told_who_and_when(found: list[Finding]) -> None:
    told = {each.kind for each in found if each.who and each.when}
    assert {kinds.FULL_SCOPE, kinds.MAPPER_FOREIGN, kinds.GROUP_ROLE_OTHER, kinds.USER_ROLE_BY_HAND} <= told


def _heal(fleet: Fleet, found: list[Finding]) -> None:
    """As `fleet drift --heal` does: each part once, and each change asked of Keycloak."""
    parts = {(each.team, each.mend) for each in found if isinstance(each.mend, Reapply)}
    if any(team == PLATFORM for team, _ in parts):
        fleet.apply_platform()
    with ThreadPoolExecutor() as pool:
        list(
            pool.map(
                fleet.apply,
                [short for short, team in fleet.teams.items() if (team.name, Reapply("terraform")) in parts],
            )
        )

    async def ask() -> None:
        realm = await fleet.scene.world.realm()
        for each in found:
            if isinstance(each.mend, Administer):
                await realm.change(each.mend.method, each.mend.path, each.mend.body)

    asyncio.run(ask())


def test_a_client_that_is_gone_is_told_once(fleet: Fleet) -> None:
    fleet.call("DELETE", f"/clients/{fleet.client('gone')['id']}")
    found, _ = fleet.look()
    assert _shape(found, fleet) == {("gone", kinds.CLIENT_GONE.name, "")}
    assert f"{'module.sso.keycloak_openid_client.this'}|*" in found[0].twins
    _heal(fleet, found)
    assert fleet.look()[0] == []


def test_a_realm_that_is_not_there_is_told(fleet: Fleet) -> None:
    record, known = fleet.scene.observed.platform, fleet.scene.inventory
    assert record is not None
    elsewhere = {"variables": {"sso": {**fleet.settings, "realm": "test-nowhere"}, "portal": None}}
    platform = known.platform.model_copy(
        update={"sso": known.platform.sso.model_copy(update={"realm": "test-nowhere"})}
    )
    scene = replace(
        fleet.scene, inventory=known.model_copy(update={"platform": platform}), world=fleet.door(platform),
        observed=replace(fleet.scene.observed, platform=record.with_part(PLATFORM, elsewhere, AT)),
    )  # fmt: skip
    assert [each.kind for each in asyncio.run(sso.look(scene)).findings] == [kinds.REALM_GONE]
