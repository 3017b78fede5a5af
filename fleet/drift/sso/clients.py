"""Clients' settings: takes a client as wanted and as Keycloak has it, gives drafts of findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fleet.drift.finding import Kind
from fleet.drift.sso import kinds
from fleet.drift.sso.drafts import Draft, draft
from fleet.drift.sso.seen import Json, Seen
from fleet.drift.sso.wanted import Client


@dataclass(frozen=True)
class Setting:
    """One attribute of a client's representation.

    Args:
        path: in the representation; a slash steps into an object.
        twin: the attribute's name in Terraform.
        expected: its value.
        absent: what it means where it is not there.
    """

    path: str
    twin: str
    kind: Kind
    expected: Callable[[Client], Any]
    absent: Any = None


def _always(value: Any) -> Callable[[Client], Any]:
    return lambda _: value


def _by_keycloak(client: Client) -> bool:
    return client.by_keycloak


SETTINGS = (
    Setting("enabled", "enabled", kinds.CLIENT_OFF, _always(True)),
    Setting("protocol", "id", kinds.CLIENT_OFF, _always("openid-connect")),
    Setting("bearerOnly", "access_type", kinds.CLIENT_OFF, _always(False)),
    Setting("standardFlowEnabled", "standard_flow_enabled", kinds.CLIENT_OFF, _always(True)),
    Setting("authorizationServicesEnabled", "authorization", kinds.CLIENT_OFF, _by_keycloak),
    Setting("publicClient", "access_type", kinds.CLIENT_OPEN, _always(False)),
    Setting("implicitFlowEnabled", "implicit_flow_enabled", kinds.CLIENT_OPEN, _always(False)),
    Setting("directAccessGrantsEnabled", "direct_access_grants_enabled", kinds.CLIENT_OPEN, _always(False)),
    Setting("serviceAccountsEnabled", "service_accounts_enabled", kinds.CLIENT_OPEN, _by_keycloak),
    Setting(
        "attributes/oauth2.device.authorization.grant.enabled", "oauth2_device_authorization_grant_enabled",
        kinds.CLIENT_OPEN, _always(False),
    ),
    Setting(
        "attributes/standard.token.exchange.enabled", "standard_token_exchange_enabled", kinds.CLIENT_OPEN, _always(False)
    ),
    Setting("clientAuthenticatorType", "client_authenticator_type", kinds.CLIENT_OFF, _always("client-secret")),
    Setting("fullScopeAllowed", "full_scope_allowed", kinds.FULL_SCOPE, _always(False)),
    Setting(
        "attributes/pkce.code.challenge.method", "pkce_code_challenge_method", kinds.CLIENT_SETTING,
        lambda client: "" if client.by_keycloak else "S256",
    ),
    Setting("consentRequired", "consent_required", kinds.CLIENT_SETTING, _always(False)),
    Setting("frontchannelLogout", "frontchannel_logout_enabled", kinds.CLIENT_SETTING, _always(False)),
    Setting(
        "attributes/use.refresh.tokens", "use_refresh_tokens", kinds.CLIENT_SETTING,
        lambda client: client.manager != "fab", absent=True,  # the portal has the provider's default
    ),
    Setting("baseUrl", "base_url", kinds.CLIENT_SETTING, lambda client: f"{client.base_url}/"),
    Setting("rootUrl", "root_url", kinds.CLIENT_SETTING, _always("")),
    Setting("adminUrl", "admin_url", kinds.CLIENT_SETTING, _always("")),
    Setting("name", "name", kinds.CLIENT_SETTING, lambda client: client.name),
    *(
        Setting(f"attributes/{name}", name.replace(".", "_"), kinds.CLIENT_SETTING, _always(""))
        for name in ("access.token.lifespan", "client.session.idle.timeout", "client.session.max.lifespan")
    ),
)  # fmt: skip
# Where people are sent, and whose scripts are answered: attribute, Terraform's name, what it is to be.
ADDRESSES: tuple[tuple[str, str, Callable[[Client], set[str]]], ...] = (
    ("redirectUris", "valid_redirect_uris", lambda client: {client.redirect}),
    ("attributes/post.logout.redirect.uris", "valid_post_logout_redirect_uris", lambda client: {client.sign_out}),
    ("webOrigins", "web_origins", lambda _: set()),
)
_NONE = {"", "-"}  # how Keycloak writes that there is no address
_OVERRIDES = "authentication_flow_binding_overrides"


def client(wanted: Client, seen: Seen) -> Iterator[Draft]:
    """Everything about one client but its roles and what is written into its tokens."""
    found = seen.clients[wanted.client_id]
    place, resource = f"clients/{found['id']}", f"{wanted.module}.keycloak_openid_client.this"
    for each in SETTINGS:
        expected, value = each.expected(wanted), _value(found, each.path)
        value = each.absent if value in (None, "") else value
        if _plain(expected) != _plain(value):
            yield draft(
                each.kind, wanted.team, wanted.address, each.path.removeprefix("attributes/"), expected=expected,
                found=value, twins=(f"{resource}|{each.twin}",), mend=wanted.mend, place=place,
            )  # fmt: skip
    yield from _addresses(wanted, found, resource, place)
    yield from _flows(wanted, found, seen, resource, place)


def _addresses(wanted: Client, found: Json, resource: str, place: str) -> Iterator[Draft]:
    for path, twin, addresses in ADDRESSES:
        expected, value = addresses(wanted), _value(found, path)
        there = set(value if isinstance(value, list) else str(value or "").split("##")) - _NONE
        if there != expected:
            kind = kinds.REDIRECT_OPEN if there - expected else kinds.REDIRECT_LOST
            yield draft(
                kind, wanted.team, wanted.address, path.removeprefix("attributes/"), expected=sorted(expected),
                found=sorted(there), twins=(f"{resource}|{twin}",), mend=wanted.mend, place=place,
            )  # fmt: skip


def _flows(wanted: Client, found: Json, seen: Seen, resource: str, place: str) -> Iterator[Draft]:
    expected = {"browser": f"{wanted.client_id}-browser"} if wanted.by_keycloak else {}
    bound = found.get("authenticationFlowBindingOverrides") or {}
    there = {flow: seen.flows.get(identity, identity) for flow, identity in bound.items() if identity}
    if there != expected:
        yield draft(
            kinds.FLOW, wanted.team, wanted.address, "authenticationFlowBindingOverrides", expected=expected, found=there,
            twins=(f"{resource}|{_OVERRIDES}", f"{resource}|{_OVERRIDES}.browser_id"), mend=wanted.mend, place=place,
        )  # fmt: skip


def _value(found: Json, path: str) -> Any:
    outer, _, inner = path.partition("/")
    return (found.get(outer) or {}).get(inner) if inner else found.get(outer)


def _plain(value: Any) -> str:
    """In one form what Keycloak writes in three: a flag that is off is false, `false`, or not there."""
    text = str(value).lower() if isinstance(value, bool) else str(value or "")
    return "" if text == "false" else text
