"""The world around a portal: takes an inventory, gives the records that fleet would write, and stand-ins for Keycloak, the
Kubernetes API and the Airflows that a test can make ill. Nothing leaves the process."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from fleet_portal import app
from fleet_portal.settings import Settings

from fleet import inventory
from fleet.desired import Contents, build
from fleet.record import Record, to_config_map

URL = "https://fleet.example.com"
ISSUER = "https://sso.example.com/realms/fleet"
SETTINGS = Settings(URL, ISSUER, "fleet-portal", "a client secret", "fleet-system", "https://10.96.0.1:443")

INVENTORY = """
version: 1
platform:
  domain: fleet.example.com
  urls: {urls}
  kubernetes: {{context: test}}
  database: {{host: db.example.com}}
  sso: {{url: "https://sso.example.com"}}
teams:
  finance: {{owner: finance@example.com}}
  marketing: {{owner: the marketing people}}
  research: {{owner: "<script>alert(1)</script>", suspended: true}}
"""
HEALTHY = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}}


def records(folder: Path, urls: str = "host", text: str = INVENTORY) -> list[dict[str, Any]]:
    """The ConfigMaps that an apply of such an inventory leaves."""
    (folder / "tenants.yaml").write_text(text.format(urls=urls))
    document = inventory.load(folder / "tenants.yaml")
    desired = build(document.inventory, Contents(*(["-"] * CONTENTS)))
    return [_record(name, instance.parts) for name, instance in desired.instances.items()]


CONTENTS = 5  # digests that `Contents` wants


def _record(name: str, parts: Mapping[Any, Any]) -> dict[str, Any]:
    record = Record(name)
    for part, inputs in parts.items():
        record = record.with_part(part, inputs, "2026-01-01T00:00:00+00:00")
    return to_config_map(record)


@dataclass
class Surroundings:
    """Everything that a portal talks to.

    Args:
        people: name → sign-on client → roles there.
        health: namespace → what the Airflow in it answers, or a status.
    """

    folder: Path
    config_maps: list[dict[str, Any]]
    people: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    health: dict[str, dict[str, Any] | int] = field(default_factory=dict)
    settings: Settings = SETTINGS
    keycloak_status: int = 200
    cluster_status: int = 200
    page: int = 500  # the most records that the API server gives at once
    asked: list[str] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)  # put over an ID token's
    key: rsa.RSAPrivateKey = field(default_factory=lambda: _key())
    signing_key: Any = None  # another one than the realm has
    algorithm: str = "RS256"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def application(self) -> Any:
        (self.folder / "token").write_text("the pod's token")
        settings = Settings(**{**self.settings.__dict__, "account": self.folder})
        outside = httpx.AsyncClient(transport=httpx.MockTransport(self._outside))
        cluster = httpx.AsyncClient(transport=httpx.MockTransport(self._cluster))
        return app.create(settings, outside, cluster)

    def browser(self, application: Any | None = None) -> httpx.AsyncClient:
        """A browser with cookies of its own, which follows no redirect by itself."""
        transport = httpx.ASGITransport(application or self.application(), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=self.settings.url)

    def approve(self, location: str, name: str) -> str:
        """What Keycloak does when a person has signed in there: the address to go on to."""
        query = {key: values[0] for key, values in parse_qs(urlsplit(location).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = {**query, "name": name}
        return f"{query['redirect_uri']}?code={code}&state={query['state']}&iss={self.settings.issuer}"

    def _cluster(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        assert request.headers["Authorization"] == "Bearer the pod's token"
        assert request.url.path == "/api/v1/namespaces/fleet-system/configmaps"
        size, first = min(int(request.url.params["limit"]), self.page), int(request.url.params.get("continue", 0))
        more = {"continue": str(first + size)} if first + size < len(self.config_maps) else {}
        items = self.config_maps[first : first + size]
        return httpx.Response(self.cluster_status, json={"items": items, "metadata": more})

    def _outside(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if request.url.host.endswith(".svc.cluster.local"):
            answer = self.health.get(request.url.host.split(".")[1])
            if answer is None:
                raise httpx.ConnectError("refused", request=request)
            return httpx.Response(answer) if isinstance(answer, int) else httpx.Response(200, json=answer)
        if self.keycloak_status != 200:
            return httpx.Response(self.keycloak_status)
        return self._keycloak(request)

    def _keycloak(self, request: httpx.Request) -> httpx.Response:
        issuer = self.settings.issuer
        base = f"{issuer}/protocol/openid-connect"
        url = str(request.url)
        if url == f"{issuer}/.well-known/openid-configuration":
            names = {"authorization": "auth", "token": "token", "end_session": "logout"}
            endpoints = {f"{name}_endpoint": f"{base}/{path}" for name, path in names.items()}
            return httpx.Response(200, json={"issuer": issuer, "jwks_uri": f"{base}/certs", **endpoints})
        if url == f"{base}/certs":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            return httpx.Response(200, json={"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]})
        assert url == f"{base}/token" and request.method == "POST"
        return self._token({key: values[0] for key, values in parse_qs(request.content.decode()).items()})

    def _token(self, form: dict[str, str]) -> httpx.Response:
        begun = self.codes.pop(form["code"], None)
        secret = form["client_secret"] == self.settings.client_secret
        if begun is None or not secret or begun["redirect_uri"] != form["redirect_uri"] or not _proves(form, begun):
            return httpx.Response(400, json={"error": "invalid_grant"})
        now = int(time.time())
        access = {client: {"roles": roles} for client, roles in self.people[begun["name"]].items()}
        claims = {
            "iss": self.settings.issuer, "aud": form["client_id"], "azp": form["client_id"], "sub": f"id of {begun['name']}",
            "iat": now, "exp": now + 300, "nonce": begun["nonce"],
            "preferred_username": begun["name"], "resource_access": access,
        }  # fmt: skip
        key = None if self.algorithm == "none" else self.signing_key or self.key
        token = jwt.encode({**claims, **self.claims}, key, self.algorithm, {"kid": "one"})
        return httpx.Response(200, json={"access_token": "unread", "id_token": token})


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _proves(form: dict[str, str], begun: dict[str, str]) -> bool:
    from fleet_portal.signon import Attempt

    return Attempt("", "", form["code_verifier"]).challenge == begun["code_challenge"]


async def sign_in(surroundings: Surroundings, browser: httpx.AsyncClient, name: str) -> httpx.Response:
    """From the first page to the first page; gives the last answer."""
    first = await browser.get("/")
    assert first.status_code == 303
    back = await browser.get(surroundings.approve(first.headers["Location"], name))
    if back.status_code != 303:
        return back
    assert back.headers["Location"] == "/"
    return await browser.get("/")
