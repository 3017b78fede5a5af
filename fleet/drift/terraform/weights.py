"""What a changed attribute means: takes a resource's type, an attribute and its two values, gives a kind of finding, never
looks at the world. The tables are to be read: type → attribute → when it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from fleet.drift.finding import Kind
from fleet.drivers.terraform_look import Change

_AGAIN = "applies the stack again"
_LOOK = "`fleet plan --refresh {team}` says what an apply would do"
CHANGED = Kind("terraform.changed", "terraform", "warning", "a setting that Terraform made was changed", _AGAIN)
WALL = Kind("terraform.wall", "terraform", "critical", "a wall was opened, or a net taken away", _AGAIN)
BROKEN = Kind(
    "terraform.broken", "terraform", "critical",
    "a setting without which Airflow does not run, or nobody can sign in, was changed", _AGAIN,
)  # fmt: skip
GONE = Kind("terraform.gone", "terraform", "warning", "something that Terraform made is gone", _AGAIN)
LOST = Kind(
    "terraform.lost", "terraform", "critical", "something without which Airflow does not run is gone",
    "applies the stack again; not where data went with it",
)  # fmt: skip
UNAPPLIED = Kind(
    "terraform.unapplied", "terraform", "warning",
    "an apply would change it, though nobody touched it: the last one did not do all", _AGAIN,
)  # fmt: skip
TAINTED = Kind(
    "terraform.tainted", "terraform", "warning", "the last apply left it half made; the next makes it anew",
    "applies the stack again; not where data would go with it",
)  # fmt: skip
LEFT = Kind(
    "terraform.left", "terraform", "warning", "the state holds it, but neither the inventory nor the modules know it",
    remedy=_LOOK,
)  # fmt: skip
MEMBER = Kind(
    "terraform.member", "terraform", "warning", "a group or a person that the inventory lets in is not in the realm",
    remedy="make it again in Keycloak, or take it out of `access` in the inventory",
)  # fmt: skip
STATE = Kind(
    "terraform.state", "terraform", "critical", "the instance was applied, but Terraform's state holds nothing of it",
    remedy="restore the database (or bucket) of Terraform's back end; an apply would want to make everything anew",
)  # fmt: skip
KINDS = (CHANGED, WALL, BROKEN, GONE, LOST, UNAPPLIED, TAINTED, LEFT, MEMBER, STATE)

Test = Callable[[Any, Any], bool]  # of the value as it should be, and as it was found


def _on(_: Any, found: Any) -> bool:
    return found is True


def _off(_: Any, found: Any) -> bool:
    return found is not True


def _other(_expected: Any, _found: Any) -> bool:
    return True


def _more(expected: Any, found: Any) -> bool:
    return bool({*map(str, found or ())} - {*map(str, expected or ())})


def _less(expected: Any, found: Any) -> bool:
    return _more(found, expected)


def _is(*values: Any) -> Test:
    return lambda _, found: found in values


_WALLS: Mapping[str, Mapping[str, Test]] = {
    "postgresql_role": {
        "superuser": _on, "create_role": _on, "create_database": _on, "replication": _on,
        "bypass_row_level_security": _on, "roles": _more, "connection_limit": _is(-1),
    },
    "postgresql_database": {"owner": _other, "is_template": _on},
    "postgresql_schema": {"owner": _other},
    "postgresql_grant": {"privileges": _more, "with_grant_option": _on},
    "keycloak_openid_client": {
        "full_scope_allowed": _on, "access_type": _is("PUBLIC"), "client_authenticator_type": _other,
        "valid_redirect_uris": _more, "valid_post_logout_redirect_uris": _more, "web_origins": _more,
        "direct_access_grants_enabled": _on, "implicit_flow_enabled": _on, "service_accounts_enabled": _on,
        "pkce_code_challenge_method": _other, "oauth2_device_authorization_grant_enabled": _on,
        "standard_token_exchange_enabled": _on, "authentication_flow_binding_overrides*": _other, "authorization*": _other,
    },
    "keycloak_openid_client_default_scopes": {"default_scopes": _more},
    "keycloak_openid_user_client_role_protocol_mapper": {"client_id_for_role_mappings": _other},
    "keycloak_role": {"composite_roles": _more},
    "keycloak_openid_client_role_policy": {"*": _other},
    "keycloak_openid_client_authorization_*": {"*": _other},
    "keycloak_authentication_*": {"*": _other},
    "keycloak_realm": {
        "security_defenses*": _other, "password_policy": _other, "ssl_required": _is("none"), "registration_allowed": _on,
        "edit_username_allowed": _on, "duplicate_emails_allowed": _on, "user_managed_access": _on, "*_flow": _other,
    },
    "google_sql_database_instance": {
        "deletion_protection": _off, "settings.deletion_protection_enabled": _off,
        "settings.ip_configuration.ipv4_enabled": _on, "settings.ip_configuration.authorized_networks": _more,
        "settings.ip_configuration.ssl_mode": _other, "settings.ip_configuration": _other,
        "settings.backup_configuration.enabled": _off, "settings.backup_configuration.point_in_time_recovery_enabled": _off,
        "settings.backup_configuration": _other,
    },
    "google_storage_bucket": {"public_access_prevention": _other, "uniform_bucket_level_access": _off},
}  # fmt: skip
_BREAKS: Mapping[str, Mapping[str, Test]] = {
    "postgresql_role": {"login": _off, "search_path": _other, "valid_until": _other, "connection_limit": _is(0)},
    "postgresql_database": {"allow_connections": _off, "connection_limit": _other},
    "postgresql_grant": {"privileges": _less},
    "keycloak_openid_client": {
        "enabled": _off, "standard_flow_enabled": _off, "valid_redirect_uris": _less, "client_id": _other,
        "access_type": _other,
    },
    "keycloak_openid_user_client_role_protocol_mapper": {
        "claim_name": _other, "claim_value_type": _other, "multivalued": _off, "add_to_id_token": _off,
    },
    "keycloak_role": {"name": _other},
    "keycloak_realm": {"enabled": _off},
    "google_service_account": {"disabled": _on},
}  # fmt: skip

_VITAL = (
    "postgresql_role", "postgresql_database", "postgresql_schema", "keycloak_openid_client", "keycloak_realm",
    "keycloak_openid_user_client_role_protocol_mapper", "google_service_account", "google_sql_database_instance",
    "google_sql_user", "google_storage_bucket",
)  # fmt: skip
# Steps of a way to sign in: without one, it lets in whom it should not.
_STEPS = (
    "keycloak_authentication_execution",
    "keycloak_authentication_execution_config",
    "keycloak_authentication_subflow",
)
# With one of these, data is gone; made anew, it would be empty, and hide that.
_DATA = (
    "postgresql_role", "postgresql_database", "postgresql_schema", "keycloak_realm", "google_sql_database_instance",
    "google_storage_bucket", "google_storage_managed_folder",
)  # fmt: skip
# What says who may do what and holds nothing of its own: to take it away and make it again loses nothing.
_RIGHTS = (
    "postgresql_grant", "keycloak_group_roles", "keycloak_user_roles", "keycloak_generic_role_mapper",
    "keycloak_openid_client_default_scopes", "keycloak_openid_user_client_role_protocol_mapper",
)  # fmt: skip


def changed(kind: str, field: str, expected: Any, found: Any) -> Kind:
    """An attribute of a resource of type ``kind`` that is not as it should be."""
    for table, weight in ((_WALLS, WALL), (_BREAKS, BROKEN)):
        for types, attributes in table.items():
            if fnmatchcase(kind, types) and any(
                fnmatchcase(field, name) and test(expected, found) for name, test in attributes.items()
            ):
                return weight
    return CHANGED


def gone(kind: str) -> Kind:
    """A resource of type ``kind`` that is not there."""
    return LOST if kind in _VITAL else WALL if kind in _STEPS else GONE


def holds_data(kind: str) -> bool:
    """Whether data goes with it."""
    return kind in _DATA


def replaceable(kind: str) -> bool:
    """Whether it can be taken away and made again without a loss."""
    return kind in _RIGHTS


def says_rights(kind: str) -> bool:
    """Whether it is said in a client's authorization services."""
    return kind.startswith("keycloak_openid_client_authorization_") or kind == "keycloak_openid_client_role_policy"


def rights_off(drift: Change) -> bool:
    """Whether a client's authorization services were switched off."""
    before, after = ((each or {}).get("authorization") for each in (drift.before, drift.after))
    return drift.type == "keycloak_openid_client" and bool(before) and not after
