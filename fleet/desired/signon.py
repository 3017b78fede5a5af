"""The auth manager that Airflow signs people in with: takes the platform and an instance, gives its settings and where Keycloak
sends people back to, never a secret (it comes out of the environment)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from fleet.desired import naming
from fleet.desired.resolve import Resolved
from fleet.model import Manager, Platform

MANAGERS: dict[Manager, str] = {
    "fab": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "keycloak": "airflow.providers.keycloak.auth_manager.keycloak_auth_manager.KeycloakAuthManager",
}
# The environment variable in which each looks for the client's secret.
SECRET_VARIABLE: dict[Manager, str] = {
    "fab": "AIRFLOW_SSO_CLIENT_SECRET",
    "keycloak": "AIRFLOW__KEYCLOAK_AUTH_MANAGER__CLIENT_SECRET",
}
# The one address, below the instance's own, that codes and people go back to; as in terraform/modules/sso.
SIGNED_IN: dict[Manager, str] = {"fab": "/auth/oauth-authorized/keycloak", "keycloak": "/auth/login_callback"}
SIGNED_OUT: dict[Manager, str] = {"fab": "/", "keycloak": "/auth/logout_callback"}
# How long a role taken away in Keycloak may live on in a session: FAB reads roles at sign-in only.
SESSION_MINUTES = 480


def config(platform: Platform, instance: Resolved) -> dict[str, dict[str, str]]:
    """The auth manager's section of airflow.cfg."""
    return _keycloak(platform, instance) if instance.manager == "keycloak" else _fab(platform, instance)


def _fab(platform: Platform, instance: Resolved) -> dict[str, dict[str, str]]:
    https = urlsplit(naming.url(platform, instance.name)).scheme == "https"
    return {
        "fab": {
            "cookie_secure": str(https),
            "session_backend": "database",  # so that the server can end a session
            "session_lifetime_minutes": str(SESSION_MINUTES),
            "session_max_lifetime_minutes": str(SESSION_MINUTES),
        }
    }


def _keycloak(platform: Platform, instance: Resolved) -> dict[str, dict[str, str]]:
    return {
        "keycloak_auth_manager": {
            "server_url": platform.sso.url.rstrip("/"),
            "realm": platform.sso.realm,
            "client_id": naming.client_id(instance.name),
        }
    }


def manager(variables: Mapping[str, Any]) -> Manager:
    """The manager that the stack `team` was told, by its variables as they are recorded."""
    return "keycloak" if variables["sso"].get("manager") == "keycloak" else "fab"
