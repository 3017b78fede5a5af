"""What is written into tokens: takes a client as wanted and the realm as it stands, gives drafts of findings about mappers and
client scopes."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.diff import PLATFORM
from fleet.drift.mend import Administer, Reapply
from fleet.drift.sso import kinds
from fleet.drift.sso.drafts import Draft, delete, draft
from fleet.drift.sso.seen import Json, Seen
from fleet.drift.sso.wanted import ACCOUNT_SCOPE, DEFAULT_SCOPES, NEEDED_SCOPES, OPTIONAL_SCOPES, ROLES_SCOPE, Client

# A mapper setting by setting: name in Keycloak, in Terraform, value.
Claim = tuple[tuple[str, str, str], ...]
_MAPPER = "keycloak_openid_user_client_role_protocol_mapper.roles"
# A mapper of a client scope that many clients share counts where it could say who has which role.
_RISKY = {
    "oidc-hardcoded-role-mapper", "oidc-role-name-mapper", "oidc-hardcoded-claim-mapper",
    "oidc-usermodel-client-role-mapper", "oidc-usermodel-realm-role-mapper",
}  # fmt: skip
_SAID = ("role", "new.role.name", "claim.name", "usermodel.clientRoleMapping.clientId")
_BUILT_IN = {"realm roles", "client roles", "groups"}  # of Keycloak's own scopes `roles` and `microprofile-jwt`


def _claim(wanted: Client) -> Claim:
    """The mapper that puts a client's roles into its tokens."""
    return (
        ("claim.name", "claim_name", "roles"),
        ("jsonType.label", "claim_value_type", "String"),
        ("multivalued", "multivalued", "true"),
        ("usermodel.clientRoleMapping.clientId", "client_id_for_role_mappings", wanted.client_id),
        ("usermodel.clientRoleMapping.rolePrefix", "client_role_prefix", ""),
        ("id.token.claim", "add_to_id_token", "true"),
        ("userinfo.token.claim", "add_to_userinfo", "true"),
        ("access.token.claim", "add_to_access_token", "false"),
    )


def tokens(wanted: Client, seen: Seen) -> Iterator[Draft]:
    """What is written into one client's tokens."""
    found = seen.clients[wanted.client_id]
    yield from _mappers(wanted, found)
    yield from _scopes(wanted, found, seen)


def _mappers(wanted: Client, found: Json) -> Iterator[Draft]:
    there = {each["name"]: each for each in found.get("protocolMappers") or ()}
    place, resource = f"clients/{found['id']}", f"{wanted.module}.{_MAPPER}"
    if wanted.roles:
        mapper = there.pop("roles", None)
        yield from _mapper(wanted.team, wanted.address, "roles", mapper, _claim(wanted), resource, place, wanted)
    for each in there.values():
        yield _foreign(wanted.team, wanted.address, place, each)


def _mapper(
    team: str, address: str, name: str, mapper: Json | None, claim: Claim, resource: str,
    place: str, wanted: Client | None = None,
) -> Iterator[Draft]:  # fmt: skip
    """How a mapper of client roles differs from what was declared."""
    mend, field = wanted.mend if wanted else Reapply("platform"), f"protocolMappers.{name}"
    if mapper is None or mapper["protocolMapper"] != "oidc-usermodel-client-role-mapper":
        found = "" if mapper is None else mapper["protocolMapper"]
        yield draft(
            kinds.MAPPER_GONE, team, address, field, expected="oidc-usermodel-client-role-mapper", found=found,
            twins=(f"{resource}|*",), mend=mend, place=place,
        )  # fmt: skip
        return
    for key, twin, expected in claim:
        if (value := mapper["config"].get(key, "")) != expected:
            yield draft(
                kinds.MAPPER_CHANGED, team, address, f"{field}.{key}", expected=expected, found=value,
                twins=(f"{resource}|{twin}",), mend=mend, place=f"{place}/protocol-mappers/models/{mapper['id']}",
            )  # fmt: skip


def _told(mapper: Json) -> str:
    """A mapper in short; its settings may be anything, so only those that say which role or claim."""
    config = mapper.get("config", {})
    said = [
        config[key]
        for key in ("role", "new.role.name", "claim.name", "usermodel.clientRoleMapping.clientId")
        if config.get(key)
    ]
    return " ".join([mapper["protocolMapper"], *said])


def _scopes(wanted: Client, found: Json, seen: Seen) -> Iterator[Draft]:
    default, optional = set(found.get("defaultClientScopes") or ()), set(found.get("optionalClientScopes") or ())
    declared = wanted.scopes is not None
    allowed = (wanted.scopes or DEFAULT_SCOPES) | ACCOUNT_SCOPE
    needed = (wanted.scopes or NEEDED_SCOPES) & seen.scopes.keys()
    path = f"/clients/{found['id']}/default-client-scopes"
    twins = (f"{wanted.module}.keycloak_openid_client_default_scopes.this|default_scopes",) if declared else ()
    for scope in sorted(default - allowed):
        back = delete(f"{path}/{seen.scopes[scope]['id']}", f"take the scope {scope} away from {wanted.client_id}")
        yield _scope(wanted, found, "defaultClientScopes", scope, back, twins)
    for scope in sorted(optional - OPTIONAL_SCOPES - allowed):
        back = delete(
            f"/clients/{found['id']}/optional-client-scopes/{seen.scopes[scope]['id']}",
            f"take the scope {scope} away from {wanted.client_id}",
        )
        yield _scope(wanted, found, "optionalClientScopes", scope, back, ())
    for scope in sorted(needed - default):
        again = Administer(
            "PUT", f"{path}/{seen.scopes[scope]['id']}", what=f"give {wanted.client_id} the scope {scope}"
        )
        yield draft(
            kinds.SCOPE_GONE, wanted.team, wanted.address, f"defaultClientScopes.{scope}", expected=scope, twins=twins,
            mend=again, place=f"clients/{found['id']}/default-client-scopes/{seen.scopes[scope]['id']}",
        )  # fmt: skip


def _scope(wanted: Client, found: Json, field: str, scope: str, back: Administer, twins: tuple[str, ...]) -> Draft:
    return draft(
        kinds.SCOPE_FOREIGN, wanted.team, wanted.address, f"{field}.{scope}", found=scope, twins=twins, mend=back,
        place=back.path.lstrip("/"),
    )  # fmt: skip


def shared_mappers(seen: Seen) -> Iterator[Draft]:
    """Mappers in Keycloak's own scopes, which every client shares, that could say who has which role."""
    for name in sorted((DEFAULT_SCOPES | OPTIONAL_SCOPES) & seen.scopes.keys()):
        scope = seen.scopes[name]
        for each in scope.get("protocolMappers") or ():
            claims_roles = each.get("config", {}).get("claim.name") == "roles"
            if each["name"] in _BUILT_IN and not claims_roles:
                continue
            if each["protocolMapper"] in _RISKY or claims_roles:
                yield _foreign(PLATFORM, f"client scope {name}", f"client-scopes/{scope['id']}", each)


def roles_scope(seen: Seen) -> Iterator[Draft]:
    """The scope by which the portal sees who has which role, and its mapper."""
    address, scope = f"client scope {ROLES_SCOPE}", seen.scopes.get(ROLES_SCOPE)
    resource = "keycloak_openid_client_scope.roles"
    if scope is None:
        yield draft(
            kinds.SCOPE_GONE, PLATFORM, address, expected=ROLES_SCOPE, twins=(f"{resource}|*", f"{_MAPPER}|*"),
            mend=Reapply("platform"),
        )  # fmt: skip
        return
    place, there = f"client-scopes/{scope['id']}", {each["name"]: each for each in scope.get("protocolMappers") or ()}
    claim = (
        ("claim.name", "claim_name", "resource_access.${client_id}.roles"),
        ("multivalued", "multivalued", "true"),
        ("usermodel.clientRoleMapping.clientId", "client_id_for_role_mappings", ""),
        ("id.token.claim", "add_to_id_token", "true"),
        ("userinfo.token.claim", "add_to_userinfo", "false"),
        ("access.token.claim", "add_to_access_token", "false"),
    )
    yield from _mapper(PLATFORM, address, ROLES_SCOPE, there.pop(ROLES_SCOPE, None), claim, _MAPPER, place)
    for each in there.values():
        yield _foreign(PLATFORM, address, place, each)


def _foreign(team: str, address: str, place: str, mapper: Json) -> Draft:
    path = f"{place}/protocol-mappers/models/{mapper['id']}"
    return draft(
        kinds.MAPPER_FOREIGN, team, address, f"protocolMappers.{mapper['name']}", found=_told(mapper), place=path,
        mend=delete(f"/{path}", f"take the mapper {mapper['name']} away from {address}"),
    )  # fmt: skip
