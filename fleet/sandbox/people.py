"""People in the sandbox's Keycloak: takes a name and groups, gives a password that was made for it, never keeps that."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from fleet.errors import ExitCode, FleetError
from fleet.sandbox import credentials
from fleet.sandbox.credentials import SSO_ADMIN
from fleet.sandbox.layout import Layout

_SECONDS = 30.0


def add(layout: Layout, realm: str, name: str, groups: list[str]) -> str:
    """Make a person, or find them, put them into the groups (paths, `/marketing/admin`) and set a new password.

    Raises:
        FleetError: Keycloak is away; there is no such realm or group.
    """
    admin = _Admin(layout.keycloak_behind, credentials.password(layout, "keycloak-admin"), realm)
    ids = [admin.group(path) for path in groups]  # before anything is made
    user = admin.user(name)
    password = secrets.token_urlsafe(16)
    admin.call("PUT", f"/users/{user}/reset-password", {"type": "password", "value": password, "temporary": False})
    for group in ids:
        admin.call("PUT", f"/users/{user}/groups/{group}")
    return password


@dataclass(frozen=True)
class _Admin:
    """Keycloak's admin API, on one realm."""

    url: str
    password: str
    realm: str

    def group(self, path: str) -> str:
        where = f"/group-by-path/{urllib.parse.quote(path.strip('/'))}"
        return str(self.call("GET", where, missing=f"group {path}")["id"])

    def user(self, name: str) -> str:
        """The person's id; made with all that Keycloak would ask for at the first sign-in."""
        person = {
            "username": name, "enabled": True, "email": f"{name}@example.com", "emailVerified": True,
            "firstName": name.capitalize(), "lastName": "Example",
        }  # fmt: skip
        query = urllib.parse.urlencode({"username": name, "exact": "true"})
        found = self.call("GET", f"/users?{query}")
        if not found:
            self.call("POST", "/users", person)
            found = self.call("GET", f"/users?{query}")
        return str(found[0]["id"])

    def call(self, method: str, path: str, body: object = None, missing: str = "realm of this name") -> Any:
        realm = urllib.parse.quote(self.realm)
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        try:
            return _send(f"{self.url}/admin/realms/{realm}{path}", method, data, headers)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            raise FleetError(
                f"there is no {missing}",
                where=f"Keycloak, realm {self.realm}",
                hint="`fleet apply` makes the realm, and the groups /<team>/<role> of each team",
                exit_code=ExitCode.REFUSED,
            ) from error

    def _token(self) -> str:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": SSO_ADMIN, "password": self.password}
        url = f"{self.url}/realms/master/protocol/openid-connect/token"
        return str(_send(url, "POST", urllib.parse.urlencode(form).encode(), {})["access_token"])


def _send(url: str, method: str, data: bytes | None, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 (the sandbox's own address)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            text = answer.read()
    except urllib.error.HTTPError:
        raise
    except OSError as error:
        raise FleetError("Keycloak does not answer", where=url, hint="`fleet sandbox up`") from error
    return json.loads(text) if text else None
