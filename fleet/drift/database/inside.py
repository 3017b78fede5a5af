"""What lies in the team's database: takes what the database tells, gives what is not as it was made, never asks again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from fleet.drift.database import kinds, statements
from fleet.drift.database.team import Team, twin
from fleet.drift.database.walls import by_grantee, gone
from fleet.drift.finding import Finding, shown
from fleet.drift.mend import Mend, Reapply, Statement
from fleet.drivers.catalogue import Grant, Inside, Schema, Server, TableGrant
from fleet.drivers.metadata import VERSION_TABLES

_SCHEMA = "postgresql_schema.this"
_PUBLIC = "public"
_SHOWN = 5  # names in a finding


def findings(team: Team, server: Server, found: Inside) -> Iterator[Finding]:
    """All that is wrong in the database."""
    schema = found.schemas.get(team.schema)
    if schema is None:
        yield gone(kinds.SCHEMA_GONE, team, f"schema {team.schema}", (twin(_SCHEMA),))
    else:
        yield from _schema(team, server, schema)
        yield from _foreign(team, server, found)
        yield from _tables(team, server, found)
        yield from _defaults(team, found)
        yield from _revisions(team, found)
        yield from _blind(team, found, schema)
    if _PUBLIC in found.schemas:
        yield from _public(team, server, found.schemas[_PUBLIC])
    yield from _elsewhere(team, found)


def _schema(team: Team, server: Server, schema: Schema) -> Iterator[Finding]:
    address = f"schema {team.schema}"
    if schema.owner != team.role:
        mend: Mend | None = None
        if team.role not in server.roles:
            mend = Reapply("terraform")  # which makes the role first
        elif schema.owner not in server.superusers:
            mend = statements.own_schema(team.admin, team.database, team.schema, schema.owner, team.role)
        twins = (twin(_SCHEMA, "owner"),)
        yield Finding(kinds.SCHEMA_OWNER, team.name, address, "owner", team.role, schema.owner, twins=twins, mend=mend)
    for grantee, privileges in by_grantee(schema.grants).items():
        allowed = "USAGE" if grantee in team.readers else ""
        if grantee != team.role and (said := ", ".join(privileges)) != allowed:
            mend = statements.shut_schema(team.admin, team.database, team.schema, schema.owner, grantee, allowed)
            field = f"privileges of {grantee}"
            yield Finding(kinds.SCHEMA_GRANT, team.name, address, field, allowed or "none", said, mend=mend)


def _public(team: Team, server: Server, schema: Schema) -> Iterator[Finding]:
    address, twins = f"schema {_PUBLIC} of {team.database}", (twin("postgresql_grant.public_schema"),)
    owner = statements.DATABASE_OWNER
    if schema.owner not in (owner, team.admin):
        movable = schema.owner not in server.superusers
        mend = statements.own_schema(team.admin, team.database, _PUBLIC, schema.owner, owner) if movable else None
        yield Finding(kinds.PUBLIC_SCHEMA, team.name, address, "owner", owner, schema.owner, mend=mend)
    for grantee, privileges in by_grantee(schema.grants).items():
        mend = statements.shut_schema(team.admin, team.database, _PUBLIC, schema.owner, grantee)
        yield Finding(
            kinds.PUBLIC_SCHEMA, team.name, address, f"privileges of {grantee}", "none", ", ".join(privileges),
            twins=twins if grantee == _PUBLIC else (), mend=mend,
        )  # fmt: skip


def _foreign(team: Team, server: Server, found: Inside) -> Iterator[Finding]:
    """One finding per owner: `REASSIGN OWNED` moves all tables at once."""
    own = sorted((each for each in found.things if each.schema == team.schema), key=lambda each: each.owner)
    for owner, each in groupby(own, key=lambda thing: thing.owner):
        things = list(each)
        movable = owner not in server.superusers and team.role in server.roles
        mend = statements.own_things(team.admin, team.database, team.role, owner, things) if movable else None
        said = _names(f"{thing.kind} {thing.name}" for thing in things)
        address, field = f"schema {team.schema}", f"things of {owner}"
        yield Finding(kinds.FOREIGN, team.name, address, field, f"things of {team.role} alone", said, mend=mend)


def _tables(team: Team, server: Server, found: Inside) -> Iterator[Finding]:
    """One finding per grantee: a grant on all tables of a schema is one deed."""
    others = sorted((each for each in found.grants if each.grantee != team.role), key=lambda each: each.grantee)
    for grantee, each in groupby(others, key=lambda grant: grant.grantee):
        grants = [grant for grant in each if not _legitimate(team, grant)]
        if not grants:
            continue
        owners = {grant.owner for grant in grants}
        keeps = VERSION_TABLES if grantee in team.readers else ()
        mend: Statement | None = None
        if not owners & server.superusers:
            mend = statements.shut_tables(team.admin, team.database, team.schema, grantee, grants, keeps)
        what = ", ".join(sorted({grant.privilege for grant in grants}))
        said = f"{what} on {_names(dict.fromkeys(grant.name for grant in grants))}"
        address, field = f"schema {team.schema}", f"tables for {grantee}"
        yield Finding(kinds.TABLE_GRANT, team.name, address, field, "nothing", said, mend=mend)


def _legitimate(team: Team, grant: TableGrant) -> bool:
    """Whoever looks reads the last migration, and nothing else."""
    return grant.grantee in team.readers and grant.privilege == "SELECT" and grant.name in VERSION_TABLES


def _defaults(team: Team, found: Inside) -> Iterator[Finding]:
    for grantee, each in groupby(sorted(found.defaults, key=_grantee), key=_grantee):
        grants = list(each)
        mend = statements.shut_defaults(team.admin, team.database, team.role, grants)
        said, field = ", ".join(sorted({grant.privilege for grant in grants})), f"default privileges of {grantee}"
        yield Finding(kinds.DEFAULT_GRANT, team.name, f"role {team.role}", field, "none", said, mend=mend)


def _grantee(grant: Grant) -> str:
    return grant.grantee


def _revisions(team: Team, found: Inside) -> Iterator[Finding]:
    for table, part in VERSION_TABLES.items():
        expected, there = team.revisions.get(part), found.revisions.get(part, "")
        if expected and part not in found.hidden and there != expected:
            address = f"table {team.schema}.{table}"
            yield Finding(kinds.REVISION, team.name, address, "version_num", expected, there)


def _blind(team: Team, found: Inside, schema: Schema) -> Iterator[Finding]:
    """What whoever looks should read and may not."""
    noted = [table for table, part in VERSION_TABLES.items() if part in team.revisions]
    there = [table for table in noted if VERSION_TABLES[table] in found.revisions.keys() | found.hidden]
    for reader in team.readers:
        may = {each.name for each in found.grants if each.grantee == reader and each.privilege == "SELECT"}
        may = may if Grant(reader, "USAGE") in schema.grants else set()
        if lacking := [table for table in there if table not in may]:
            mend = statements.show_versions(team.admin, team.database, team.schema, team.role, reader, lacking)
            address, field = f"schema {team.schema}", f"tables for {reader}"
            yield Finding(kinds.READER, team.name, address, field, f"SELECT on {_names(lacking)}", "nothing", mend=mend)


def _elsewhere(team: Team, found: Inside) -> Iterator[Finding]:
    things = [each for each in found.things if each.schema != team.schema]
    for name, each in groupby(things, key=lambda thing: thing.schema):
        said = _names(f"{thing.kind} {thing.name} of {thing.owner}" for thing in each)
        yield Finding(kinds.OUTSIDE, team.name, f"schema {name} of {team.database}", "things", "none", said)
    for name, schema in found.schemas.items():
        if name not in (team.schema, _PUBLIC):
            yield Finding(
                kinds.SCHEMA_EXTRA, team.name, f"schema {name} of {team.database}", "", "", f"of {schema.owner}"
            )
    for kind, name in found.extras:
        yield Finding(kinds.EXTRA, team.name, f"{kind} {name} of {team.database}", "", "", "there")


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return shown(", ".join(every[:_SHOWN])) + more
