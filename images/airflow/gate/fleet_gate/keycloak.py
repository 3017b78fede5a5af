"""What is different with Airflow's Keycloak manager: takes the manager and a request's headers, says whether they are of
somebody with a role here, ends a token; never asks Keycloak about a right.

That manager signs in everybody who comes back from Keycloak, and asks about rights only where a page asks for them. A way
into Keycloak that passes by this client's own flow (a company's provider) would lead a person without a role to the
pages' shell. The roles are read off Keycloak's token without a look at its signature: all that hangs on them is whether it
is worth asking Keycloak, which does look. And whose session at Keycloak is over would get an error 500 from that manager, to
every request for as long as Airflow's own token lasts, instead of the way to sign in.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fleet_gate import rules

_ACCESS_TOKEN, _REFRESH_TOKEN = "_access_token", "_refresh_token"


def is_manager(manager: Any) -> bool:
    return hasattr(manager, "get_keycloak_client")


async def signed_in(manager: Any, token: str, headers: dict[str, str]) -> bool:
    """Whether the token is Airflow's, has Keycloak's beside it for the same person, and that is good, or can be had anew, and
    names a role of this client."""
    from airflow.api_fastapi.auth.managers.exceptions import AuthManagerRefreshTokenExpiredException
    from airflow.configuration import conf

    cookies = [None, None]
    if not rules.bearer(headers):  # a program's token has Keycloak's in it
        cookies = [rules.cookie_of(headers, name) or None for name in (_ACCESS_TOKEN, _REFRESH_TOKEN)]
    user = await manager.get_user_from_token(token, *cookies)
    if user is None:
        return False
    try:
        await asyncio.to_thread(manager.refresh_user, user=user)  # does nothing before the token has run out
    except AuthManagerRefreshTokenExpiredException:
        return False
    return bool(rules.roles_in(user.access_token, conf.get_mandatory_value("keycloak_auth_manager", "client_id")))


async def leave(manager: Any, token: str) -> None:
    """End Airflow's token, which the manager's own way out would only have the browser forget."""
    if token:
        await asyncio.to_thread(manager.revoke_token, token)
