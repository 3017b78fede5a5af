"""What Keycloak has: takes a realm and what is wanted, gives it as plain values, never a client's secret.

Lists, each in one request or in pages, of everything that Keycloak lists; what it tells only client by client, or role by
role, is asked a few at a time (ADR 0091).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.drift.sso.wanted import ROLES_SCOPE, Wanted, team_of
from fleet.drivers.keycloak import Realm

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Own:
    """What Keycloak tells of one client only."""

    roles: Mapping[str, Json]  # by name
    lets_through: Json  # roles of others that the client itself, by no scope, lets into its tokens
    holders: Mapping[str, tuple[Json, ...]]  # role → people and programs that were given it directly


@dataclass(frozen=True)
class Seen:
    """A realm as it stands."""

    realm: Json
    clients: Mapping[str, Json]  # by client id, without their secrets
    secrets: Mapping[str, str] = field(repr=False)  # by client id: a digest
    own: Mapping[str, Own]  # by client id, of the clients that are looked at
    scopes: Mapping[str, Json]  # by name
    passed: Mapping[str, Mapping[str, Json]]  # client id → role → it, of what the scope `airflow-roles` lets through
    passed_realm: tuple[Json, ...]  # roles of the realm that it lets through
    groups: Mapping[str, Json]  # by path, with their roles
    flows: Mapping[str, str]  # id → alias, of flows that stand alone
    missing: frozenset[str]  # people that the inventory names and Keycloak does not know

    def uuid(self, client_id: str) -> str:
        """Keycloak's own id of a client."""
        return str(self.clients[client_id]["id"])


def digest(secret: str) -> str:
    """By which secrets are compared."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def see(realm: Realm, wanted: Wanted) -> Seen | None:
    """Read what every check needs; None where the realm is gone.

    Raises:
        FleetError: Keycloak is away, or refuses.
    """
    itself = await realm.get("")
    if itself is None:
        return None
    clients, scopes, groups, flows = await asyncio.gather(
        realm.every("/clients"),
        realm.get("/client-scopes"),
        realm.groups(),
        realm.get("/authentication/flows"),
    )  # fmt: skip
    secrets = {each["clientId"]: digest(each.pop("secret")) for each in clients if each.get("secret")}
    by_id = {each["clientId"]: each for each in clients}
    by_name = {each["name"]: each for each in scopes}
    passed, own = await asyncio.gather(_passed(realm, by_name), _own(realm, wanted, by_id))
    return Seen(
        itself, by_id, secrets, own, by_name, *passed, {each["path"]: each for each in groups},
        {each["id"]: each["alias"] for each in flows}, await _missing(realm, wanted, own),
    )  # fmt: skip


async def _missing(realm: Realm, wanted: Wanted, own: Mapping[str, Own]) -> frozenset[str]:
    """Asks for those only that lack a role: on a day without drift, for nobody."""
    lacking = {
        name
        for client_id, each in own.items()
        for role, names in wanted.clients[client_id].users.items()
        for name in set(names) - {user["username"] for user in each.holders.get(role, ())}
    }
    return frozenset([name for name in lacking if not await realm.get("/users", username=name, exact="true")])


async def _passed(
    realm: Realm, scopes: Mapping[str, Json]
) -> tuple[Mapping[str, Mapping[str, Json]], tuple[Json, ...]]:
    scope = scopes.get(ROLES_SCOPE)
    found = await realm.get(f"/client-scopes/{scope['id']}/scope-mappings") if scope else {}
    by_client = {each["client"]: _by_name(each["mappings"]) for each in found.get("clientMappings", {}).values()}
    return by_client, tuple(found.get("realmMappings", ()))


async def _own(realm: Realm, wanted: Wanted, clients: Mapping[str, Json]) -> dict[str, Own]:
    names = [name for name in wanted.looked_at if name in clients]
    return dict(zip(names, await asyncio.gather(*(_of(realm, clients[name]) for name in names)), strict=True))


async def _of(realm: Realm, client: Json) -> Own:
    path = f"/clients/{client['id']}"
    if not team_of(client["clientId"]):  # the portal has no roles
        return Own({}, await realm.get(f"{path}/scope-mappings"), {})
    listed, through = await asyncio.gather(realm.get(f"{path}/roles"), realm.get(f"{path}/scope-mappings"))
    roles = _by_name(listed)
    holders = await asyncio.gather(*(realm.every(f"{path}/roles/{name}/users") for name in roles))
    return Own(roles, through, dict(zip(roles, map(tuple, holders), strict=True)))


def _by_name(roles: Iterable[Json]) -> dict[str, Json]:
    return {role["name"]: role for role in roles}
