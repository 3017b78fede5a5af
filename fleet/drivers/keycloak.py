"""Asks Keycloak: takes its address and somebody who may ask, gives what it answers or a FleetError, never decides. What
Terraform declares only Terraform changes; `Realm.change` is for what nobody declared."""

from __future__ import annotations

import asyncio
import json
import ssl
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from fleet.drivers import trust
from fleet.errors import FleetError

if TYPE_CHECKING:
    import urllib3

_SECONDS = 60.0  # all groups of a large realm take Keycloak some seconds
_CONNECT_SECONDS = 10.0
_AT_ONCE = 8  # requests, and so connections that are kept
_PAGE = 500  # entries per request where Keycloak would give 100


@dataclass(frozen=True)
class Keycloak:
    """A server, by its base URL; ``authority`` is the certificate (PEM) of a private authority that signed its own."""

    url: str
    authority: str | None = None

    async def sign_in(self, user: str, password: str) -> str:
        """Sign in as an administrator, as Terraform's provider does; gives the token.

        Raises:
            FleetError: Keycloak is away, or refuses.
        """
        form = {"grant_type": "password", "client_id": "admin-cli", "username": user, "password": password}
        return await self._token(
            "master",
            form,
            "its administrator",
            "correct `sso-admin-username` and `sso-admin-password` in the Secret fleet-platform",
        )

    async def has_realm(self, realm: str) -> bool:
        """Whether there is a realm of this name."""
        return (await self._ask("GET", f"/realms/{urllib.parse.quote(realm)}"))[0] == 200

    async def realm(self, name: str, user: str, password: str) -> Realm:
        """A realm as an administrator sees it; FleetError as in :meth:`sign_in`."""
        return await self._seen_by(name, partial(self.sign_in, user, password))

    async def realm_of_client(self, name: str, client_id: str, secret: str) -> Realm:
        """A realm as one of its own clients sees it, by the client's service account; FleetError as in :meth:`sign_in`."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        hint = f"`fleet platform install` makes the client and the Secret {client_id} with its secret"
        return await self._seen_by(name, partial(self._token, name, form, f"the client {client_id}", hint))

    async def _seen_by(self, name: str, sign_in: Callable[[], Awaitable[str]]) -> Realm:
        return Realm(self, name, sign_in, await sign_in())

    async def _token(self, realm: str, form: Mapping[str, str], who: str, hint: str) -> str:
        where = f"/realms/{urllib.parse.quote(realm)}/protocol/openid-connect/token"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, answer = await self._ask("POST", where, urllib.parse.urlencode(form), headers)
        if status != 200:
            raise FleetError(f"Keycloak refuses {who} (HTTP status {status})", where=self.url, hint=hint)
        return str(answer["access_token"])

    async def _ask(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        import urllib3

        def once() -> tuple[int, Any]:
            url = self.url.rstrip("/") + path
            answer = self._connections.request(method, url, body=body, headers=headers, redirect=False)
            return answer.status, json.loads(answer.data) if answer.status < 300 and answer.data else None

        try:
            return await asyncio.to_thread(once)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise FleetError(
                f"Keycloak does not answer ({_reason(error)})", where=self.url, hint="start it, or correct `sso.url`"
            ) from error

    @cached_property
    def _connections(self) -> urllib3.PoolManager:
        """Kept open: a connection with TLS costs more than most answers."""
        import urllib3

        return urllib3.PoolManager(
            maxsize=_AT_ONCE,
            ssl_context=trust.context(self.authority),
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_SECONDS),
            # Once more where a kept connection was closed meanwhile; a POST is never sent twice.
            retries=urllib3.Retry(connect=0, read=1, redirect=0, status=0, other=0),
        )


@dataclass
class Realm:
    """One realm, as somebody who may look at it sees it."""

    server: Keycloak
    name: str
    sign_in: Callable[[], Awaitable[str]] = field(repr=False)
    token: str = field(repr=False)
    asked: list[str] = field(default_factory=list, repr=False)  # every request so far, for whoever counts

    async def get(self, path: str, **query: str | int) -> Any:
        """What the admin API answers; None where there is no such thing.

        Raises:
            FleetError: Keycloak is away, or refuses.
        """
        status, answer = await self._ask("GET", path, query)
        if status not in (200, 404):
            raise FleetError(f"Keycloak refuses to show {path} (HTTP status {status})", where=self.server.url)
        return answer

    async def allowed(self, path: str, **query: str | int) -> Any:
        """As :meth:`get`, and None where one may not look: for what only adds to what is found."""
        status, answer = await self._ask("GET", path, query)
        if status not in (200, 403, 404):
            raise FleetError(f"Keycloak refuses to show {path} (HTTP status {status})", where=self.server.url)
        return answer

    async def every(self, path: str, **query: str | int) -> list[Any]:
        """A whole list, page by page; empty where there is no such thing."""
        found: list[Any] = []
        while page := await self.get(path, first=len(found), max=_PAGE, **query):
            found += page
            if len(page) < _PAGE:
                break
        return found

    async def groups(self) -> list[Any]:
        """Every group, however deep, with its roles: flat, in one request.

        Groups of the same name, as every team has, stand in no order of their own: two pages could miss one.
        """
        # A blank is cut off, and what is left is in every name; without a search there are only the groups at the top.
        whole: dict[str, str | int] = {"search": " ", "first": 0, "max": 1_000_000, "populateHierarchy": "false"}
        return list(await self.get("/groups", **whole, briefRepresentation="false", subGroupsCount="false"))

    async def change(self, method: str, path: str, body: Any = None) -> None:
        """One change by the admin API; no error where what is to be deleted is gone already.

        Raises:
            FleetError: Keycloak is away, or refuses.
        """
        status, _ = await self._ask(method, path, {}, body)
        if status >= 300 and not (method == "DELETE" and status == 404):
            raise FleetError(f"Keycloak refuses {method} {path} (HTTP status {status})", where=self.server.url)

    async def _ask(self, method: str, path: str, query: Mapping[str, str | int], body: Any = None) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        where = f"/admin/realms/{urllib.parse.quote(self.name)}{path}{asked}"
        sent = None if body is None else json.dumps(body)
        async with self._room:
            used = self.token
            answer = await self.server._ask(method, where, sent, _headers(used))
            if answer[0] == 401:  # an administrator's token lasts a minute
                await self._renew(used)
                answer = await self.server._ask(method, where, sent, _headers(self.token))
        return answer

    async def _renew(self, used: str) -> None:
        """A new token, for all requests that find out at the same time that theirs has run out."""
        async with self._renewing:
            if self.token == used:
                self.token = await self.sign_in()

    @cached_property
    def _room(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(_AT_ONCE)

    @cached_property
    def _renewing(self) -> asyncio.Lock:
        return asyncio.Lock()


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def _reason(error: Exception) -> str:
    """What went wrong: urllib3 wraps the fault of the connection or of TLS in errors of its own."""
    inner: Any = getattr(error, "reason", error)
    for part in (inner, inner.__cause__, *inner.args):
        if isinstance(part, ssl.SSLCertVerificationError):
            return f"its certificate is not to be trusted: {part.verify_message}"
    return type(inner.__cause__ or inner).__name__
