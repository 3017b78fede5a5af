"""Who may pass: takes an ASGI request's path and headers, says what they ask for, never looks at Airflow or a token's worth."""

from __future__ import annotations

import base64
import json
from http.cookies import CookieError, SimpleCookie
from typing import Any

HEALTH = "/api/v2/monitor/health"
# The way to sign in: Airflow's redirect, FAB's login and callback, its index (which turns FAB's session into
# Airflow's token), the style sheets of the login page, and where programs change their client's secret for a token;
# the Keycloak manager's ways back from Keycloak.
LOGOUT = "/auth/logout"
TOKEN = ("/auth/token", "/auth/token/cli")
CALLBACKS = ("/auth/login_callback", "/auth/logout_callback")
SIGN_ON = ("/api/v2/auth/login", "/api/v2/auth/logout", "/auth", "/auth/login", LOGOUT, *TOKEN, *CALLBACKS)
SIGN_ON_BELOW = ("/auth/login/", "/auth/oauth-authorized/", "/auth/static/")
ROLES = ("admin", "op", "user", "viewer")
# The workers' API asks for a token of its own everywhere but here.
WORKERS = "/execution/"
WORKERS_UNGUARDED = ("docs", "redoc", "openapi.json", "changelog", "health")


def inner_path(scope: dict[str, Any]) -> str:
    """The request's path below the server's base path (``[api] base_url``)."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path[len(root) :] if root and (path == root or path.startswith(f"{root}/")) else path


def towards_fab(scope: dict[str, Any]) -> dict[str, Any]:
    """The request as FAB is to see it: Airflow leaves by an address where FAB only forgets the cookies, and one slash
    further is its page that ends the session."""
    if inner_path(scope) != LOGOUT:
        return scope
    return {**scope, "path": f"{scope['path']}/"}


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
    return bearer(headers) or cookie_of(headers, cookie)


def cookie_of(headers: dict[str, str], cookie: str) -> str:
    """A cookie's value, else empty."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(cookie)
    except CookieError:
        return ""
    return found.value if found else ""


def roles_in(token: str, client: str) -> list[str]:
    """The roles of ours at a client that a token of Keycloak's names; none in what is no such token."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return [role for role in claims["resource_access"][client]["roles"] if role in ROLES]
    except (IndexError, KeyError, TypeError, ValueError):
        return []


def wants_page(method: str, path: str, headers: dict[str, str]) -> bool:
    """Whether a person's browser asks for a page, so that a redirect helps more than an error."""
    programs = path.startswith(("/api/", "/ui/", WORKERS))
    return method == "GET" and not programs and "text/html" in headers.get("accept", "")
