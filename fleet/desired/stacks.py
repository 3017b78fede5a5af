"""Terraform's variables: takes the platform and an instance, gives the inputs of both stacks, never a secret."""

from __future__ import annotations

from typing import Any

from fleet.desired import gcp, naming, portal, rights
from fleet.desired.resolve import Resolved
from fleet.model import Deployment, Inventory, Platform

# Raised when a password is to be set anew: Terraform sends a write-only argument only when its version changes.
SECRETS_VERSION = 1

# What stands for the ephemeral variables in a plan and in a destruction: write-only arguments are sent only when their
# version changes, so no real secret is needed there.
NO_SECRETS = {"database_password": "x" * 32, "sso_client_secret": "x" * 32}


def backend(platform: Platform, stack: str) -> dict[str, Any]:
    """The back end block of a stack, in Terraform's JSON syntax; each stack has a place of its own for its workspaces."""
    if platform.terraform.backend == "gcs":
        return {"gcs": {"bucket": platform.terraform.bucket, "prefix": f"fleet/{stack}"}}
    return {"pg": {"schema_name": f"fleet_{stack}"}}


def platform(inventory: Inventory) -> dict[str, Any]:
    """Variables of the stack `platform`."""
    entries: list[Deployment] = [*inventory.instances.values(), *inventory.teams.values()]
    groups = {group for entry in entries for members in rights.groups(entry.access).values() for group in members}
    made_here = {group for group in groups if "/" not in group}
    return {
        "sso": {
            "url": inventory.platform.sso.url,
            "realm": inventory.platform.sso.realm,
            "display_name": "Airflow",
            "groups": sorted(made_here),
            **_refreshed_at_once(inventory, entries),
        },
        "portal": portal.variables(inventory.platform),
        "portal_client_secret_version": SECRETS_VERSION,
        **({"drift": {"client_id": naming.DRIFT}} if inventory.platform.drift.enabled else {}),
        **gcp.platform_variables(inventory.platform),
    }


def _refreshed_at_once(inventory: Inventory, entries: list[Deployment]) -> dict[str, bool]:
    """Airflow's Keycloak manager spends a page's refresh token in several requests at once, for which one use is too few."""
    managers = {(entry.sso or inventory.defaults.sso).manager for entry in entries}
    return {"revoke_refresh_token": False} if "keycloak" in managers else {}


def team(platform: Platform, instance: Resolved) -> dict[str, Any]:
    """Variables of the stack `team`, but for the ephemeral ones."""
    name = naming.sql(instance.name)
    return {
        "instance": instance.name,
        "database_server": _database_server(platform),
        "database": {
            "name": name,
            "schema": name,
            "role": name,
            "connection_limit": instance.size.connections,
            **({"reader": naming.DRIFT_ROLE} if platform.drift.enabled else {}),
        },
        "sso": {
            "url": platform.sso.url,
            "realm": platform.sso.realm,
            "client_id": naming.client_id(instance.name),
            "display_name": naming.display_name(instance.name),
            "base_url": naming.url(platform, instance.name),
            "groups": {role: sorted(names) for role, names in rights.groups(instance.access).items()},
            "users": {role: sorted(names) for role, names in rights.users(instance.access).items()},
            **({"dag_roles": dag_roles} if (dag_roles := rights.roles(instance.access)) else {}),
            **({"manager": "keycloak"} if instance.manager == "keycloak" else {}),
        },
        "database_password_version": SECRETS_VERSION + instance.rotated.get("database", 0),
        "sso_client_secret_version": SECRETS_VERSION,
        **gcp.team_variables(platform, instance.name),
    }


def _database_server(platform: Platform) -> dict[str, Any]:
    return platform.database.model_dump(include={"host", "port", "sslmode"})
