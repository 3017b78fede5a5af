"""Asks Keycloak: takes its address and an administrator, gives what it answers or a FleetError, never changes anything
(Terraform does)."""

from __future__ import annotations

import asyncio
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from fleet.drivers import trust
from fleet.errors import FleetError

_SECONDS = 10.0


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
        status, answer = await self._ask("/realms/master/protocol/openid-connect/token", form=form)
        if status != 200:
            raise FleetError(
                f"Keycloak refuses its administrator (HTTP status {status})",
                where=self.url,
                hint="correct `sso-admin-username` and `sso-admin-password` in the Secret fleet-platform",
            )
        return str(answer["access_token"])

    async def has_realm(self, realm: str) -> bool:
        """Whether there is a realm of this name."""
        return (await self._ask(f"/realms/{urllib.parse.quote(realm)}"))[0] == 200

    async def realm(self, name: str, user: str, password: str) -> Realm:
        """A realm as an administrator sees it; FleetError as in :meth:`sign_in`."""
        return Realm(self, name, await self.sign_in(user, password))

    async def _ask(self, path: str, *, form: dict[str, str] | None = None, token: str = "") -> tuple[int, Any]:
        request = urllib.request.Request(  # noqa: S310 (the inventory takes http(s) only)
            self.url.rstrip("/") + path,
            urllib.parse.urlencode(form).encode() if form else None,
            {"Authorization": f"Bearer {token}"} if token else {},
        )

        def once() -> tuple[int, Any]:
            trusted = trust.context(self.authority)
            with urllib.request.urlopen(request, timeout=_SECONDS, context=trusted) as answer:  # noqa: S310
                return int(answer.status), json.load(answer)

        try:
            return await asyncio.to_thread(once)
        except urllib.error.HTTPError as error:
            return error.code, None
        except OSError as error:
            raise FleetError(
                f"Keycloak does not answer ({_reason(error)})", where=self.url, hint="start it, or correct `sso.url`"
            ) from error


@dataclass(frozen=True)
class Realm:
    """One realm, read by an administrator."""

    server: Keycloak
    name: str
    token: str = field(repr=False)

    async def get(self, path: str, **query: str | int) -> Any:
        """What the admin API answers; None where there is no such thing.

        Raises:
            FleetError: Keycloak is away, or refuses.
        """
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        where = f"/admin/realms/{urllib.parse.quote(self.name)}{path}"
        status, answer = await self.server._ask(where + asked, token=self.token)
        if status not in (200, 404):
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


def _reason(error: OSError) -> str:
    """What went wrong: urllib wraps the fault of the connection or of TLS in one of its own."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted: {inner.verify_message}"
    return type(inner).__name__
