"""Nobody who has not signed in gets an answer from Airflow's API server, but for its health and the way to sign in.

Airflow itself answers strangers with its version, its API's description, its pages' shell and their scripts. This
middleware sits around the whole server: the pages, the public API, FAB's pages and the workers' API. It decides only
*whether* somebody is signed in, with Airflow's own check of the token; what they may do stays Airflow's business. And it
leads those who leave to what ends their session.
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin

from fleet_gate import keycloak, rules


class Gate:
    """ASGI middleware; ``app`` is the whole API server."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif await _may_pass(scope):
            await self.app(await _towards(scope), receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4401})
        else:
            await _turn_away(scope, send)


async def _may_pass(scope: dict[str, Any]) -> bool:
    path = rules.inner_path(scope)
    if rules.is_open(path):
        return True
    headers = rules.headers_of(scope)
    if rules.is_workers(path):
        return bool(rules.bearer(headers))
    return await _signed_in(headers)


def _manager() -> Any:
    from airflow.api_fastapi.app import get_auth_manager

    return get_auth_manager()


def _token(headers: dict[str, str]) -> str:
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN

    return rules.token_of(headers, COOKIE_NAME_JWT_TOKEN)


async def _signed_in(headers: dict[str, str]) -> bool:
    from airflow.api_fastapi.core_api.security import resolve_user_from_token
    from fastapi import HTTPException
    from jwt import InvalidTokenError

    token, manager = _token(headers), _manager()
    if not token:
        return False
    try:
        if keycloak.is_manager(manager):
            return await keycloak.signed_in(manager, token, headers)
        return bool(await resolve_user_from_token(token))
    # Not a token, expired, revoked, or of somebody who is no longer there.
    except (HTTPException, InvalidTokenError, ValueError):
        return False


async def _towards(scope: dict[str, Any]) -> dict[str, Any]:
    """The request as the auth manager is to see it; whoever leaves has Airflow's token ended on the way."""
    if not keycloak.is_manager(_manager()):
        return rules.towards_fab(scope)
    if rules.inner_path(scope) == rules.LOGOUT:
        await keycloak.leave(_manager(), _token(rules.headers_of(scope)))
    return scope


async def _turn_away(scope: dict[str, Any], send: Any) -> None:
    path, headers = rules.inner_path(scope), rules.headers_of(scope)
    root = str(scope.get("root_path", "")).rstrip("/")
    if rules.wants_page(scope["method"], path, headers):
        query = scope.get("query_string", b"").decode("latin-1")
        wanted = quote(root + path + (f"?{query}" if query else ""), safe="")
        page = "/auth/login" if keycloak.is_manager(_manager()) else "/auth/login/"
        await _answer(send, 302, b"", location=f"{root}{page}?next={wanted}")
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
    fastapi_root_middlewares: ClassVar[list[dict[str, Any]]] = [{"name": "fleet_gate", "middleware": Gate}]
