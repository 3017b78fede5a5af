"""Signing in to a real Airflow by a real Keycloak, as the stack `team` made it: who gets in, as what; and leaving is leaving.

Needs root (Airflow runs in its image's tree, in a chroot). Both versions that can be run.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin
from urllib.request import build_opener
from uuid import uuid4

import pytest

from fleet.desired import airflow as desired
from fleet.sandbox import images, layout
from tests.support import airflow_server
from tests.support.airflow_settings import JWT_SECRET, environment, resolved, write_inventory
from tests.support.http import ask
from tests.support.keycloak import Keycloak, post_form
from tests.support.sandbox import FLEET, Sandbox
from tests.support.terraform import Team, World
from tests.support.visitor import Page, Visitor

PEOPLE = {"alice": "admin", "carol": "viewer", "dora": "op", "erin": "user", "mallory": ""}
CONNECTIONS = "/api/v2/connections"  # an Op may read them, a Viewer may not


@dataclass(frozen=True)
class Signon:
    """A realm with people and a program in it, one instance, and its Airflow."""

    world: World
    team: Team
    base: str
    passwords: dict[str, str]
    settings: dict[str, str]

    def sign_in(self, name: str, wanted: str = "/", password: str = "") -> Visitor:
        visitor = Visitor(self.base)
        visitor.sign_in(name, password or self.passwords[name], wanted)
        return visitor

    def move(self, name: str, role: str, into: bool = True) -> None:
        """Put a person into the instance's group of a role, or take them out of it."""
        self.world.keycloak.move(self.world.realm, name, f"/{self.team.name}/{role}", into)

    def user(self, name: str) -> dict[str, Any]:
        (found,) = self.world.keycloak.get(f"/{self.world.realm}/users?username={name}&exact=true")
        return dict(found)

    def roles(self, admin: Visitor) -> dict[str, list[str]]:
        """Airflow's accounts and their roles, as an administrator sees them."""
        text = admin.get("/auth/fab/v1/users?limit=100", headers={"Accept": "application/json"}).text
        return {user["username"]: [role["name"] for role in user["roles"]] for user in json.loads(text)["users"]}

    def token(self, client: str, secret: str) -> tuple[int, str]:
        """What Airflow answers a program that shows its client's id and secret."""
        return post_json(f"{self.base}/auth/token", {"username": client, "password": secret})

    def me(self, bearer: str) -> Page:
        return Visitor(self.base).get(
            "/ui/auth/me", headers={"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
        )


def post_json(url: str, body: dict[str, str]) -> tuple[int, str]:
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, str(json.load(answer)["access_token"])
    except urllib.error.HTTPError as error:
        return error.code, ""


@pytest.fixture(scope="module")
def realm(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Team, str]]:
    """A realm with one instance in it, made by Terraform; and the port that its Airflow is to have."""
    world = World(sandbox, tmp_path_factory.mktemp("world"), uuid4().hex[:6])
    base = f"http://127.0.0.1:{airflow_server.free_port()}"
    try:
        world.begin()
        world.apply_platform()
        add_program(world, "nightly")
        add_program(world, "stranger")
        team = world.team("one")
        team.apply(base_url=base, groups={}, users={"op": ["service-account-nightly"]})
        yield world, team, base
    finally:
        world.end()


def add_program(world: World, name: str) -> None:
    """A client with a service account, as docs/how-to/connect-your-identity-provider.md says."""
    world.keycloak.call("POST", f"/{world.realm}/clients", {
        "clientId": name, "secret": f"secret-of-{name}", "publicClient": False, "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
    })  # fmt: skip


@pytest.fixture(scope="module", params=images.airflow_versions())
def signon(
    request: pytest.FixtureRequest, realm: tuple[World, Team, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Signon]:
    world, team, base = realm
    folder = tmp_path_factory.mktemp("airflow")
    platform, instance = resolved(write_inventory(folder / "tenants.yaml", team), team.name)
    webserver_config = desired.webserver_config(platform, instance)
    settings = environment(platform, instance) | {
        "AIRFLOW__API__BASE_URL": f"{base}/",
        "AIRFLOW__FAB__COOKIE_SECURE": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": JWT_SECRET,
        "AIRFLOW_SSO_CLIENT_SECRET": team.secrets["sso_client_secret"],
    }
    passwords = {name: uuid4().hex for name in PEOPLE}
    found = Signon(world, team, base, passwords, settings)
    for name, role in PEOPLE.items():  # anew for each version
        for old in world.keycloak.get(f"/{world.realm}/users?username={name}&exact=true"):
            world.keycloak.call("DELETE", f"/{world.realm}/users/{old['id']}")
        world.keycloak.add_user(world.realm, name, passwords[name], *([f"/{team.name}/{role}"] if role else []))
    port = int(base.rpartition(":")[2])
    with airflow_server.running(folder, request.param, port, settings, webserver_config):
        yield found


def test_a_person_gets_the_role_of_the_group_they_are_in_and_the_page_they_wanted(signon: Signon) -> None:
    visitor = Visitor(signon.base)
    page = visitor.sign_in("alice", signon.passwords["alice"], "/dags?tags=a")
    assert (page.status, page.url) == (200, f"{signon.base}/dags?tags=a")
    assert json.loads(visitor.me().text)["username"] == "alice"
    signon.sign_in("carol")
    assert {name: "Admin" in roles for name, roles in signon.roles(visitor).items()} == {"alice": True, "carol": False}
    assert "Viewer" in signon.roles(visitor)["carol"]


def test_a_person_without_a_role_gets_neither_account_nor_session_and_can_come_as_somebody_else(signon: Signon) -> None:
    mallory = Visitor(signon.base)
    page = mallory.sign_in("mallory", signon.passwords["mallory"])
    assert "You have no role at" in page.text and "team@example.com" in page.text
    assert mallory.me().status == 401 and "_token" not in mallory.cookies()
    assert "mallory" not in signon.roles(signon.sign_in("alice"))
    mallory.get("/auth/logout")
    mallory.sign_in("carol", signon.passwords["carol"])
    assert json.loads(mallory.me().text)["username"] == "carol"


@pytest.mark.parametrize("way_out", ["/api/v2/auth/logout", "/auth/logout"])
def test_who_left_has_left(signon: Signon, way_out: str) -> None:
    alice = signon.sign_in("alice")
    thief = alice.with_cookies("session", "_token")
    heir = alice.with_cookies("session")  # has Airflow give it a token of its own
    assert heir.get("/dags").url == f"{signon.base}/dags" and heir.me().status == 200
    copies = {
        "both": thief, "session": alice.with_cookies("session"), "token": alice.with_cookies("_token"), "token of a copy": heir,
    }  # fmt: skip
    assert {name: copy.me().status for name, copy in copies.items() if name != "session"} == dict.fromkeys(
        copies.keys() - {"session"}, 200
    )

    page = alice.get(way_out)
    assert page.url.startswith(f"{signon.base}/auth/login/")
    assert "_token" not in alice.cookies()
    assert {name: copy.me().status for name, copy in copies.items()} == dict.fromkeys(copies, 401)
    for copy in copies.values():
        assert copy.get("/dags").url.startswith(f"{signon.base}/auth/login/")
    # Keycloak asks for the password again: its session ended as well.
    assert "/protocol/openid-connect/auth" in alice.get("/auth/login/keycloak").url


def test_a_request_that_changes_nothing_writes_no_session(signon: Signon) -> None:
    """Else one that began before a sign-in, or before its end, and is slow would put back the session of then."""
    cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in signon.sign_in("alice").cookies().items())
    same_browser = dict(build_opener().addheaders)  # seen from another one, a session is marked as no longer fresh
    answer = ask(f"{signon.base}/auth/static/pin_32.png", headers={**same_browser, "Cookie": cookies})
    # The server sends the cookie whenever it has written the session down.
    assert (answer.status, answer.headers.get_all("Set-Cookie")) == (200, None)


def test_leaving_without_having_come_is_no_error(signon: Signon) -> None:
    assert Visitor(signon.base).get("/auth/logout").url.startswith(f"{signon.base}/auth/login/")


def test_a_role_that_was_taken_away_is_gone_at_the_next_sign_in(signon: Signon) -> None:
    alice, dora = signon.sign_in("alice"), signon.sign_in("dora")
    assert "Op" in signon.roles(alice)["dora"] and dora.get(CONNECTIONS).status == 200
    signon.move("dora", "op", into=False)
    signon.move("dora", "viewer")
    dora.get("/auth/logout")
    dora = signon.sign_in("dora")
    assert {"Op", "Viewer"} & set(signon.roles(alice)["dora"]) == {"Viewer"}
    assert (dora.me().status, dora.get(CONNECTIONS).status) == (200, 403)
    signon.move("dora", "viewer", into=False)
    dora.get("/auth/logout")
    assert signon.sign_in("dora").me().status == 401


def test_a_session_ends_though_nobody_leaves(signon: Signon) -> None:
    minutes = int(signon.settings["AIRFLOW__FAB__SESSION_MAX_LIFETIME_MINUTES"])
    assert 0 < minutes <= 480
    claims = _claims(signon.sign_in("alice").cookies()["_token"].value or "")
    assert claims["exp"] - claims["iat"] <= min(3600, minutes * 60)


@pytest.mark.parametrize("vouched", [True, False], ids=["same person", "perhaps another"])
def test_a_new_name_with_a_known_address_is_no_error(signon: Signon, vouched: bool) -> None:
    signon.sign_in("erin").get("/auth/logout")
    keycloak, path = signon.world.keycloak, f"/{signon.world.realm}"
    keycloak.call("PUT", path, {"editUsernameAllowed": True})
    new = f"erin-{vouched}".lower()
    user = signon.user("erin")
    keycloak.call("PUT", f"{path}/users/{user['id']}", {**user, "username": new, "emailVerified": vouched})
    try:
        assert signon.sign_in(new, password=signon.passwords["erin"]).me().status == 200
        accounts = signon.roles(signon.sign_in("alice"))
        assert ("erin" in accounts) is not vouched and new in accounts
    finally:
        keycloak.call("PUT", f"{path}/users/{user['id']}", {**user, "emailVerified": True})
        signon.sign_in("erin").get("/auth/logout")


@pytest.fixture
def company(signon: Signon) -> Iterator[Keycloak]:
    """A company's identity provider (another realm stands for it), joined as the how-to of that name says."""
    keycloak, realm = signon.world.keycloak, signon.world.realm
    away = f"{realm}-company"
    at, behind = f"{keycloak.url}/realms/{away}/protocol/openid-connect", layout.current().keycloak_behind
    keycloak.call("POST", "", {"realm": away, "enabled": True, "sslRequired": "none"})
    keycloak.call("POST", f"/{away}/groups", {"name": "marketing-leads"})
    keycloak.call("POST", f"/{away}/clients", {
        "clientId": "fleet", "secret": "secret-of-the-broker", "publicClient": False,
        "redirectUris": [f"{keycloak.url}/realms/{realm}/broker/company/endpoint"],
        "protocolMappers": [{
            "name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
            "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
        }],
    })  # fmt: skip
    keycloak.add_user(away, "grace", "password-of-grace", "/marketing-leads")
    keycloak.call("POST", f"/{realm}/identity-provider/instances", {
        "alias": "company", "providerId": "oidc", "enabled": True, "trustEmail": True,
        "config": {
            "authorizationUrl": f"{at}/auth", "issuer": f"{keycloak.url}/realms/{away}",
            # From server to server; in the sandbox without the front's private authority.
            "tokenUrl": f"{behind}/realms/{away}/protocol/openid-connect/token",
            "jwksUrl": f"{behind}/realms/{away}/protocol/openid-connect/certs",
            "clientId": "fleet", "clientSecret": "secret-of-the-broker", "clientAuthMethod": "client_secret_post",
            "defaultScope": "openid profile email", "syncMode": "FORCE", "validateSignature": "true", "useJwksUrl": "true",
            "pkceEnabled": "true", "pkceMethod": "S256",
        },
    })  # fmt: skip
    keycloak.call("POST", f"/{realm}/identity-provider/instances/company/mappers", {
        "name": "leads", "identityProviderAlias": "company", "identityProviderMapper": "oidc-advanced-group-idp-mapper",
        "config": {
            "syncMode": "FORCE", "claims": json.dumps([{"key": "groups", "value": "marketing-leads"}]),
            "are.claim.values.regex": "false", "group": f"/{signon.team.name}/admin",
        },
    })  # fmt: skip
    try:
        yield keycloak
    finally:
        keycloak.remove_user(realm, "grace")
        keycloak.call("DELETE", f"/{realm}/identity-provider/instances/company")
        keycloak.call("DELETE", f"/{away}")


def _by_company(signon: Signon) -> Visitor:
    visitor = Visitor(signon.base)
    page = visitor.get("/auth/login/keycloak")
    (link,) = set(re.findall(r'href="([^"]*/broker/company/login[^"]*)"', page.text))
    visitor.fill(visitor.get(urljoin(page.url, html.unescape(link))), "grace", "password-of-grace")
    return visitor


def test_a_companys_people_have_the_roles_of_its_groups(signon: Signon, company: Keycloak) -> None:
    away = f"{signon.world.realm}-company"
    grace = _by_company(signon)
    assert json.loads(grace.me().text)["username"] == "grace"
    assert "Admin" in signon.roles(grace)["grace"]
    grace.get("/auth/logout")
    company.move(away, "grace", "/marketing-leads", into=False)
    assert _by_company(signon).me().status == 401


def test_a_person_of_the_sandboxs_making_signs_in(signon: Signon) -> None:
    def fleet(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [FLEET, "sandbox", "user", "frank", "--realm", signon.world.realm, *arguments]
        return subprocess.run(command, env=signon.world.environment, capture_output=True, text=True, check=False)

    refused = fleet("--group", f"/{signon.team.name}/chief")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"there is no group /{signon.team.name}/chief" in refused.stderr
    first = fleet("--group", f"/{signon.team.name}/viewer").stdout.strip()
    second = fleet("--group", f"/{signon.team.name}/op").stdout.strip()
    assert signon.sign_in("frank", password=first).me().status == 401
    assert signon.sign_in("frank", password=second).me().status == 200
    assert {"Op", "Viewer"} <= set(signon.roles(signon.sign_in("alice"))["frank"])


def test_a_program_gets_a_token_for_its_clients_secret(signon: Signon) -> None:
    status, token = signon.token("nightly", "secret-of-nightly")
    assert status == 201 and json.loads(signon.me(token).text)["username"] == "service-account-nightly"
    assert "Op" in signon.roles(signon.sign_in("alice"))["service-account-nightly"]


@pytest.mark.parametrize(("name", "secret"), [
    ("nightly", "wrong"), ("stranger", "secret-of-stranger"), ("nobody", "x"), ("alice", "alice"), ("nightly", ""),
])  # fmt: skip
def test_other_secrets_get_none(signon: Signon, name: str, secret: str) -> None:
    status, token = signon.token(name, secret)
    assert status in (400, 401) and token == ""


def test_the_instances_own_secret_is_no_programs(signon: Signon) -> None:
    assert signon.token(f"airflow-{signon.team.name}", signon.team.secrets["sso_client_secret"])[0] == 401


# Tokens that are none.


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def sign(claims: dict[str, Any], secret: str = JWT_SECRET, algorithm: str = "HS512") -> str:
    body = f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{_part(claims)}"
    digest = {"HS512": hashlib.sha512, "HS256": hashlib.sha256}.get(algorithm)
    signature = hmac.new(secret.encode(), body.encode(), digest).digest() if digest else b""
    return f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _in(seconds: int) -> int:
    return int(time.time()) + seconds


Make = Callable[[Signon, dict[str, Any]], str]
WRONG: dict[str, Make] = {
    "expired": lambda _, good: sign({**good, "exp": _in(-60)}),
    "not yet valid": lambda _, good: sign({**good, "nbf": _in(3600)}),
    "without an end": lambda _, good: sign({key: value for key, value in good.items() if key != "exp"}),
    "another team's secret": lambda _, good: sign(good, "another-" + JWT_SECRET),
    "alg none": lambda _, good: sign(good, algorithm="none"),
    "a weaker algorithm": lambda _, good: sign(good, algorithm="HS256"),
    "tampered: another person": lambda _, good: _tampered(sign(good), {**good, "sub": "2"}),
    "tampered: a longer life": lambda _, good: _tampered(sign(good), {**good, "exp": _in(10**6)}),
    "cut off": lambda _, good: sign(good).rpartition(".")[0] + ".",
    "wrong audience": lambda _, good: sign({**good, "aud": "airflow-another"}),
    "a worker's audience": lambda _, good: sign({**good, "aud": "urn:airflow.apache.org:task"}),
    "wrong issuer": lambda _, good: sign({**good, "iss": "https://another.example.com"}),
    "of nobody": lambda _, good: sign({**good, "sub": "4711"}),
    "revoked": lambda signon, _: _revoked(signon),
    "Keycloak's, of another client": lambda signon, _: _of_keycloak(
        signon, signon.world.realm, "nightly", "secret-of-nightly"
    ),
    "Keycloak's, of another realm": lambda signon, _: _of_keycloak(signon, "master"),
}


def _tampered(token: str, claims: dict[str, Any]) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{_part(claims)}.{signature}"


def _revoked(signon: Signon) -> str:
    alice = signon.sign_in("alice")
    token = alice.cookies()["_token"].value or ""
    alice.get("/auth/logout")
    return token


def _of_keycloak(signon: Signon, realm: str, client: str = "", secret: str = "") -> str:
    keycloak = signon.world.keycloak
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    if not client:
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": keycloak.username,
            "password": keycloak.password,
        }
    return str(post_form(f"{keycloak.url}/realms/{realm}/protocol/openid-connect/token", form)["access_token"])


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_token_is_no_token(signon: Signon, name: str) -> None:
    alice = signon.sign_in("alice")
    good = _claims(alice.cookies()["_token"].value or "")
    # Wrong in that one way only: made in the same way with nothing wrong, it is right.
    assert signon.me(sign(good)).status == 200
    assert signon.me(WRONG[name](signon, good)).status == 401
