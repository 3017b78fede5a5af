"""Who has which role: takes the clients as wanted and the realm as it stands, gives drafts of findings.

Who is in a team's own groups is the people's business and no drift; what those groups may do is.
"""

from __future__ import annotations

from collections.abc import Iterator

from fleet.diff import PLATFORM
from fleet.drift.mend import Mend, Reapply
from fleet.drift.sso import kinds
from fleet.drift.sso.drafts import Draft, delete, draft, role_body
from fleet.drift.sso.seen import Json, Seen
from fleet.drift.sso.wanted import ROLES_SCOPE, Client, Wanted, team_of

# Keycloak makes it with a client's authorization services, for the client's own service account.
_PROTECTION = "uma_protection"


def gone(wanted: Client) -> Iterator[Draft]:
    """The client itself is not there; all that Terraform tells of what was in it goes with it."""
    yield draft(
        kinds.CLIENT_GONE,
        wanted.team,
        wanted.address,
        expected=wanted.client_id,
        mend=wanted.mend,
        twins=in_client(wanted),
    )


def in_client(wanted: Client) -> tuple[str, ...]:
    """Whatever Terraform could tell of a client and what is in it."""
    resources = ["keycloak_openid_client.this", "keycloak_openid_user_client_role_protocol_mapper.roles"]
    resources += ["keycloak_openid_client_default_scopes.this"] if wanted.scopes else []
    twins = [f"{wanted.module}.{each}|*" for each in resources]
    for role in sorted(wanted.roles):
        twins += _role_twins(wanted, role)
    return tuple(dict.fromkeys(twins))


def in_groups(wanted: Client) -> tuple[str, ...]:
    """Whatever Terraform could tell of an instance's own groups."""
    groups = f"{wanted.module}.keycloak_group"
    mine = [
        each
        for role in sorted(wanted.roles)
        for each in (f'{groups}.role["{role}"]|*', f'{groups}_roles.role["{role}"]|*')
    ]
    return (f"{groups}.instance|*", *mine)


def _role_twins(wanted: Client, role: str) -> list[str]:
    """What Terraform tells of a role that is gone: of itself, of its place in the scope, and of everybody who had it."""
    return [
        f'{wanted.module}.keycloak_role.this["{role}"]|*',
        f'{wanted.module}.keycloak_generic_role_mapper.roles["{role}"]|*',
        f'{wanted.module}.keycloak_group_roles.role["{role}"]|*',
        *(f'{wanted.module}.keycloak_group_roles.member["{name}"]|*' for name in wanted.groups.get(role, ())),
        *(f'{wanted.module}.keycloak_user_roles.member["{name}"]|*' for name in wanted.users.get(role, ())),
    ]


def of_client(wanted: Client, all_wanted: Wanted, seen: Seen) -> Iterator[Draft]:
    """The roles of one client that is there, and who has them."""
    own = seen.own[wanted.client_id]
    yield from _roles(wanted, seen)
    yield from lets_through(wanted, seen)
    yield from _scope(wanted, seen)
    for role in sorted(wanted.roles & own.roles.keys()):
        yield from _declared_users(wanted, seen, role)
    yield from _users_by_hand(wanted, seen)
    yield from _declared_groups(wanted, seen)
    yield from _own_groups(wanted, seen)
    yield from _groups_by_hand(wanted, all_wanted, seen)


def _roles(wanted: Client, seen: Seen) -> Iterator[Draft]:
    uuid, own = seen.uuid(wanted.client_id), seen.own[wanted.client_id]
    allowed = wanted.roles | ({_PROTECTION} if wanted.by_keycloak else set())
    for role in sorted(wanted.roles - own.roles.keys()):
        yield draft(
            kinds.ROLE_GONE, wanted.team, wanted.address, f"roles.{role}", expected=role,
            twins=tuple(_role_twins(wanted, role)), mend=wanted.mend, place=f"clients/{uuid}/roles/{role}",
        )  # fmt: skip
    for role in sorted(own.roles.keys() - allowed):
        yield draft(
            kinds.ROLE_FOREIGN, wanted.team, wanted.address, f"roles.{role}", found=role, place=f"clients/{uuid}/roles"
        )


def lets_through(wanted: Client, seen: Seen) -> Iterator[Draft]:
    """Roles of others that the client itself, by no client scope, lets into its tokens."""
    uuid, through = seen.uuid(wanted.client_id), seen.own[wanted.client_id].lets_through
    ways = [
        (f"clients/{each['id']}", name, each["mappings"]) for name, each in through.get("clientMappings", {}).items()
    ]
    for way, name, mapped in [*ways, ("realm", "the realm", through.get("realmMappings", ()))]:
        for role in mapped:
            path = f"clients/{uuid}/scope-mappings/{way}"
            yield draft(
                kinds.SCOPE_ROLE_FOREIGN, wanted.team, wanted.address, f"scope.{name}.{role['name']}",
                found=f"role {role['name']} of {name}", place=path,
                mend=delete(
                    f"/{path}", f"keep role {role['name']} of {name} out of {wanted.client_id}'s tokens", role_body(role)
                ),
            )  # fmt: skip


def _scope(wanted: Client, seen: Seen) -> Iterator[Draft]:
    """What the portal sees of the client's roles."""
    passed, own = seen.passed.get(wanted.client_id, {}), seen.own[wanted.client_id]
    scope = seen.scopes.get(ROLES_SCOPE)
    if scope is None:
        return  # told of the platform
    path = f"client-scopes/{scope['id']}/scope-mappings/clients/{seen.uuid(wanted.client_id)}"
    for role in sorted((wanted.roles & own.roles.keys()) - passed.keys()):
        yield draft(
            kinds.SCOPE_ROLE_GONE, wanted.team, f"client scope {ROLES_SCOPE}", f"{wanted.client_id}.{role}", expected=role,
            twins=(f'{wanted.module}.keycloak_generic_role_mapper.roles["{role}"]|*',), mend=wanted.mend, place=path,
        )  # fmt: skip
    for role in sorted(passed.keys() - wanted.roles):
        yield draft(
            kinds.SCOPE_ROLE_FOREIGN, wanted.team, f"client scope {ROLES_SCOPE}", f"{wanted.client_id}.{role}", found=role,
            mend=delete(f"/{path}", f"keep {wanted.client_id}'s role {role} out of {ROLES_SCOPE}", role_body(passed[role])),
            place=path,
        )  # fmt: skip


def strangers_in_scope(wanted: Wanted, seen: Seen) -> Iterator[Draft]:
    """Roles in the portal's scope that are of no instance; of a client that looks like one's, layer orphans tells."""
    scope = seen.scopes.get(ROLES_SCOPE)
    if scope is None:
        return
    address, root = f"client scope {ROLES_SCOPE}", f"client-scopes/{scope['id']}/scope-mappings"
    for client_id in sorted(name for name in seen.passed.keys() - wanted.clients.keys() if not team_of(name)):
        path = f"{root}/clients/{seen.uuid(client_id)}"
        for name, role in sorted(seen.passed[client_id].items()):
            yield draft(
                kinds.SCOPE_ROLE_FOREIGN, PLATFORM, address, f"{client_id}.{name}", found=f"role {name} of {client_id}",
                mend=delete(f"/{path}", f"keep {client_id}'s role {name} out of {ROLES_SCOPE}", role_body(role)), place=path,
            )  # fmt: skip
    for role in seen.passed_realm:
        yield draft(
            kinds.SCOPE_ROLE_FOREIGN, PLATFORM, address, role["name"], found=f"role {role['name']} of the realm",
            mend=delete(f"/{root}/realm", f"keep the realm's role {role['name']} out of {ROLES_SCOPE}", role_body(role)),
            place=f"{root}/realm",
        )  # fmt: skip


def _declared_users(wanted: Client, seen: Seen, role: str) -> Iterator[Draft]:
    there = {user["username"] for user in seen.own[wanted.client_id].holders.get(role, ())}
    for name in wanted.users.get(role, ()):
        if name not in there:
            gone = name in seen.missing
            yield draft(
                kinds.MEMBER_GONE if gone else kinds.USER_ROLE_GONE, wanted.team, f"user {name}",
                "" if gone else f"{wanted.client_id}.{role}", expected=name if gone else role,
                twins=(f'{wanted.module}.keycloak_user_roles.member["{name}"]|*',), mend=None if gone else wanted.mend,
            )  # fmt: skip


def _users_by_hand(wanted: Client, seen: Seen) -> Iterator[Draft]:
    uuid, own = seen.uuid(wanted.client_id), seen.own[wanted.client_id]
    for role, holders in own.holders.items():
        for user in holders:
            name = user["username"]
            itself = role == _PROTECTION and name == f"service-account-{wanted.client_id}"
            if name in wanted.users.get(role, ()) or itself:
                continue
            path = f"users/{user['id']}/role-mappings/clients/{uuid}"
            yield draft(
                kinds.USER_ROLE_BY_HAND, wanted.team, f"user {name}", f"{wanted.client_id}.{role}", found=role, place=path,
                mend=delete(f"/{path}", f"take {wanted.client_id}'s role {role} from {name}", role_body(own.roles[role])),
            )  # fmt: skip


def _declared_groups(wanted: Client, seen: Seen) -> Iterator[Draft]:
    own = seen.own[wanted.client_id].roles
    for role, names in wanted.groups.items():
        for name in names:
            path = "/" + name.strip("/")
            twins = (f'{wanted.module}.keycloak_group_roles.member["{name}"]|*',)
            if path not in seen.groups:
                yield from _member_gone(wanted, name, path, twins)
            elif role in own and role not in _has(seen.groups[path], wanted.client_id):
                yield _group_role_gone(wanted, seen, path, role, twins)


def _member_gone(wanted: Client, name: str, path: str, twins: tuple[str, ...]) -> Iterator[Draft]:
    """A group of a plain name fleet has made itself: that is told, and mended, once for all."""
    if "/" in name:
        yield draft(kinds.MEMBER_GONE, wanted.team, f"group {path}", expected=name, twins=twins)


def _own_groups(wanted: Client, seen: Seen) -> Iterator[Draft]:
    top, own, mine = f"/{wanted.team}", seen.own[wanted.client_id].roles, f"{wanted.module}.keycloak_group"
    twins = {role: (f'{mine}.role["{role}"]|*', f'{mine}_roles.role["{role}"]|*') for role in sorted(wanted.roles)}
    if top not in seen.groups:
        yield draft(
            kinds.GROUP_GONE, wanted.team, f"group {top}", expected=top, twins=in_groups(wanted), mend=wanted.mend
        )
        return
    for role, pair in twins.items():
        path = f"{top}/{role}"
        if path not in seen.groups:
            yield draft(kinds.GROUP_GONE, wanted.team, f"group {path}", expected=path, twins=pair, mend=wanted.mend)
        elif role in own and role not in _has(seen.groups[path], wanted.client_id):
            yield _group_role_gone(wanted, seen, path, role, pair[1:])


def _group_role_gone(wanted: Client, seen: Seen, path: str, role: str, twins: tuple[str, ...]) -> Draft:
    return draft(
        kinds.GROUP_ROLE_GONE, wanted.team, f"group {path}", f"{wanted.client_id}.{role}", expected=role, twins=twins,
        mend=wanted.mend, place=f"groups/{seen.groups[path]['id']}/role-mappings/clients/{seen.uuid(wanted.client_id)}",
    )  # fmt: skip


def _groups_by_hand(wanted: Client, all_wanted: Wanted, seen: Seen) -> Iterator[Draft]:
    """Groups that have a role of this client and are not to have it."""
    uuid = seen.uuid(wanted.client_id)
    for path, group in seen.groups.items():
        for role in sorted(set(_has(group, wanted.client_id)) - wanted.group_roles.get(path, frozenset())):
            of_a_team = path.split("/")[1] in all_wanted.teams
            place = f"groups/{group['id']}/role-mappings/clients/{uuid}"
            yield draft(
                kinds.GROUP_ROLE_OTHER if of_a_team else kinds.GROUP_ROLE_BY_HAND, wanted.team, f"group {path}",
                f"{wanted.client_id}.{role}", found=role, mend=_back(path, role, wanted, seen), place=place,
            )  # fmt: skip


def _back(path: str, role: str, wanted: Client, seen: Seen) -> Mend | None:
    known = seen.own[wanted.client_id].roles.get(role)
    where = f"/groups/{seen.groups[path]['id']}/role-mappings/clients/{seen.uuid(wanted.client_id)}"
    what = f"take {wanted.client_id}'s role {role} from the group {path}"
    return delete(where, what, role_body(known)) if known else None


def _has(group: Json, client_id: str) -> list[str]:
    return list((group.get("clientRoles") or {}).get(client_id, ()))


def plain_groups(wanted: Wanted, seen: Seen) -> Iterator[Draft]:
    """Groups that fleet has made for the teams to share."""
    for name in sorted(wanted.settings.get("groups", ())):
        if f"/{name}" not in seen.groups:
            # Without it Terraform cannot even look at the teams that name it.
            yield draft(
                kinds.GROUP_GONE, PLATFORM, f"group /{name}", expected=f"/{name}", mend=Reapply("platform"),
                twins=(f'keycloak_group.this["{name}"]|*',),
            )  # fmt: skip


def team_groups(wanted: Wanted, seen: Seen) -> Iterator[Draft]:
    """Roles of the realm, and of clients that are no instance's, at the teams' own groups: nothing that fleet makes."""
    for path, group in seen.groups.items():
        team = path.split("/")[1]
        client = wanted.teams.get(team)
        if client is None or client.client_id not in wanted.looked_at:
            continue
        others = {
            f"{name}.{role}" for name, roles in (group.get("clientRoles") or {}).items() if name not in wanted.clients
            for role in roles
        }  # fmt: skip
        for role in sorted(others | set(group.get("realmRoles") or ())):
            yield draft(
                kinds.GROUP_ROLE_OTHER, team, f"group {path}", role, found=role,
                remedy="take the role from the group in Keycloak", place=f"groups/{group['id']}/role-mappings",
            )  # fmt: skip
