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
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from fleet.drivers import trust
from fleet.errors import FleetError

_SECONDS = 60.0  # a busy Keycloak takes its time
_MESSAGE = re.compile(r'class="instruction"[^>]*>\s*(.*?)\s*<', re.DOTALL)

# S256 of nothing in particular: no code is ever exchanged for it.
_CHALLENGE = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
_FORM = re.compile(r'<form[^>]*action="([^"]+)"')


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

    @property
    def code(self) -> str:
        """The code in a redirect; empty where there is none."""
        return next(iter(parse_qs(urlsplit(self.location).query).get("code", [])), "")

    def _page(self) -> str:
        found = _MESSAGE.search(self.text)
        return html.unescape(found[1]) if found else f"HTTP {self.status}"


@dataclass(frozen=True)
class Realm:
    """One realm of a Keycloak, by the server's base URL; ``authority`` is the certificate (PEM) of a private authority that
    signed its own."""

    url: str
    name: str
    authority: str | None = None

    async def authorize(self, **query: str) -> Answer:
        """The authorization endpoint: where a browser is sent to sign in."""
        return await self.ask(f"{self._protocol}/auth?{urlencode(query)}")

    async def begin(self, client: str, back: str, **other: str) -> Answer:
        """What a browser gets that a client sends here: a page to sign in at (200), or an error. Nobody signs in.

        Args:
            back: the address that the client wants people sent back to.
            other: instead of what a client would ask, or besides.
        """
        query = {"client_id": client, "redirect_uri": back, "response_type": "code", "scope": "openid"}
        return await self.authorize(**{**query, "state": "fleet", **_CHALLENGE, **other})

    async def logout(self, **query: str) -> Answer:
        """The logout endpoint."""
        return await self.ask(f"{self._protocol}/logout?{urlencode(query)}")

    async def token(self, **form: str) -> Answer:
        """The token endpoint."""
        return await self.ask(f"{self._protocol}/token", form)

    async def sign_in(self, user: str, password: str, **query: str) -> Answer:
        """What a browser gets when a person signs in at the authorization endpoint: mostly a redirect with a code."""
        opener = self.opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        page = await self.ask(f"{self._protocol}/auth?{urlencode(query)}", opener=opener)
        form = _FORM.search(page.text)
        if form is None:
            return page
        return await self.ask(html.unescape(form[1]), {"username": user, "password": password}, opener=opener)

    @property
    def _protocol(self) -> str:
        return f"{self.url.rstrip('/')}/realms/{self.name}/protocol/openid-connect"

    async def ask(
        self, url: str, form: Mapping[str, str] | None = None, opener: urllib.request.OpenerDirector | None = None
    ) -> Answer:
        """One request; with a form it is a POST.

        Raises:
            FleetError: Keycloak is away.
        """
        data = None if form is None else urlencode(form).encode()
        return await self.send(urllib.request.Request(url, data), opener)  # noqa: S310

    async def send(
        self, request: urllib.request.Request, opener: urllib.request.OpenerDirector | None = None
    ) -> Answer:
        """As :meth:`ask`, for a request of any form."""
        try:
            return await asyncio.to_thread(_open, request, opener or self.opener())
        except OSError as error:
            raise FleetError(
                f"Keycloak does not answer ({type(getattr(error, 'reason', error)).__name__})",
                where=self.url,
                hint="start it, or correct `sso.url`",
            ) from error

    def opener(self, *handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
        """A browser that follows no redirect."""
        trusted = urllib.request.HTTPSHandler(context=trust.context(self.authority))
        return urllib.request.build_opener(trusted, _Stay(), *handlers)


@dataclass(frozen=True)
class Administrator:
    """The admin API of one realm."""

    realm: Realm
    user: str
    password: str = field(repr=False)

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer's JSON, or the address of what was made, or None.

        Args:
            path: below the realm.

        Raises:
            FleetError: Keycloak is away, or refuses.
        """
        url = f"{self.realm.url.rstrip('/')}/admin/realms/{self.realm.name}{path}"
        headers = {"Authorization": f"Bearer {await self._token()}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        answer = await self.realm.send(request)
        if answer.status >= 300:
            raise FleetError(f"Keycloak refuses to {method} {path} (HTTP status {answer.status})", where=self.realm.url)
        return json.loads(answer.text) if answer.text else answer.location or None

    async def _token(self) -> str:
        """One for each call: they live for a minute."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": self.user, "password": self.password}
        answer = await Realm(self.realm.url, "master", self.realm.authority).token(**form)
        if answer.status != 200:
            raise FleetError(
                f"Keycloak refuses its administrator (HTTP status {answer.status})",
                where=self.realm.url,
                hint="correct `sso-admin-username` and `sso-admin-password` in the Secret fleet-platform",
            )
        return str(json.loads(answer.text)["access_token"])


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        return None


def _open(request: urllib.request.Request, opener: urllib.request.OpenerDirector) -> Answer:
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return Answer(answer.status, answer.headers.get("Location", ""), answer.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers.get("Location", ""), error.read().decode(errors="replace"))
