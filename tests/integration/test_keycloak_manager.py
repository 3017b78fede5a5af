"""Signing in to a real Airflow whose auth manager is Keycloak's, as the stack `team` made its client: who gets in, what they
may do, what ends with leaving. And the way there and back for an instance that has FAB.

Needs root (Airflow runs in its image's tree, in a chroot).
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode, urljoin
from uuid import uuid4

import pytest

from fleet import inventory
from fleet.desired import Contents, build, signon
from fleet.drivers.openid import Administrator, Realm
from fleet.sandbox import layout
from fleet.verify import people, scene, sign_on
from fleet.verify.codes import Codes
from fleet.verify.matrix import Cell
from tests.support import airflow_server
from tests.support.airflow_settings import JWT_SECRET, environment, resolved, write_inventory
from tests.support.sandbox import Sandbox
from tests.support.terraform import Team, World
from tests.support.visitor import Page, Visitor

VERSION = "3.3.2"  # the inventory refuses the manager for others
PEOPLE = {"alice": "admin", "carol": "viewer", "dora": "op", "erin": "user", "frank": "viewer", "mallory": ""}
CONNECTIONS, VARIABLES, DAGS = "/api/v2/connections", "/api/v2/variables", "/api/v2/dags"
RUN = f"{DAGS}/no-such-dag/dagRuns"
COOKIES = ("_token", "_access_token", "_refresh_token", "_id_token")
ENTRY = "{owner: team@example.com, sso: {manager: keycloak}}"


@dataclass(frozen=True)
class Place:
    """A realm with people in it, one instance, and its Airflow."""

    world: World
    team: Team
    base: str
    passwords: dict[str, str]

    def sign_in(self, name: str) -> Visitor:
        visitor = Visitor(self.base)
        page = self.come(visitor, name)
        assert page.url == f"{self.base}/", page.text
        return visitor

    def come(self, visitor: Visitor, name: str) -> Page:
        """Ask for the first page, be led to Keycloak, answer its form: where that ends."""
        return visitor.fill(visitor.get("/"), name, self.passwords[name])

    def move(self, name: str, role: str, into: bool) -> None:
        self.world.keycloak.move(self.world.realm, name, f"/{self.team.name}/{role}", into)

    def send(self, visitor: Visitor, path: str, body: dict[str, object]) -> int:
        """The status that Airflow answers a POST of JSON with."""
        cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in visitor.cookies().items())
        headers = {"Content-Type": "application/json", "Cookie": cookies}
        request = urllib.request.Request(self.base + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture(scope="module")
def place(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    world = World(sandbox, tmp_path_factory.mktemp("world"), uuid4().hex[:6])
    base = f"http://127.0.0.1:{airflow_server.free_port()}"
    passwords = {name: uuid4().hex for name in PEOPLE}
    folder = tmp_path_factory.mktemp("airflow")
    try:
        world.begin()
        world.apply_platform(revoke_refresh_token=False)  # as fleet.desired.stacks has it beside this manager
        team = world.team("one")
        team.apply(base_url=base, manager="keycloak", groups={}, users={})
        for name, role in PEOPLE.items():
            world.keycloak.add_user(world.realm, name, passwords[name], *([f"/{team.name}/{role}"] if role else []))
        settings = _settings(folder, team, base)
        with airflow_server.running(folder, VERSION, int(base.rpartition(":")[2]), settings, ""):
            yield Place(world, team, base, passwords)
    finally:
        world.end()


def _settings(folder: Path, team: Team, base: str) -> dict[str, str]:
    """What fleet makes for the instance, as environment variables."""
    path = write_inventory(folder / "tenants.yaml", team, ENTRY)
    return environment(*resolved(path, team.name)) | {
        "AIRFLOW__API__BASE_URL": f"{base}/",
        "AIRFLOW__API_AUTH__JWT_SECRET": JWT_SECRET,
        signon.SECRET_VARIABLE["keycloak"]: team.secrets["sso_client_secret"],
    }


def test_each_role_may_do_what_it_says_and_no_more(place: Place) -> None:
    def may(name: str) -> list[int]:
        visitor = place.sign_in(name)
        read = [
            visitor.get(path, headers={"Accept": "application/json"}).status for path in (DAGS, CONNECTIONS, VARIABLES)
        ]
        variable = place.send(visitor, VARIABLES, {"key": f"of-{name}", "value": "1"})
        return [*read, place.send(visitor, RUN, {"logical_date": None}), variable]

    # Who may trigger is told that there is no such DAG.
    assert {name: may(name) for name in ("alice", "dora", "erin", "carol")} == {
        "alice": [200, 200, 200, 404, 201],
        "dora": [200, 200, 200, 404, 201],
        "erin": [200, 403, 403, 404, 403],
        "carol": [200, 403, 403, 403, 403],
    }


def test_the_menu_is_the_roles_and_keycloak_knows_every_entry(place: Place) -> None:
    def menu(name: str) -> set[str]:
        page = place.sign_in(name).get("/ui/auth/menus", headers={"Accept": "application/json"})
        assert page.status == 200, page.text
        return set(json.loads(page.text)["authorized_menu_items"])

    all_of_it, viewers = menu("alice"), menu("carol")
    assert {"Connections", "Audit Log", "Dags"} <= all_of_it
    assert "Dags" in viewers and not {"Connections", "Variables", "Config", "Audit Log"} & viewers


def test_a_person_without_a_role_is_refused_by_keycloak_and_gets_nothing_of_airflow(place: Place) -> None:
    mallory = Visitor(place.base)
    page = place.come(mallory, "mallory")
    assert f"You have no role at {place.team.name}" in page.text and page.url.startswith(place.world.keycloak.url)
    assert not set(COOKIES) & set(mallory.cookies())
    for path in ("/ui/auth/me", "/ui/config", "/ui/auth/menus", "/api/v2/version", DAGS, CONNECTIONS, "/openapi.json"):
        assert mallory.get(path, headers={"Accept": "application/json"}).status == 401, path


def test_nor_does_a_session_had_at_another_client_help_them(place: Place) -> None:
    keycloak, realm = place.world.keycloak, place.world.realm
    other = {"clientId": "other", "publicClient": True, "redirectUris": ["http://127.0.0.1:1/"]}
    keycloak.call("POST", f"/{realm}/clients", other)
    query = {"client_id": "other", "redirect_uri": "http://127.0.0.1:1/", "response_type": "code", "scope": "openid"}
    mallory = Visitor(place.base)
    page = mallory.get(f"{keycloak.url}/realms/{realm}/protocol/openid-connect/auth?{urlencode(query)}")
    with pytest.raises(urllib.error.URLError):  # signed in: the code goes where nobody listens
        mallory.fill(page, "mallory", place.passwords["mallory"])
    assert "You have no role at" in mallory.get("/").text
    assert mallory.me().status == 401


@pytest.mark.parametrize("way_out", ["/api/v2/auth/logout", "/auth/logout"])
def test_who_left_has_left(place: Place, way_out: str) -> None:
    alice = place.sign_in("alice")
    thief = alice.with_cookies(*COOKIES)
    assert thief.me().status == 200
    page = alice.get(way_out)
    assert "/protocol/openid-connect/auth" in page.url and "<form" in page.text  # Keycloak asks for the password again
    assert "_token" not in alice.cookies()
    assert thief.me().status == 401
    assert thief.get(DAGS, headers={"Accept": "application/json"}).status == 401


def test_what_keycloak_gives_and_takes_counts_at_once(place: Place) -> None:
    frank = place.sign_in("frank")
    assert frank.get(CONNECTIONS).status == 403
    place.move("frank", "op", into=True)
    assert frank.get(CONNECTIONS).status == 200
    place.move("frank", "op", into=False)
    assert frank.get(CONNECTIONS).status == 403
    place.move("frank", "viewer", into=False)
    assert frank.get(DAGS).status == 403
    place.move("frank", "viewer", into=True)


def test_a_page_whose_token_ran_out_may_ask_for_many_things_at_once(place: Place) -> None:
    alice = _signed_in_long_ago(place, "alice")
    windows = [alice.with_cookies(*COOKIES) for _ in range(8)]
    with ThreadPoolExecutor(len(windows)) as pool:
        assert list(pool.map(lambda window: window.get(DAGS).status, windows)) == [200] * len(windows)


def _signed_in_long_ago(place: Place, name: str) -> Visitor:
    """Somebody whose token has run out; the next one lives as long as others do, however slow the machine."""
    keycloak, realm = place.world.keycloak, place.world.realm
    keycloak.call("PUT", f"/{realm}", {"accessTokenLifespan": 3})
    try:
        visitor = place.sign_in(name)
        time.sleep(4)
    finally:
        keycloak.call("PUT", f"/{realm}", {"accessTokenLifespan": 300})
    return visitor


def test_an_earlier_copy_is_worth_nothing_once_its_owner_has_left(place: Place) -> None:
    alice = _signed_in_long_ago(place, "alice")
    thief = alice.with_cookies(*COOKIES)
    before = alice.cookies()["_token"].value
    assert alice.get(DAGS).status == 200 and alice.cookies()["_token"].value != before
    alice.get("/auth/logout")
    for path in (DAGS, VARIABLES, "/ui/auth/me"):
        assert thief.get(path, headers={"Accept": "application/json"}).status == 401, path
    assert "/protocol/openid-connect/auth" in thief.get("/").url  # no error, but the way to sign in


def test_a_companys_person_without_a_role_gets_nothing_either(place: Place) -> None:
    """Keycloak does not ask them for a role; the gate does."""
    keycloak, realm = place.world.keycloak, place.world.realm
    away = f"{realm}-company"
    at, behind = f"{keycloak.url}/realms/{away}/protocol/openid-connect", layout.current().keycloak_behind
    keycloak.call("POST", "", {"realm": away, "enabled": True, "sslRequired": "none"})
    try:
        back = f"{keycloak.url}/realms/{realm}/broker/company/endpoint"
        client = {"clientId": "fleet", "secret": "secret-of-the-broker", "publicClient": False, "redirectUris": [back]}
        keycloak.call("POST", f"/{away}/clients", client)
        keycloak.add_user(away, "grace", "password-of-grace")
        keycloak.call("POST", f"/{realm}/identity-provider/instances", {
            "alias": "company", "providerId": "oidc", "enabled": True, "trustEmail": True,
            "config": {
                "authorizationUrl": f"{at}/auth", "issuer": f"{keycloak.url}/realms/{away}",
                "tokenUrl": f"{behind}/realms/{away}/protocol/openid-connect/token",
                "jwksUrl": f"{behind}/realms/{away}/protocol/openid-connect/certs",
                "clientId": "fleet", "clientSecret": "secret-of-the-broker", "clientAuthMethod": "client_secret_post",
                "defaultScope": "openid profile email", "validateSignature": "true", "useJwksUrl": "true",
            },
        })  # fmt: skip
        grace = Visitor(place.base)
        page = grace.get("/")
        (link,) = set(re.findall(r'href="([^"]*/broker/company/login[^"]*)"', page.text))
        page = grace.fill(grace.get(urljoin(page.url, html.unescape(link))), "grace", "password-of-grace")
        assert (
            "You have no role at" in page.text
        )  # Airflow sent them back, and now Keycloak knows them by their session
        for path in ("/ui/auth/me", "/ui/config", DAGS):
            assert grace.get(path, headers={"Accept": "application/json"}).status == 401, path
    finally:
        keycloak.call("DELETE", f"/{realm}/identity-provider/instances/company")
        keycloak.call("DELETE", f"/{away}")


def test_no_program_gets_in(place: Place) -> None:
    keycloak, realm = place.world.keycloak, place.world.realm
    client = {
        "clientId": "nightly",
        "secret": "secret-of-nightly",
        "publicClient": False,
        "serviceAccountsEnabled": True,
    }
    keycloak.call("POST", f"/{realm}/clients", client)

    def token(client_id: str, secret: str) -> tuple[int, str]:
        body = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        request = urllib.request.Request(
            f"{place.base}/auth/token", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)["access_token"]
        except urllib.error.HTTPError as error:
            return error.code, ""

    assert token("nightly", "secret-of-nightly") == (403, "")
    status, own = token(f"airflow-{place.team.name}", place.team.secrets["sso_client_secret"])
    assert status == 201  # as stock Airflow has it; but that account has no role
    headers = {"Authorization": f"Bearer {own}", "Accept": "application/json"}
    assert Visitor(place.base).get(DAGS, headers=headers).status == 401


def test_verify_finds_no_hole_at_keycloak(place: Place, tmp_path: Path) -> None:
    keycloak, secret = place.world.keycloak, place.team.secrets["sso_client_secret"]
    path = write_inventory(tmp_path / "tenants.yaml", place.team, ENTRY)
    wanted = build(inventory.load(path).inventory, Contents("p", "t", "g", "a", "c")).instances[place.team.name]
    team = scene.Team(replace(wanted, url=place.base), "KubernetesExecutor", {}, None, None, (), ())
    realm = Realm(keycloak.url, place.world.realm, layout.current().front_ca.read_text())

    async def cells() -> list[Cell]:
        administrator = Administrator(realm, keycloak.username, keycloak.password)
        async with people.people(administrator, [team]) as found:
            codes = await Codes(realm, found, {team.name: secret}).attempts(team, [])
        return [*codes, *await sign_on.attempts(team, [], realm, secret), *await sign_on.judge(team, administrator)]

    verdicts = {cell.attempt: (cell.verdict, cell.how) for cell in asyncio.run(cells())}
    assert {verdict for verdict, _ in verdicts.values()} == {"refused"}, verdicts
    assert "sso-elsewhere" in verdicts and "sso-pkce" not in verdicts


def test_an_instance_changes_its_manager_and_changes_back(place: Place) -> None:
    team = place.world.team("two")
    by_fab, by_keycloak = {"groups": {}, "users": {}}, {"groups": {}, "users": {}, "manager": "keycloak"}

    def client() -> tuple[str, list[str], bool]:
        found = place.world.keycloak.client(place.world.realm, f"airflow-{team.name}")
        return found["id"], found["redirectUris"], bool(found["authenticationFlowBindingOverrides"])

    team.apply(**by_fab)
    with team.connect() as database:
        database.execute("CREATE TABLE kept (n int)")
    uuid, address, gated = client()
    assert not gated
    for _ in range(2):
        planned = team.changes(**by_keycloak)
        assert {tuple(actions) for actions in planned.values()} <= {("create",), ("update",)}
        assert not [address for address in planned if "module.database" in address]
        team.apply(**by_keycloak)
        assert team.changes(**by_keycloak) == {}
        assert client() == (uuid, [f"https://{team.name}.example.com/auth/login_callback"], True)
        team.apply(**by_fab)
        assert team.changes(**by_fab) == {}
        assert client() == (uuid, address, False)
    with team.connect() as database:
        database.execute("SELECT n FROM kept")
    team.call("destroy", "-auto-approve", **by_fab)
