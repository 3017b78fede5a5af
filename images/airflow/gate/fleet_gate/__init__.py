"""Nobody who has not signed in gets an answer from Airflow's API server, but for its health and the way to sign in.

Airflow itself answers strangers with its version, its API's description, its pages' shell and their scripts. This
middleware sits around the whole server: the pages, the public API, FAB's pages and the workers' API. It decides only
*whether* somebody is signed in, with Airflow's own check of the token; what they may do stays Airflow's business.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin

HEALTH = "/api/v2/monitor/health"
# The way to sign in: Airflow's redirect, FAB's login and callback, its index (which turns FAB's session into
# Airflow's token), and the style sheets of the login page.
SIGN_ON = ("/api/v2/auth/login", "/auth", "/auth/login", "/auth/logout")
SIGN_ON_BELOW = ("/auth/login/", "/auth/oauth-authorized/", "/auth/static/")
# The workers' API asks for a token of its own everywhere but here.
WORKERS = "/execution/"
WORKERS_UNGUARDED = ("docs", "redoc", "openapi.json", "changelog", "health")


class Gate:
    """ASGI middleware; ``app`` is the whole API server."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or await _may_pass(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4401})
        else:
            await _turn_away(scope, send)


async def _may_pass(scope: dict[str, Any]) -> bool:
    path = inner_path(scope)
    if is_open(path):
        return True
    headers = headers_of(scope)
    if is_workers(path):
        return bool(bearer(headers))
    return await _signed_in(headers)


def inner_path(scope: dict[str, Any]) -> str:
    """The request's path below the server's base path (``[api] base_url``)."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path[len(root) :] if root and (path == root or path.startswith(f"{root}/")) else path


def is_open(path: str) -> bool:
    """Whether ``path`` answers everybody: the health endpoint and the way to sign in."""
    if path.startswith(SIGN_ON_BELOW):
        return ".." not in path
    return path == HEALTH or path.rstrip("/") in SIGN_ON


def is_workers(path: str) -> bool:
    """Whether ``path`` is one of the workers' API that checks the workers' token itself."""
    if not path.startswith(WORKERS):
        return False
    return path.removeprefix(WORKERS).strip("/").partition("/")[0] not in WORKERS_UNGUARDED


def headers_of(scope: dict[str, Any]) -> dict[str, str]:
    """Headers with lower-case names; of repeated ones the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}


def bearer(headers: dict[str, str]) -> str:
    """The token of an ``Authorization: Bearer`` header, else empty."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def token_of(headers: dict[str, str], cookie: str) -> str:
    """The caller's token: an explicit one wins over the cookie of that name, as in Airflow itself."""
    if explicit := bearer(headers):
        return explicit
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(cookie)
    except CookieError:
        return ""
    return found.value if found else ""


async def _signed_in(headers: dict[str, str]) -> bool:
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
    from airflow.api_fastapi.core_api.security import resolve_user_from_token
    from fastapi import HTTPException

    token = token_of(headers, COOKIE_NAME_JWT_TOKEN)
    try:
        return bool(token) and bool(await resolve_user_from_token(token))
    except (HTTPException, ValueError):  # not a token, expired, revoked, or of somebody who is no longer there
        return False


def wants_page(method: str, path: str, headers: dict[str, str]) -> bool:
    """Whether a person's browser asks for a page, so that a redirect helps more than an error."""
    programs = path.startswith(("/api/", "/ui/", WORKERS))
    return method == "GET" and not programs and "text/html" in headers.get("accept", "")


async def _turn_away(scope: dict[str, Any], send: Any) -> None:
    path, headers = inner_path(scope), headers_of(scope)
    root = str(scope.get("root_path", "")).rstrip("/")
    if wants_page(scope["method"], path, headers):
        query = scope.get("query_string", b"").decode("latin-1")
        wanted = quote(root + path + (f"?{query}" if query else ""), safe="")
        await _answer(send, 302, b"", location=f"{root}/auth/login/?next={wanted}")
    else:
        await _answer(send, 401, b'{"detail":"Not authenticated"}', www_authenticate="Bearer")


async def _answer(send: Any, status: int, body: bytes, **more: str) -> None:
    headers = {"content-type": "application/json", "content-length": str(len(body)), "cache-control": "no-store"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


class FleetGatePlugin(AirflowPlugin):
    """What Airflow finds through the entry point ``airflow.plugins``."""

    name = "fleet_gate"
    fastapi_root_middlewares = [{"name": "fleet_gate", "middleware": Gate}]
