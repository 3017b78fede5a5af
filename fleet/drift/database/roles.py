"""The team's role: takes what the server tells, gives what is not as it was made, never asks again."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.drift.database import kinds, statements
from fleet.drift.database.team import Team, twin
from fleet.drift.finding import Finding, Kind, shown
from fleet.drift.mend import Mend, Reapply
from fleet.drivers.catalogue import Role, Server

_ROLE = "postgresql_role.this"
# Attribute → option, Terraform's name, and whether the administrator may take it away: it is no superuser.
_POWERS = {
    "superuser": ("SUPERUSER", "superuser", False),
    "createdb": ("CREATEDB", "create_database", True),
    "createrole": ("CREATEROLE", "create_role", True),
    "replication": ("REPLICATION", "replication", False),
    "bypassrls": ("BYPASSRLS", "bypass_row_level_security", False),
}
# Settings that the provider's `postgresql_role` has an attribute for.
_DECLARED = {
    "role": "assume_role",
    "statement_timeout": "statement_timeout",
    "idle_in_transaction_session_timeout": "idle_in_transaction_session_timeout",
}
_PATH = "search_path"


def findings(team: Team, server: Server) -> Iterator[Finding]:
    """All that is wrong with the role, its settings and its memberships."""
    role = server.roles.get(team.role)
    if role is None:
        yield _about(kinds.ROLE_GONE, team, "", "a role", "", mend=Reapply("terraform"), twins=(twin(_ROLE),))
        return
    yield from _attributes(team, role)
    yield from _powers(team, role)
    yield from _path(team, server)
    yield from _settings(team, server)
    yield from _members(team, server)


def _attributes(team: Team, role: Role) -> Iterator[Finding]:
    if not role.login:
        yield _change(kinds.LOGIN, team, "login", "true", "false", "LOGIN")
    if not role.inherit:
        yield _change(kinds.INHERIT, team, "inherit", "true", "false", "INHERIT")
    if role.limit != team.limit:
        options = f"CONNECTION LIMIT {team.limit}"
        yield _change(kinds.ROLE_LIMIT, team, "connection_limit", str(team.limit), _limit(role.limit), options)
    if role.until:
        yield _change(kinds.UNTIL, team, "valid_until", "for ever", role.until, "VALID UNTIL 'infinity'")


def _powers(team: Team, role: Role) -> Iterator[Finding]:
    for attribute, (option, declared, may) in _POWERS.items():
        if getattr(role, attribute):
            mend = statements.role(team.role, f"NO{option}") if may else None
            yield _about(kinds.POWER, team, declared, "false", "true", mend, twins=(twin(_ROLE, declared),))


def _path(team: Team, server: Server) -> Iterator[Finding]:
    """What Airflow's sessions get: the role's in this database goes before the role's, and that before the database's."""
    said = {(each.role, each.database): each.value for each in server.settings if each.name == _PATH}
    twins = (twin(_ROLE, _PATH),)
    right = (team.schema, f'"{team.schema}"')
    if (own := said.get((team.role, ""), "")) not in right:
        mend = statements.search_path(team.role, team.schema)
        yield _about(kinds.SEARCH_PATH, team, _PATH, team.schema, own or "none", mend, twins=twins)
    # Whoever made it by hand may have said the same for this database alone (an adopted team).
    if (here := said.get((team.role, team.database), team.schema)) not in right:
        mend = statements.reset(team.role, team.database, _PATH)
        yield _about(kinds.SEARCH_PATH, team, f"{_PATH} in {team.database}", "", here, mend)


def _settings(team: Team, server: Server) -> Iterator[Finding]:
    for each in server.settings:
        if each.role == team.role and each.name != _PATH:
            field = f"{each.name} in {each.database}" if each.database else each.name
            twins = (twin(_ROLE, _DECLARED[each.name]),) if each.name in _DECLARED and not each.database else ()
            mend = statements.reset(each.role, each.database, each.name)
            yield _about(kinds.SETTING, team, field, "", shown(each.value), mend, twins=twins)
        elif not each.role and each.database == team.database:
            mend = statements.reset("", each.database, each.name)
            yield Finding(
                kinds.SETTING, team.name, f"database {team.database}", each.name, "", shown(each.value), mend=mend
            )


def _members(team: Team, server: Server) -> Iterator[Finding]:
    """Who made the role is a member of it by itself from PostgreSQL 16 on."""
    for whole, member in server.members:
        mend = statements.leave(whole, member)
        if member == team.role:
            twins = (twin(_ROLE, "roles"),)
            yield _about(kinds.MEMBER, team, f"member of {whole}", "no member", "a member", mend, twins=twins)
        elif whole == team.role and member not in (team.admin, team.guest):
            yield _about(kinds.LENT, team, f"member {member}", "no member", "a member", mend)


def _limit(found: int) -> str:
    return str(found) if found >= 0 else "none"


def _change(kind: Kind, team: Team, field: str, expected: str, found: str, options: str) -> Finding:
    return _about(kind, team, field, expected, found, statements.role(team.role, options), twins=(twin(_ROLE, field),))


def _about(
    kind: Kind, team: Team, field: str, expected: str, found: str, mend: Mend | None, twins: tuple[str, ...] = ()
) -> Finding:
    return Finding(kind, team.name, f"role {team.role}", field, expected, found, twins=twins, mend=mend)
