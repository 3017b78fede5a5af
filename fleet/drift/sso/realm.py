"""The realm's own settings, roles and doors: takes what is wanted and the realm as it stands, gives drafts of findings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleet.diff import PLATFORM
from fleet.drift.finding import Kind
from fleet.drift.mend import Administer, Reapply
from fleet.drift.sso import kinds
from fleet.drift.sso.drafts import Draft, delete, draft
from fleet.drift.sso.seen import Json, Seen
from fleet.drift.sso.wanted import ROLES, Wanted
from fleet.drivers.keycloak import Realm

_RESOURCE = "keycloak_realm.this"
_HEADERS, _GUESSING = "security_defenses.headers", "security_defenses.brute_force_detection"
_LOG = "jboss-logging"


@dataclass(frozen=True)
class Setting:
    """One attribute of the realm's representation.

    Args:
        path: in the representation; a slash steps into an object.
        twin: the attribute's name in Terraform.
        expected: its value, or the variable of the stack that has it.
    """

    path: str
    twin: str
    kind: Kind
    expected: Any


@dataclass(frozen=True)
class _Variable:
    name: str
    default: Any


def _span(written: str) -> int:
    """Seconds of a span as Terraform's provider writes it: 10h0m0s."""
    hours, minutes, seconds = re.fullmatch(r"(?:(\d+)h)?(\d+)m(\d+)s", written).groups("0")  # type: ignore[union-attr]
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds)


SETTINGS = (
    Setting("enabled", "enabled", kinds.REALM_OPEN, True),
    Setting("sslRequired", "ssl_required", kinds.REALM_OPEN, _Variable("ssl_required", "external")),
    Setting("bruteForceProtected", _GUESSING, kinds.REALM_OPEN, True),
    Setting("failureFactor", f"{_GUESSING}.max_login_failures", kinds.REALM_SETTING, 10),
    Setting("waitIncrementSeconds", f"{_GUESSING}.wait_increment_seconds", kinds.REALM_SETTING, 60),
    Setting("maxFailureWaitSeconds", f"{_GUESSING}.max_failure_wait_seconds", kinds.REALM_SETTING, 900),
    Setting("maxDeltaTimeSeconds", f"{_GUESSING}.failure_reset_time_seconds", kinds.REALM_SETTING, 43200),
    Setting("registrationAllowed", "registration_allowed", kinds.REALM_OPEN, False),
    Setting("browserFlow", "browser_flow", kinds.FLOW, "browser"),
    Setting("directGrantFlow", "direct_grant_flow", kinds.FLOW, "direct grant"),
    Setting(
        "passwordPolicy", "password_policy", kinds.REALM_SETTING,
        _Variable("password_policy", "length(12) and notUsername(undefined)"),
    ),
    Setting("loginWithEmailAllowed", "login_with_email_allowed", kinds.REALM_SETTING, True),
    Setting("duplicateEmailsAllowed", "duplicate_emails_allowed", kinds.REALM_SETTING, False),
    Setting("registrationEmailAsUsername", "registration_email_as_username", kinds.REALM_SETTING, False),
    Setting("editUsernameAllowed", "edit_username_allowed", kinds.REALM_SETTING, False),
    Setting("resetPasswordAllowed", "reset_password_allowed", kinds.REALM_SETTING, False),
    Setting("verifyEmail", "verify_email", kinds.REALM_SETTING, False),
    Setting("rememberMe", "remember_me", kinds.REALM_SETTING, False),
    Setting("defaultSignatureAlgorithm", "default_signature_algorithm", kinds.REALM_SETTING, "RS256"),
    Setting("accessTokenLifespan", "access_token_lifespan", kinds.REALM_SETTING, 300),
    Setting("accessCodeLifespan", "access_code_lifespan", kinds.REALM_SETTING, 60),
    Setting("ssoSessionIdleTimeout", "sso_session_idle_timeout", kinds.REALM_SETTING, _Variable("session_idle", "30m0s")),
    Setting("ssoSessionMaxLifespan", "sso_session_max_lifespan", kinds.REALM_SETTING, _Variable("session_max", "10h0m0s")),
    Setting("revokeRefreshToken", "revoke_refresh_token", kinds.REALM_SETTING, _Variable("revoke_refresh_token", True)),
    Setting("refreshTokenMaxReuse", "refresh_token_max_reuse", kinds.REALM_SETTING, 0),
    Setting("browserSecurityHeaders/xFrameOptions", f"{_HEADERS}.x_frame_options", kinds.REALM_SETTING, "SAMEORIGIN"),
    Setting(
        "browserSecurityHeaders/contentSecurityPolicy", f"{_HEADERS}.content_security_policy", kinds.REALM_SETTING,
        "frame-src 'self'; frame-ancestors 'self'; object-src 'none';",
    ),
    Setting(
        "browserSecurityHeaders/strictTransportSecurity", f"{_HEADERS}.strict_transport_security", kinds.REALM_SETTING,
        "max-age=31536000; includeSubDomains",
    ),
    Setting("browserSecurityHeaders/referrerPolicy", f"{_HEADERS}.referrer_policy", kinds.REALM_SETTING, "no-referrer"),
)  # fmt: skip
_SPANS = {"ssoSessionIdleTimeout", "ssoSessionMaxLifespan"}


def settings(wanted: Wanted, seen: Seen) -> Iterator[Draft]:
    """The realm's settings, as the stack `platform` declares them."""
    address = f"realm {wanted.realm}"
    for each in SETTINGS:
        outer, _, inner = each.path.partition("/")
        found = seen.realm.get(outer)
        found = (found or {}).get(inner) if inner else found
        declared = expected(each, wanted.settings)
        if (found or False) != (declared or False):
            yield draft(
                each.kind, PLATFORM, address, each.path.replace("/", "."), expected=declared, found=found,
                twins=_twins(each.twin), mend=Reapply("platform"),
            )  # fmt: skip
    if _LOG not in (listeners := seen.realm.get("eventsListeners") or []):
        again = Administer(
            "PUT", "", {"eventsListeners": [*listeners, _LOG]}, f"let {address} write sign-ins to the log"
        )
        yield draft(
            kinds.REALM_EVENTS, PLATFORM, address, "eventsListeners", expected=[_LOG], found=listeners, mend=again
        )


def expected(setting: Setting, variables: Mapping[str, Any]) -> Any:
    """What a setting is to be, with the variables that the stack was applied with."""
    if not isinstance(setting.expected, _Variable):
        return setting.expected
    value = variables.get(setting.expected.name, setting.expected.default)
    return _span(value) if setting.path in _SPANS else value


def _twins(twin: str) -> tuple[str, ...]:
    """Terraform names the part of a block that differs, or the block, where that came or went."""
    parts = twin.split(".")
    return tuple(f"{_RESOURCE}|{'.'.join(parts[:depth])}" for depth in range(len(parts), 0, -1))


async def doors(realm: Realm, wanted: Wanted, seen: Seen) -> list[Draft]:
    """What gives roles to people without naming them: roles of the realm, default groups, identity providers.

    Raises:
        FleetError: Keycloak is away, or refuses.
    """
    found: list[Draft] = []
    for role in await realm.every("/roles"):
        found += _named_like_ours(role)
        if role["composite"]:
            inner = await realm.get(f"/roles-by-id/{role['id']}/composites")
            found += contained(
                wanted, seen, PLATFORM, f"realm role {role['name']}", role, inner, kinds.REALM_ROLE_CONTAINS
            )
    for group in await realm.get("/default-groups"):
        found += _default_group(wanted, seen, group)
    for provider in await realm.get("/identity-provider/instances", briefRepresentation="true"):
        mappers = await realm.get(f"/identity-provider/instances/{provider['alias']}/mappers")
        found += [each for mapper in mappers for each in _broker(wanted, provider["alias"], mapper)]
    return found


async def composites(realm: Realm, wanted: Wanted, seen: Seen) -> list[Draft]:
    """Roles of the clients that contain others; none does as fleet makes them, so that asking for it costs nothing."""
    found: list[Draft] = []
    for client_id, own in seen.own.items():
        client = wanted.clients[client_id]
        for name, role in own.roles.items():
            if role["composite"]:
                inner = await realm.get(f"/roles-by-id/{role['id']}/composites")
                found += contained(
                    None, seen, client.team, f"{client.address} role {name}", role, inner, kinds.ROLE_CONTAINS
                )
    return found


def contained(
    wanted: Wanted | None, seen: Seen, team: str, address: str, role: Json, inner: list[Json], kind: Kind
) -> Iterator[Draft]:
    """Roles in another; only those of instances where ``wanted`` says which."""
    by_uuid = {each["id"]: client_id for client_id, each in seen.clients.items()}
    for each in inner:
        client_id = by_uuid.get(each["containerId"], "") if each["clientRole"] else ""
        if wanted is not None and client_id not in wanted.clients:
            continue
        name = f"{client_id}.{each['name']}" if client_id else each["name"]
        path = f"roles-by-id/{role['id']}/composites"
        yield draft(
            kind, team, address, f"contains.{name}", found=name, place=path,
            mend=delete(f"/{path}", f"take {name} out of {address}", [{"id": each["id"], "name": each["name"]}]),
        )  # fmt: skip


def _named_like_ours(role: Json) -> Iterator[Draft]:
    if role["name"] in ROLES:
        yield draft(
            kinds.REALM_ROLE, PLATFORM, f"realm role {role['name']}", found=role["name"], place=f"roles/{role['name']}"
        )


def _default_group(wanted: Wanted, seen: Seen, group: Json) -> Iterator[Draft]:
    """A group has the roles of those that it is in, too."""
    parts = group["path"].split("/")[1:]
    paths = ["/" + "/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    given = {
        f"{client_id}.{role}" for path in paths
        for client_id, roles in (seen.groups.get(path, {}).get("clientRoles") or {}).items() if client_id in wanted.clients
        for role in roles
    }  # fmt: skip
    if given:
        path = f"default-groups/{group['id']}"
        yield draft(
            kinds.DEFAULT_GROUP, PLATFORM, f"group {group['path']}", "default", found=sorted(given), place=path,
            mend=delete(f"/{path}", f"put nobody into the group {group['path']} by default"),
        )  # fmt: skip


def _broker(wanted: Wanted, alias: str, mapper: Json) -> Iterator[Draft]:
    role = (mapper.get("config") or {}).get("role", "")
    client = wanted.clients.get(role.rpartition(".")[0])
    if client:
        path = f"identity-provider/instances/{alias}/mappers/{mapper['id']}"
        yield draft(
            kinds.BROKER_ROLE, client.team, f"identity provider {alias}", f"mappers.{mapper['name']}", found=role, place=path,
            mend=delete(f"/{path}", f"take the mapper {mapper['name']} from the identity provider {alias}"),
        )  # fmt: skip
