"""Who may do what, and why: takes the inventory and a realm of Keycloak, gives grants with their reasons, never changes one.

What counts is what Keycloak holds; the inventory explains it. What it does not explain was given by hand, and says so.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import quote

from fleet.desired import naming, rights
from fleet.drivers.keycloak import Realm
from fleet.errors import ExitCode, FleetError
from fleet.model import Access, Role

ROLES: tuple[Role, ...] = get_args(Role)
_BY_HAND = "by hand: not in the inventory"
NOBODY = "-"
_MEANS: dict[Role, str] = {
    "admin": "everything",
    "op": "runs all DAGs, keeps connections and variables",
    "user": "runs all DAGs",
    "viewer": "sees all DAGs",
}
_VERBS = {"user": "runs", "viewer": "sees"}


@dataclass(frozen=True)
class Grant:
    """A person has a role at an instance, what it means there, and why they have it.

    The person is :data:`NOBODY` where a group with the role is empty.
    """

    instance: str
    person: str
    role: str
    means: str
    why: str


def means(access: Access, role: str) -> str:
    """What a role lets do."""
    if role in ROLES:
        return _MEANS[role]
    right = access.dags.get(role.removeprefix(naming.DAG_ROLE))
    if right is None:
        return "a right that is not in the inventory"
    return f"{_VERBS[right.role]} DAGs " + (f"{right.prefix}*" if right.prefix else f"tagged {right.tag}")


async def of_instance(realm: Realm, instance: str, access: Access) -> list[Grant]:
    """Everybody who has a role at the instance.

    Raises:
        FleetError: it has no client in Keycloak; or Keycloak is away.
    """
    client = (await _clients(realm)).get(instance)
    if client is None:
        raise FleetError("has no sign-on client yet", where=instance, hint=f"fleet apply {instance}")
    roles = _names(await realm.every(f"/clients/{client}/roles"))
    direct = await asyncio.gather(*(_of_role(realm, client, instance, access, role) for role in roles))
    inside = await _of_containing_roles(realm, client, instance, access)
    return [grant for role, grants in zip(roles, direct, strict=True) for grant in [*grants, *inside[role]]]


async def of_person(realm: Realm, person: str, instances: dict[str, Access]) -> list[Grant]:
    """Everything that a person has a role at.

    Raises:
        FleetError: nobody has this name; or Keycloak is away.
    """
    users = await realm.get("/users", username=person, exact="true")
    if not users:
        raise FleetError(
            f"there is nobody called `{person}`",
            where=f"Keycloak, realm {realm.name}",
            hint="a user name, in lower case; a program's is `service-account-` and its client's id",
            exit_code=ExitCode.REFUSED,
        )
    user, clients = f"/users/{users[0]['id']}", await _clients(realm)
    groups = await _with_parents(realm, await realm.every(f"{user}/groups"))
    found = await asyncio.gather(
        *(
            _of_user(realm, user, person, groups, clients[name], name, access)
            for name, access in instances.items()
            if name in clients
        )
    )
    return [grant for grants in found for grant in grants]


async def _with_parents(realm: Realm, groups: list[Any]) -> list[Any]:
    """The groups and all that they are in: roles are inherited."""
    found = {group["id"]: group for group in groups}
    for group in groups:
        while (parent := group.get("parentId")) and parent not in found:
            group = found[parent] = await realm.get(f"/groups/{parent}")
    return list(found.values())


async def _clients(realm: Realm) -> dict[str, str]:
    """Instance to Keycloak's own id of its client; clients that are no instance's do no harm."""
    prefix = naming.client_id("")
    clients = await realm.every("/clients")
    return {
        client["clientId"].removeprefix(prefix): client["id"]
        for client in clients
        if client["clientId"].startswith(prefix)
    }


async def _of_role(realm: Realm, client: str, instance: str, access: Access, role: str) -> list[Grant]:
    return [
        Grant(
            instance,
            person,
            role,
            means(access, role),
            _why_group(instance, access, role, group) if group else _why_user(access, role, person),
        )
        for person, group in await _holders(realm, f"/clients/{client}/roles/{role}")
    ]


async def _of_containing_roles(realm: Realm, client: str, instance: str, access: Access) -> dict[str, list[Grant]]:
    """Whoever has a role of the realm that contains one of the instance's: nothing that fleet makes does."""
    grants: dict[str, list[Grant]] = defaultdict(list)
    for outer in await realm.every("/roles"):
        if not outer["composite"]:
            continue
        why = f"role {outer['name']} of the realm contains it, {_BY_HAND}"
        for role in _names(await realm.get(f"/roles-by-id/{outer['id']}/composites/clients/{client}")):
            holders = await _holders(realm, f"/roles/{quote(outer['name'], safe='')}")
            grants[role] += [Grant(instance, person, role, means(access, role), why) for person, _ in holders]
    return grants


async def _holders(realm: Realm, role: str) -> list[tuple[str, str]]:
    """Who has the role of this path, each with the group that they have it by, or with none."""
    users, groups = await asyncio.gather(realm.every(f"{role}/users"), realm.every(f"{role}/groups"))
    holders = [(user["username"], "") for user in users]
    for group in sorted(groups, key=lambda each: str(each["path"])):
        people = sorted([name async for name in _members(realm, group)]) or [NOBODY]
        holders += [(person, group["path"]) for person in people]
    return holders


async def _members(realm: Realm, group: dict[str, Any]) -> AsyncIterator[str]:
    """Who is in the group, or in a group in it: roles are inherited."""
    for member in await realm.every(f"/groups/{group['id']}/members"):
        yield member["username"]
    for child in await realm.every(f"/groups/{group['id']}/children"):
        async for name in _members(realm, child):
            yield name


async def _of_user(
    realm: Realm, user: str, person: str, groups: list[Any], client: str, instance: str, access: Access
) -> list[Grant]:
    """All ways by which the person has each role; a role that none of them explains comes out of another role."""
    mappings = f"role-mappings/clients/{client}"
    reasons: dict[str, list[str]] = {name: [] for name in _names(await realm.get(f"{user}/{mappings}/composite"))}
    if not reasons:
        return []
    for role in _names(await realm.get(f"{user}/{mappings}")):
        reasons[role].append(_why_user(access, role, person))
    for group in groups:
        for role in _names(await realm.get(f"/groups/{group['id']}/{mappings}")):
            reasons[role].append(_why_group(instance, access, role, group["path"]))
    other = [f"contained in another role, {_BY_HAND}"]
    return [
        Grant(instance, person, role, means(access, role), why)
        for role, whys in reasons.items()
        for why in whys or other
    ]


def _names(roles: Iterable[dict[str, Any]] | None) -> list[str]:
    """Those of the roles that mean something to Airflow: the four, then those of rights to some of the DAGs."""
    given = {role["name"] for role in roles or ()}
    return [role for role in ROLES if role in given] + sorted(
        name for name in given if name.startswith(naming.DAG_ROLE)
    )


def _why_user(access: Access, role: str, person: str) -> str:
    return f"{_place(role)}users" if person in rights.users(access).get(role, ()) else _BY_HAND


def _why_group(instance: str, access: Access, role: str, path: str) -> str:
    """The group, and what gave it the role: its own name, the inventory, or somebody."""
    if path == f"/{instance}/{role}":
        return f"group {path}"
    named = ["/" + group.strip("/") for group in rights.groups(access).get(role, ())]
    if path in named:
        return f"group {path}, {_place(role)}groups"
    return f"group {path}, {_BY_HAND}"


def _place(role: str) -> str:
    """Where the inventory says who has the role."""
    right = "" if role in ROLES else f"dags.{role.removeprefix(naming.DAG_ROLE)}."
    return f"access.{right}"
