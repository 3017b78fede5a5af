"""Kinds of findings of layer sso."""

from __future__ import annotations

from fleet.drift.finding import Kind, Severity

_APPLY = "applies the stack of the team again"
_PLATFORM = "applies the stack `platform` again"
_BACK = "asks Keycloak to take it away again"
_ACCESS = "put them into `access` of the entry, or take them out in Keycloak"


def _kind(name: str, severity: Severity, meaning: str, heals: str = "", remedy: str = "") -> Kind:
    return Kind(f"sso.{name}", "sso", severity, meaning, heals, remedy)


CLIENT_GONE = _kind("client-gone", "critical", "a sign-on client is gone: nobody signs in there", _APPLY)
CLIENT_OFF = _kind("client-off", "critical", "a sign-on client signs nobody in as it should", _APPLY)
CLIENT_OPEN = _kind("client-open", "critical", "a sign-on client gives tokens in a way that was closed", _APPLY)
FULL_SCOPE = _kind(
    "full-scope", "critical", "a client's tokens carry the roles that people have at every other client", _APPLY
)
REDIRECT_OPEN = _kind(
    "redirect-open",
    "critical",
    "Keycloak sends people, or answers scripts, at an address that is not the client's",
    _APPLY,
)
REDIRECT_LOST = _kind(
    "redirect-lost", "critical", "Keycloak no longer sends people to the client's own address", _APPLY
)
CLIENT_SETTING = _kind("client-setting", "warning", "a setting of a sign-on client was changed", _APPLY)
CLIENT_SECRET = _kind(
    "client-secret",
    "critical",
    "Keycloak knows another secret of the client than its Airflow has: nobody signs in there",
    "tells Keycloak the secret again",
)
PORTAL_SECRET = _kind(
    "portal-secret",
    "critical",
    "Keycloak knows another secret of the portal's client than the portal has",
    "tells Keycloak the secret again",
)
FLOW = _kind("flow", "critical", "a client, or the realm, signs people in by another flow than it should", _APPLY)
ROLE_GONE = _kind("role-gone", "critical", "a role of a client is gone, and with it everybody's", _APPLY)
ROLE_FOREIGN = _kind(
    "role-foreign",
    "warning",
    "a client has a role that nothing declares",
    remedy="delete the role in Keycloak if nobody needs it; a right to some DAGs goes into `access.dags`",
)
ROLE_CONTAINS = _kind(
    "role-contains", "critical", "a role of a client contains others: whoever has it has those too", _BACK
)
MAPPER_GONE = _kind("mapper-gone", "critical", "what puts roles into a token is gone", _APPLY)
MAPPER_CHANGED = _kind("mapper-changed", "critical", "what puts roles into a token does it otherwise", _APPLY)
MAPPER_FOREIGN = _kind(
    "mapper-foreign", "critical", "something that nothing declares writes into a client's tokens", _BACK
)
SCOPE_FOREIGN = _kind("scope-foreign", "warning", "a client has a client scope that nothing declares", _BACK)
SCOPE_GONE = _kind(
    "scope-gone",
    "warning",
    "a client scope is gone, or a client lacks it",
    f"gives it to the client again, or {_PLATFORM}",
)
SCOPE_ROLE_GONE = _kind("scope-role-gone", "warning", "the portal no longer sees a role of the team", _APPLY)
SCOPE_ROLE_FOREIGN = _kind("scope-role-foreign", "warning", "a scope lets a role through that nothing declares", _BACK)
GROUP_GONE = _kind("group-gone", "warning", "a group is gone, and whoever was in it lost its role", _APPLY)
GROUP_ROLE_GONE = _kind("group-role-gone", "warning", "a group no longer has the role that it is for", _APPLY)
GROUP_ROLE_OTHER = _kind(
    "group-role-other",
    "critical",
    "a team's group has a role beside its own: another team's, or another of the same",
    _BACK,
)
GROUP_ROLE_BY_HAND = _kind("group-role-by-hand", "warning", "a group was given a role by hand", _BACK, _ACCESS)
MEMBER_GONE = _kind(
    "member-gone",
    "warning",
    "a group or a person that the inventory names is not in Keycloak",
    remedy="make them in Keycloak, or take them out of `access` in the entry of {team}",
)
USER_ROLE_GONE = _kind("user-role-gone", "warning", "a person lacks a role that the inventory gives them", _APPLY)
USER_ROLE_BY_HAND = _kind(
    "user-role-by-hand", "warning", "a person, or a program, was given a role by hand", _BACK, _ACCESS
)
REALM_GONE = _kind(
    "realm-gone",
    "critical",
    "the realm is gone",
    remedy="restore Keycloak's database; `fleet apply --refresh` makes the realm anew, without people",
)
REALM_OPEN = _kind("realm-open", "critical", "a protection of the realm is off", _PLATFORM)
REALM_SETTING = _kind("realm-setting", "warning", "a setting of the realm was changed", _PLATFORM)
REALM_EVENTS = _kind("realm-events", "warning", "sign-ins are no longer written to Keycloak's log", _BACK)
REALM_ROLE = _kind(
    "realm-role",
    "critical",
    "a role of the realm has the name of a client's role: Airflow's Keycloak manager would take it for that, at every instance",
    remedy="delete the role of the realm in Keycloak, after looking who has it",
)
REALM_ROLE_CONTAINS = _kind(
    "realm-role-contains",
    "critical",
    "a role of the realm contains an instance's, whose holders are then in",
    _BACK,
)
DEFAULT_GROUP = _kind(
    "default-group", "critical", "whoever is new in the realm gets an instance's role, by a group", _BACK
)
BROKER_ROLE = _kind("broker-role", "warning", "an identity provider gives people an instance's role", _BACK)

KINDS: tuple[Kind, ...] = (
    CLIENT_GONE, CLIENT_OFF, CLIENT_OPEN, FULL_SCOPE, REDIRECT_OPEN, REDIRECT_LOST, CLIENT_SETTING, CLIENT_SECRET,
    PORTAL_SECRET, FLOW, ROLE_GONE, ROLE_FOREIGN, ROLE_CONTAINS, MAPPER_GONE, MAPPER_CHANGED, MAPPER_FOREIGN,
    SCOPE_FOREIGN, SCOPE_GONE, SCOPE_ROLE_GONE, SCOPE_ROLE_FOREIGN, GROUP_GONE, GROUP_ROLE_GONE, GROUP_ROLE_OTHER,
    GROUP_ROLE_BY_HAND, MEMBER_GONE, USER_ROLE_GONE, USER_ROLE_BY_HAND, REALM_GONE, REALM_OPEN, REALM_SETTING,
    REALM_EVENTS, REALM_ROLE, REALM_ROLE_CONTAINS, DEFAULT_GROUP, BROKER_ROLE,
)  # fmt: skip
