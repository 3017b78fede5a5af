"""Speaks OpenID Connect with a realm, as a client or a browser does: takes what is asked, gives what Keycloak answers, never
follows a redirect and never decides."""

from __future__ import annotations

import asyncio
import html
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from fleet.errors import FleetError

_SECONDS = 15.0
_MESSAGE = re.compile(
    r'<p[^>]*class="instruction"[^>]*>\s*(.*?)\s*</p>|id="kc-page-title"[^>]*>\s*(.*?)\s*<', re.DOTALL
)


@dataclass(frozen=True)
class Answer:
    """What Keycloak answered."""

    status: int
    location: str
    text: str

    @property
    def error(self) -> str:
        """The error it names, in a redirect, in JSON or on a page; empty where it names none."""
        query = parse_qs(urlsplit(self.location).query) or parse_qs(urlsplit(self.location).fragment)
        if "error" in query:
            return " ".join([*query["error"], *query.get("error_description", [])])
        try:
            said = json.loads(self.text)
            return " ".join(str(said[key]) for key in ("error", "error_description") if said.get(key))
        except (ValueError, AttributeError):
            return self._page() if self.status >= 400 else ""

    def _page(self) -> str:
        found = _MESSAGE.search(self.text)
        return html.unescape(next(filter(None, found.groups()), "")) if found else f"HTTP {self.status}"


@dataclass(frozen=True)
class Realm:
    """One realm of a Keycloak, by the server's base URL."""

    url: str
    name: str

    async def authorize(self, **query: str) -> Answer:
        """The authorization endpoint: where a browser is sent to sign in."""
        return await self._ask(f"{self._protocol}/auth?{urlencode(query)}")

    async def logout(self, **query: str) -> Answer:
        """The logout endpoint."""
        return await self._ask(f"{self._protocol}/logout?{urlencode(query)}")

    async def token(self, **form: str) -> Answer:
        """The token endpoint."""
        return await self._ask(f"{self._protocol}/token", form)

    async def read(self, bearer: str, path: str) -> Any:
        """What the admin API has at ``path`` below the realm.

        Raises:
            FleetError: it refuses.
        """
        url = f"{self.url.rstrip('/')}/admin/realms/{self.name}{path}"
        answer = await self._ask(url, headers={"Authorization": f"Bearer {bearer}"})
        if answer.status != 200:
            raise FleetError(f"Keycloak's admin API refuses {path} (HTTP status {answer.status})", where=self.url)
        return json.loads(answer.text)

    @property
    def _protocol(self) -> str:
        return f"{self.url.rstrip('/')}/realms/{self.name}/protocol/openid-connect"

    async def _ask(
        self, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        data = None if form is None else urlencode(form).encode()
        request = urllib.request.Request(url, data, dict(headers or {}))  # noqa: S310 (the inventory takes http(s) only)
        try:
            return await asyncio.to_thread(_open, request)
        except OSError as error:
            raise FleetError(
                f"Keycloak does not answer ({type(error).__name__})",
                where=self.url,
                hint="start it, or correct `sso.url`",
            ) from error


async def administrator(url: str, user: str, password: str) -> str:
    """An administrator's token.

    Raises:
        FleetError: Keycloak is away, or refuses.
    """
    form = {"grant_type": "password", "client_id": "admin-cli", "username": user, "password": password}
    answer = await Realm(url, "master").token(**form)
    if answer.status != 200:
        raise FleetError(f"Keycloak refuses its administrator (HTTP status {answer.status})", where=url)
    return str(json.loads(answer.text)["access_token"])


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        return None


def _open(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.build_opener(_Stay()).open(request, timeout=_SECONDS) as answer:
            return Answer(answer.status, "", answer.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers.get("Location", ""), error.read().decode(errors="replace"))
