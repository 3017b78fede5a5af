"""The team's database from outside: takes what the server tells, gives what is not as it was made, never asks again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from fleet.drift.database import kinds, statements
from fleet.drift.database.team import Team, twin
from fleet.drift.finding import Finding, Kind
from fleet.drift.mend import Mend, Reapply
from fleet.drivers.catalogue import Database, Grant, Server

_DATABASE = "postgresql_database.this"
_OWN = ("CONNECT", "TEMPORARY")


def findings(team: Team, server: Server) -> Iterator[Finding]:
    """All that is wrong with the database itself and with who may enter it."""
    database = server.databases.get(team.database)
    if database is None:
        yield gone(kinds.DATABASE_GONE, team, f"database {team.database}", _all())
        return
    if team.admin and database.owner != team.admin:
        movable = database.owner not in server.superusers
        mend = statements.own_database(team.admin, team.database, database.owner, team.role) if movable else None
        yield _about(kinds.OWNER, team, "owner", team.admin, database.owner, mend, (twin(_DATABASE, "owner"),))
    yield from _options(team, database)
    yield from _entries(team, database, server)


def gone(kind: Kind, team: Team, address: str, twins: tuple[str, ...]) -> Finding:
    """Something that held data is gone: made anew it would be empty, so a person decides, unless there never were any."""
    mend = None if team.migrated else Reapply("terraform")
    return Finding(kind, team.name, address, "", address.split()[0], "", twins=twins, mend=mend, empties=mend is None)


def _all() -> tuple[str, ...]:
    """Without the database nothing in it is there."""
    grants = ("public_database", "database", "public_schema", "reader[0]")
    return (twin(_DATABASE), twin("postgresql_schema.this"), *(twin(f"postgresql_grant.{each}") for each in grants))


def _options(team: Team, database: Database) -> Iterator[Finding]:
    found = (
        (kinds.CLOSED, "allow_connections", database.allow, True, "ALLOW_CONNECTIONS true"),
        (kinds.TEMPLATE, "is_template", database.template, False, "IS_TEMPLATE false"),
        (kinds.LIMIT, "connection_limit", database.limit, -1, "CONNECTION LIMIT -1"),
    )
    for kind, field, value, expected, options in found:
        if value != expected:
            mend = statements.database(team.database, options)
            yield _about(kind, team, field, _said(expected), _said(value), mend, (twin(_DATABASE, field),))


def _said(value: bool | int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value < 0 else str(value)


def _entries(team: Team, database: Database, server: Server) -> Iterator[Finding]:
    """Whoever owns a database may enter it: that is the owner's finding, and none of these."""
    may = by_grantee(database.grants)
    if team.role != database.owner and may.get(team.role, ()) != _OWN and team.role in server.roles:
        mend = statements.only_enter(team.database, team.role, ", ".join(_OWN))
        twins = (twin("postgresql_grant.database"),)
        found = ", ".join(may.get(team.role, ())) or "none"
        yield _about(kinds.OWN_ENTRY, team, f"privileges of {team.role}", ", ".join(_OWN), found, mend, twins)
    if team.reader and may.get(team.reader, ()) != ("CONNECT",) and team.reader != database.owner:
        yield _reader(team, may.get(team.reader, ()))
    for grantee, privileges in may.items():
        if grantee not in (team.role, team.reader, team.admin):
            same = (twin("postgresql_grant.public_database"),) if grantee == "public" else ()
            mend = statements.close(team.database, grantee)
            yield _about(kinds.ENTRY, team, f"privileges of {grantee}", "none", ", ".join(privileges), mend, same)


def _reader(team: Team, privileges: tuple[str, ...]) -> Finding:
    """More than it should is a hole as anybody's would be, less than that only blinds the look."""
    kind = kinds.ENTRY if "CONNECT" in privileges or "CREATE" in privileges else kinds.READER
    mend = statements.only_enter(team.database, team.reader, "CONNECT")
    twins = (twin("postgresql_grant.reader[0]"),)
    found = ", ".join(privileges) or "none"
    return _about(kind, team, f"privileges of {team.reader}", "CONNECT", found, mend, twins)


def by_grantee(grants: tuple[Grant, ...]) -> dict[str, tuple[str, ...]]:
    """Who → what they may do, in alphabetical order."""
    ordered = sorted({(each.grantee, each.privilege) for each in grants})
    return {who: tuple(what for _, what in each) for who, each in groupby(ordered, key=lambda pair: pair[0])}


def _about(
    kind: Kind, team: Team, field: str, expected: str, found: str, mend: Mend | None, twins: tuple[str, ...]
) -> Finding:
    return Finding(kind, team.name, f"database {team.database}", field, expected, found, twins=twins, mend=mend)
