"""How sign-on was declared: takes what was applied last, gives the clients as they should be, never what the inventory says
now (that is a change, and no drift)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from fleet.desired import naming
from fleet.diff import PLATFORM, PORTAL
from fleet.drift.mend import Reapply
from fleet.drift.scene import Scene
from fleet.record import Applied

ROLES = frozenset({"admin", "op", "user", "viewer"})
ROLES_SCOPE = "airflow-roles"
# Keycloak gives these to every new client; an older client may lack a newer one, so of them only those count as lost without
# which nobody signs in.
DEFAULT_SCOPES = frozenset({"web-origins", "acr", "roles", "profile", "basic", "email"})
NEEDED_SCOPES = frozenset({"roles", "profile", "basic", "email"})
# It comes with a service account, which is told by itself, and does not go with it.
ACCOUNT_SCOPE = frozenset({"service_account"})
OPTIONAL_SCOPES = frozenset({"address", "phone", "organization", "offline_access", "microprofile-jwt"})


@dataclass(frozen=True)
class Client:
    """One sign-on client as it should be.

    Args:
        team: the instance, or ``platform`` for the portal's.
        module: its address below the team's module in Terraform.
        scopes: its default client scopes, where Terraform declares them.
    """

    team: str
    client_id: str
    name: str
    base_url: str
    module: str
    redirect: str
    sign_out: str
    manager: Literal["fab", "keycloak", "portal"]
    dag_roles: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # role → groups, as the inventory writes them
    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scopes: frozenset[str] | None = None

    @property
    def address(self) -> str:
        """As findings have it."""
        return f"client {self.client_id}"

    @property
    def by_keycloak(self) -> bool:
        """Whether Keycloak also decides what people may do."""
        return self.manager == "keycloak"

    @property
    def mend(self) -> Reapply:
        """What makes it as it should be."""
        return Reapply("platform" if self.team == PLATFORM else "terraform")

    @cached_property
    def roles(self) -> frozenset[str]:
        """The roles that it has."""
        return frozenset() if self.manager == PORTAL else ROLES | set(self.dag_roles)

    @cached_property
    def group_roles(self) -> Mapping[str, frozenset[str]]:
        """Path of a group → roles that it has by the inventory, or by its own name."""
        found: dict[str, set[str]] = {f"/{self.team}/{role}": {role} for role in self.roles}
        for role, groups in self.groups.items():
            for group in groups:
                found.setdefault("/" + group.strip("/"), set()).add(role)
        return {path: frozenset(roles) for path, roles in found.items()}


@dataclass(frozen=True)
class Wanted:
    """Sign-on as it should be."""

    realm: str
    settings: Mapping[str, Any]  # variable `sso` of the stack `platform`, as applied last
    clients: Mapping[str, Client]  # by client id, of everything that was applied
    looked_at: frozenset[str]  # client ids of the teams, and of the portal, that are looked at

    @property
    def teams(self) -> Mapping[str, Client]:
        """The instances' clients, by instance."""
        return {client.team: client for client in self.clients.values() if client.team != PLATFORM}


def wanted(scene: Scene) -> Wanted | None:
    """What was applied; None where there is no realm yet, or where the inventory names another by now."""
    record = scene.observed.platform
    applied = record.parts.get(PLATFORM) if record else None
    if applied is None:
        return None
    settings = applied.inputs["variables"]["sso"]
    if settings["realm"] != scene.inventory.platform.sso.realm:
        return None
    clients = [
        team(name, made)
        for name, each in scene.observed.instances.items()
        if each.record and (made := each.record.parts.get("terraform")) and name in scene.desired.instances
    ]
    clients += _portal(applied)
    seen = {
        each.client_id for each in clients if each.team in scene.teams or (each.team == PLATFORM and scene.platform)
    }
    return Wanted(settings["realm"], settings, {each.client_id: each for each in clients}, frozenset(seen))


def team(name: str, applied: Applied) -> Client:
    """An instance's client, as the stack `team` was applied."""
    sso = applied.inputs["variables"]["sso"]
    by_keycloak = sso.get("manager") == "keycloak"
    sign_in, sign_out = (
        ("/auth/login_callback", "/auth/logout_callback") if by_keycloak else ("/auth/oauth-authorized/keycloak", "/")
    )
    return Client(
        name, sso["client_id"], sso["display_name"], sso["base_url"], "module.sso",
        redirect=sso["base_url"] + sign_in, sign_out=sso["base_url"] + sign_out,
        manager="keycloak" if by_keycloak else "fab", dag_roles=tuple(sso.get("dag_roles", ())),
        groups={role: tuple(each) for role, each in sso.get("groups", {}).items()},
        users={role: tuple(each) for role, each in sso.get("users", {}).items()},
    )  # fmt: skip


def _portal(applied: Applied) -> list[Client]:
    portal = applied.inputs["variables"].get("portal")
    if portal is None:
        return []
    url = portal["base_url"]
    return [
        Client(
            PLATFORM, portal["client_id"], "Airflow", url, "module.portal[0]", redirect=f"{url}/-/signed-in",
            sign_out=f"{url}/-/signed-out", manager=PORTAL, scopes=frozenset({"basic", "profile", ROLES_SCOPE}),
        )
    ]  # fmt: skip


def team_of(client_id: str) -> str:
    """The instance that a client of this id would be of; empty where it has no such form."""
    prefix = naming.client_id("")
    return client_id.removeprefix(prefix) if client_id.startswith(prefix) else ""
