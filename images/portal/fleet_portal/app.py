"""The routes: takes settings and a way to the network, gives the application, never shows a page to who is not signed in.

Everything but the page itself lies below ``/-/``: with ``urls: path`` the rest of the host is the teams'.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet_portal import pages, suspended
from fleet_portal.fleet import Fleet, Unreadable
from fleet_portal.health import Monitor
from fleet_portal.sessions import LIFE_SECONDS, Sessions
from fleet_portal.settings import Settings
from fleet_portal.signon import CALLBACK, GOODBYE, Attempt, Away, Refused, SignOn

# `__Host-`: no other host, the teams' below this one included, can set a cookie of this name here (RFC 6265bis, 4.1.3.2).
TICKET = "__Host-fleet-portal"
ATTEMPT = "__Host-fleet-portal-attempt"
_ATTEMPT_SECONDS = 900
_log = logging.getLogger(__name__)


class Portal:
    """One portal: who is signed in, what there is, how it is."""

    def __init__(self, settings: Settings, outside: httpx.AsyncClient, cluster: httpx.AsyncClient) -> None:
        self.settings, self.sessions = settings, Sessions()
        self.sign_on = SignOn(settings, outside)
        self.fleet = Fleet(settings, cluster)
        self.monitor = Monitor(outside)

    async def overview(self, request: Request) -> Response:
        """The page itself; who is not signed in goes to Keycloak first."""
        person = self.sessions.find(request.cookies.get(TICKET, ""))
        if person is None:
            attempt = Attempt.fresh()
            response: Response = RedirectResponse(await self.sign_on.begin(attempt), 303)
            _set(response, ATTEMPT, _pack(attempt), _ATTEMPT_SECONDS)
            return response
        open_to = await self.fleet.open_to(person.roles)
        health = await self.monitor.ask(instance for instance, _ in open_to)
        return HTMLResponse(pages.overview(person, open_to, health))

    async def signed_in(self, request: Request) -> Response:
        """Keycloak's answer. A reload brings an old one: who is signed in by now just sees the page."""
        if self.sessions.find(request.cookies.get(TICKET, "")):
            return RedirectResponse("/", 303)
        attempt = _unpack(request.cookies.get(ATTEMPT, ""))
        if attempt is None:
            raise Refused("this browser has begun no sign-in, or keeps no cookies")
        person = await self.sign_on.finish(request.query_params, attempt)
        response = RedirectResponse("/", 303)
        _set(response, TICKET, self.sessions.open(person), int(LIFE_SECONDS))
        _set(response, ATTEMPT, "", 0)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End both sessions. A page of a team is of the same site, so the cookie alone does not say who is asking."""
        if request.headers.get("origin") != self.settings.url:
            raise HTTPException(403)
        person = self.sessions.close(request.cookies.get(TICKET, ""))
        response = RedirectResponse(await self.sign_on.end(person), 303)
        _set(response, TICKET, "", 0)
        return response

    async def signed_out(self, request: Request) -> Response:
        """Where Keycloak sends people afterwards."""
        return HTMLResponse(
            pages.message("Signed out", "You are signed out here and at the sign-on.", ("/", "Sign in"))
        )

    async def alive(self, request: Request) -> Response:
        """For the kubelet."""
        return PlainTextResponse("alive\n")


def create(settings: Settings, outside: httpx.AsyncClient, cluster: httpx.AsyncClient) -> ASGIApp:
    """The application.

    Args:
        outside: reaches Keycloak and the Airflows.
        cluster: reaches the Kubernetes API, whose certificate is signed by a CA of its own.
    """
    portal = Portal(settings, outside, cluster)
    application = Starlette(
        routes=[
            Route("/", portal.overview),
            Route(CALLBACK, portal.signed_in),
            Route("/-/sign-out", portal.sign_out, methods=["POST"]),
            Route(GOODBYE, portal.signed_out),
            Route("/-/alive", portal.alive),
            Mount("/-/static", StaticFiles(directory=Path(__file__).with_name("static"))),
        ],
        exception_handlers={kind: _saying(*words) for kind, words in _FAULTS.items()},
    )
    return _Headers(_ByPort(application, suspended.create(settings)), _headers(settings))


class _ByPort:
    """Two applications, told apart by the port that was asked."""

    def __init__(self, portal: ASGIApp, asleep: ASGIApp) -> None:
        self._portal, self._asleep = portal, asleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, port = scope.get("server") or ("", None)
        await (self._asleep if port == suspended.PORT else self._portal)(scope, receive, send)


# What went wrong → status, title, what to make of it, and the words of the way on.
_FAULTS: dict[Any, tuple[int, str, str, str]] = {
    Refused: (400, "You are not signed in", "The sign-on did not come to an end. Nothing is lost.", "Try again"),
    Away: (503, "The sign-on does not answer", "Nobody can sign in here now. The Airflows may well run.", "Try again"),
    Unreadable: (
        503, "The list cannot be read", "The cluster does not tell which Airflows there are. They may well run.", "Try again",
    ),
    403: (403, "This did not come from here", "Only this page's own button signs out.", "To the first page"),
    404: (404, "There is nothing here", "Your Airflows are on the first page.", "To the first page"),
    405: (405, "Not in this way", "Your Airflows are on the first page.", "To the first page"),
    500: (500, "Something went wrong here", "It is written down for whoever runs the portal.", "Try again"),
}  # fmt: skip


def _saying(status: int, title: str, text: str, on: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handler(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            _log.warning("%s %s: %s", status, request.url.path, error)
        return HTMLResponse(pages.message(title, text, ("/", on)), status)

    return handler


def _headers(settings: Settings) -> dict[str, str]:
    sign_on = urlsplit(settings.issuer)
    # The button posts to this page and is sent on to Keycloak, which `form-action` has to allow.
    policy = {
        "default-src": "'none'", "style-src": "'self'", "img-src": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'",
        "form-action": f"'self' {sign_on.scheme}://{sign_on.netloc}",
    }  # fmt: skip
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",  # `no-referrer` would take the Origin from the button's request
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


class _Headers:
    """The same headers on every answer, those to errors included; pages are kept nowhere, files for a while."""

    def __init__(self, application: ASGIApp, headers: dict[str, str]) -> None:
        self._application, self._headers = application, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                static = scope["path"].startswith("/-/static/") and message["status"] == 200
                cache = "public, max-age=300" if static else "no-store"
                MutableHeaders(scope=message).update({**self._headers, "Cache-Control": cache})
            await send(message)

        await self._application(scope, receive, with_headers)


def _set(response: Response, name: str, value: str, seconds: int) -> None:
    # Lax, not strict: the way back from Keycloak begins on another site.
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def _pack(attempt: Attempt) -> str:
    return base64.urlsafe_b64encode(json.dumps(asdict(attempt)).encode()).decode()


def _unpack(cookie: str) -> Attempt | None:
    try:
        return Attempt(**{name: str(value) for name, value in json.loads(base64.urlsafe_b64decode(cookie)).items()})
    except (ValueError, TypeError, AttributeError):
        return None
