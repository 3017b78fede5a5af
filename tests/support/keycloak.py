"""Keycloak as its administrator and as a person with a browser sees it: takes names and passwords, gives what it answers."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any

from fleet.drivers import trust
from fleet.sandbox import layout

_tokens: dict[tuple[str, str], tuple[str, float]] = {}


@dataclass(frozen=True)
class Keycloak:
    """The admin API: paths below ``/admin/realms``."""

    url: str
    username: str
    password: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer's JSON, or None where it has none; HTTPError where it is no success."""
        request = urllib.request.Request(
            f"{self.url}/admin/realms{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60, context=_trust()) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def client(self, realm: str, client_id: str) -> dict[str, Any]:
        """The client of this id, with its roles' names under ``roles``."""
        (found,) = self.get(f"/{realm}/clients?clientId={urllib.parse.quote(client_id)}")
        roles = self.get(f"/{realm}/clients/{found['id']}/roles")
        return {**found, "roles": sorted(role["name"] for role in roles)}

    def add_user(self, realm: str, name: str, password: str, *groups: str) -> None:
        """A person with all that Keycloak asks for at the first sign-in."""
        self.call("POST", f"/{realm}/users", {
            "username": name, "enabled": True, "email": f"{name}@example.com", "emailVerified": True,
            "firstName": name, "lastName": "Test", "groups": list(groups),
            "credentials": [{"type": "password", "value": password, "temporary": False}],
        })  # fmt: skip

    def move(self, realm: str, name: str, group: str, into: bool) -> None:
        """Put a person into a group, by its path, or take them out of it."""
        (user,) = self.get(f"/{realm}/users?username={name}&exact=true")
        found = self.get(f"/{realm}/group-by-path{group}")["id"]
        self.call("PUT" if into else "DELETE", f"/{realm}/users/{user['id']}/groups/{found}")

    def remove_user(self, realm: str, name: str) -> None:
        """The person of this name, if there is one."""
        for user in self.get(f"/{realm}/users?exact=true&username={urllib.parse.quote(name)}"):
            self.call("DELETE", f"/{realm}/users/{user['id']}")

    def _token(self) -> str:
        """A token; Keycloak's are good for a minute, and to sign in is what costs time."""
        made, until = _tokens.get((self.url, self.password), ("", 0.0))
        if time.monotonic() > until:
            made, until = self._sign_in(), time.monotonic() + 30
            _tokens[self.url, self.password] = made, until
        return made

    def _sign_in(self) -> str:
        grant = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": self.username,
            "password": self.password,
        }
        return str(post_form(f"{self.url}/realms/master/protocol/openid-connect/token", grant)["access_token"])


@dataclass(frozen=True)
class SignedIn:
    """What a client holds of a person who signed in there."""

    id_token: dict[str, Any]
    access_token: dict[str, Any]
    userinfo: dict[str, Any]


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the one that leads to the client holds the code."""

    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        return None


def sign_in(
    issuer: str,
    client_id: str,
    secret: str,
    redirect_uri: str,
    username: str,
    password: str,
    scope: str = "openid profile email",
) -> SignedIn:
    """Sign in as FAB does it: authorization code with PKCE, then the exchange of the code for tokens."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = urllib.parse.urlencode({
        "response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri, "scope": scope,
        "state": "s", "code_challenge": challenge, "code_challenge_method": "S256",
    })  # fmt: skip
    code = _code(f"{issuer}/protocol/openid-connect/auth?{query}", username, password)
    tokens = post_form(f"{issuer}/protocol/openid-connect/token", {
        "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "client_id": client_id,
        "client_secret": secret, "code_verifier": verifier,
    })  # fmt: skip
    request = urllib.request.Request(
        f"{issuer}/protocol/openid-connect/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    with urllib.request.urlopen(request, timeout=60, context=_trust()) as answer:
        userinfo = json.load(answer)
    return SignedIn(_claims(tokens["id_token"]), _claims(tokens["access_token"]), userinfo)


def post_form(url: str, form: dict[str, str]) -> dict[str, Any]:
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(url, data, timeout=60, context=_trust()) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _code(url: str, username: str, password: str) -> str:
    tls = urllib.request.HTTPSHandler(context=_trust())
    browser = urllib.request.build_opener(_Stay(), tls, urllib.request.HTTPCookieProcessor(CookieJar()))
    with browser.open(url, timeout=60) as page:
        form = re.search(r'<form[^>]*action="([^"]+)"', page.read().decode())
    assert form, "Keycloak shows no form to sign in with"
    answer = urllib.parse.urlencode({"username": username, "password": password}).encode()
    try:
        with browser.open(html.unescape(form.group(1)), answer, timeout=60) as page:
            raise AssertionError(f"not signed in: {page.url}")
    except urllib.error.HTTPError as redirect:
        (code,) = urllib.parse.parse_qs(urllib.parse.urlsplit(redirect.headers["Location"]).query)["code"]
    return code


def _trust() -> ssl.SSLContext:
    """The sandbox's own authority, and the public ones."""
    return trust.context(layout.current().front_ca.read_text())


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found
