"""Layer database on the real PostgreSQL: changes made by hand, each found, and put right by the administrator, who is no
superuser; the same seen by a role that can only read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest
from psycopg import errors

from fleet.drift.database import look_at
from fleet.drift.database.kinds import KINDS
from fleet.drift.finding import Finding
from fleet.drift.mend import Reapply, Statement
from fleet.drivers.metadata import Metadata
from tests.support.drift_database import Databases, databases
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.apart("open databases")


@dataclass(frozen=True)
class Change:
    """What somebody does, and how it is told.

    ``{t}`` is the team's database, schema and role, ``{s}`` a stranger, ``{r}`` the role that reads.

    Args:
        who: `admin`, `postgres` (the superuser), or `team`.
        where: the database: `postgres`, or `team`.
        told: kind without its layer, severity, address, field.
        undo: by the superuser, where the finding has no mend.
        more: further findings that follow from it: kind and field.
        blinds: who sees that it does not see.
    """

    who: str
    where: str
    what: str
    told: tuple[str, str, str, str]
    undo: str = ""
    more: tuple[tuple[str, str], ...] = ()
    blinds: str = ""

    @property
    def name(self) -> str:
        return f"{self.told[0]}: {self.what[:60]}"


ROLE, DATABASE, SCHEMA, PUBLIC = "role {t}", "database {t}", "schema {t}", "schema public of {t}"
CHANGES = [
    Change("admin", "postgres", "alter role {t} nologin", ("login", "critical", ROLE, "login")),
    Change("admin", "postgres", "alter role {t} createdb", ("power", "critical", ROLE, "create_database")),
    Change("admin", "postgres", "alter role {t} createrole", ("power", "critical", ROLE, "create_role")),
    Change("postgres", "postgres", "alter role {t} superuser", ("power", "critical", ROLE, "superuser"),
           undo="alter role {t} nosuperuser"),
    Change("postgres", "postgres", "alter role {t} replication", ("power", "critical", ROLE, "replication"),
           undo="alter role {t} noreplication"),
    Change("postgres", "postgres", "alter role {t} bypassrls", ("power", "critical", ROLE, "bypass_row_level_security"),
           undo="alter role {t} nobypassrls"),
    Change("admin", "postgres", "alter role {t} noinherit", ("inherit", "warning", ROLE, "inherit")),
    Change("admin", "postgres", "alter role {t} connection limit 500", ("role-limit", "warning", ROLE, "connection_limit")),
    Change("admin", "postgres", "alter role {t} valid until '2031-01-01'", ("until", "critical", ROLE, "valid_until")),
    Change("admin", "postgres", "alter role {t} set search_path to public", ("search-path", "critical", ROLE, "search_path")),
    Change("team", "postgres", "alter role {t} reset search_path", ("search-path", "critical", ROLE, "search_path")),
    Change("admin", "postgres", "alter role {t} in database {t} set search_path to public",
           ("search-path", "critical", ROLE, "search_path in {t}")),
    Change("admin", "postgres", "alter role {t} set statement_timeout to '1s'",
           ("setting", "warning", ROLE, "statement_timeout")),
    Change("admin", "postgres", "alter database {t} set lock_timeout to '1s'",
           ("setting", "warning", DATABASE, "lock_timeout")),
    Change("admin", "postgres", "grant pg_read_all_data to {t}", ("member", "critical", ROLE, "member of pg_read_all_data")),
    Change("admin", "postgres", "grant {t} to {s}", ("lent", "critical", ROLE, "member {s}")),
    Change("admin", "postgres", "grant connect on database {t} to public",
           ("entry", "critical", DATABASE, "privileges of public")),
    Change("admin", "postgres", "grant connect, temporary on database {t} to {s}",
           ("entry", "critical", DATABASE, "privileges of {s}")),
    Change("admin", "postgres", "grant all on database {t} to {r}", ("entry", "critical", DATABASE, "privileges of {r}")),
    Change("admin", "postgres", "grant create on database {t} to {t}",
           ("own-entry", "critical", DATABASE, "privileges of {t}")),
    Change("admin", "postgres", "revoke connect on database {t} from {t}",
           ("own-entry", "critical", DATABASE, "privileges of {t}")),
    Change("postgres", "postgres", "alter database {t} owner to {t}", ("owner", "critical", DATABASE, "owner")),
    Change("postgres", "postgres", "alter database {t} owner to {s}", ("owner", "critical", DATABASE, "owner")),
    Change("admin", "postgres", "alter database {t} allow_connections false",
           ("closed", "critical", DATABASE, "allow_connections")),
    Change("admin", "postgres", "alter database {t} is_template true", ("template", "critical", DATABASE, "is_template")),
    Change("admin", "postgres", "alter database {t} connection limit 3",
           ("limit", "warning", DATABASE, "connection_limit")),
    Change("admin", "team", "grant create, usage on schema public to public",
           ("public-schema", "critical", PUBLIC, "privileges of public")),
    Change("postgres", "team", "alter schema public owner to {s}", ("public-schema", "critical", PUBLIC, "owner")),
    Change("team", "team", "grant usage on schema {t} to {s}", ("schema-grant", "critical", SCHEMA, "privileges of {s}")),
    Change("team", "team", "grant create on schema {t} to {r}", ("schema-grant", "critical", SCHEMA, "privileges of {r}")),
    Change("team", "team", "grant select on all tables in schema {t} to {s}",
           ("table-grant", "critical", SCHEMA, "tables for {s}")),
    Change("team", "team",
           "grant select on dag to {r}; grant insert on alembic_version to {r}; grant usage on dag_id_seq to {r}",
           ("table-grant", "critical", SCHEMA, "tables for {r}")),
    Change("team", "team", "grant update (text) on dag to public", ("table-grant", "critical", SCHEMA, "tables for public")),
    Change("team", "team", "alter default privileges grant select on tables to {s}",
           ("default-grant", "critical", ROLE, "default privileges of {s}")),
    Change("postgres", "team", "alter schema {t} owner to {s}", ("schema-owner", "critical", SCHEMA, "owner")),
    Change("postgres", "team", "alter table {t}.dag owner to {s}; alter type {t}.state owner to {s}",
           ("foreign", "warning", SCHEMA, "things of {s}")),
    Change("postgres", "team", "create table {t}.alien (id int); grant select on {t}.alien to {s}",
           ("foreign", "warning", SCHEMA, "things of postgres"), undo="drop table {t}.alien",
           more=(("table-grant", "tables for {s}"),)),
    Change("postgres", "team", "create table public.alien (id int)", ("outside", "warning", PUBLIC, "things"),
           undo="drop table public.alien"),
    Change("postgres", "team", "create schema alien", ("schema-extra", "warning", "schema alien of {t}", ""),
           undo="drop schema alien"),
    Change("postgres", "team", "create publication alien", ("extra", "warning", "publication alien of {t}", ""),
           undo="drop publication alien"),
    Change("team", "team", "update alembic_version set version_num = 'ffffff'",
           ("revision", "critical", "table {t}.alembic_version", "version_num"),
           undo="update {t}.alembic_version set version_num = 'a1b2c3'"),
    Change("team", "team", "delete from alembic_version_fab",
           ("revision", "critical", "table {t}.alembic_version_fab", "version_num"),
           undo="insert into {t}.alembic_version_fab values ('f9e8d7')"),
    Change("team", "team", "create table kept as select * from alembic_version; drop table alembic_version; "
           "create view alembic_version as select * from kept where 1 / 0 = 1",
           ("revision", "critical", "table {t}.alembic_version", "version_num"),
           undo="drop view {t}.alembic_version; alter table {t}.kept rename to alembic_version; "
                "grant select on {t}.alembic_version to {r}, fleet_admin"),
    Change("postgres", "postgres", "alter database {t} rename to {t}_x", ("gone", "critical", DATABASE, ""),
           undo="alter database {t}_x rename to {t}"),
    Change("postgres", "team", "alter schema {t} rename to lost", ("schema-gone", "critical", SCHEMA, ""),
           undo="alter schema lost rename to {t}",
           more=(("schema-extra", ""), ("outside", "things"))),
    Change("admin", "postgres", "revoke connect on database {t} from {r}",
           ("reader", "warning", DATABASE, "privileges of {r}"), blinds="reader"),
    Change("team", "team", "revoke select on alembic_version from {r}",
           ("reader", "warning", SCHEMA, "tables for {r}"), blinds="reader"),
    Change("team", "team", "revoke usage on schema {t} from fleet_admin",
           ("reader", "warning", SCHEMA, "tables for fleet_admin"), blinds="admin"),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    with databases(sandbox, tmp_path_factory.mktemp("drift")) as made:
        looked = made.look()
        assert (looked.findings, looked.unseen) == ((), ())
        yield made


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_change_is_found_and_put_right(made: Databases, change: Change) -> None:
    team, others = made.names[0], made.names[1:]
    names = {"t": team.replace("-", "_"), "s": made.stranger, "r": made.reader}
    where = {"team": names["t"]}.get(change.where, change.where)
    made.run({"team": names["t"]}.get(change.who, change.who), where, change.what.format(**names))
    try:
        looked, reader = made.look(), made.look(made.reader)
        found = [_told(each) for each in looked.findings]
        kind, severity, address, field = (each.format(**names) for each in change.told)
        more = {(f"database.{also}", name.format(**names)) for also, name in change.more}
        assert (f"database.{kind}", severity, team, address, field) in found
        assert {(each[0], each[4]) for each in found} - more == {(f"database.{kind}", field)}
        assert not {each.team for each in looked.findings} & set(others)
        assert [_told(each) for each in reader.findings] == found
        assert bool(looked.unseen) == (change.blinds == "admin") and bool(reader.unseen) == (change.blinds == "reader")
        for finding in looked.findings:
            if isinstance(finding.mend, Statement):
                made.mend(finding.mend)
        assert bool(change.undo) == any(each.mend is None for each in looked.findings)
    finally:
        if change.undo:
            made.run("postgres", where, change.undo.format(**names))
    after = made.look()
    assert (after.findings, after.unseen) == ((), ())


def _told(finding: Finding) -> tuple[str, str, str, str, str]:
    return finding.kind.name, finding.severity, finding.team, finding.address, finding.field


def test_every_kind_of_a_teams_is_among_the_changes() -> None:
    tried = {f"database.{change.told[0]}" for change in CHANGES}
    kinds = {kind.name for kind in KINDS if not kind.name.startswith("database.server-")}
    assert kinds - tried == {"database.role-gone"}


def test_a_role_that_is_gone_is_made_by_terraform(made: Databases) -> None:
    team = made.names[1].replace("-", "_")
    with made.connect("postgres", team) as connection:
        connection.execute(f"alter role {team} rename to {team}_x".encode())
        try:
            looked = made.look()
        finally:
            connection.execute(f"alter role {team}_x rename to {team}".encode())
    found = {each.kind.name: each for each in looked.findings}
    assert isinstance(found["database.role-gone"].mend, Reapply)
    assert isinstance(found["database.schema-owner"].mend, Reapply)
    assert not made.look().findings


def test_many_at_once_are_told_in_one_look_of_four_statements(made: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    execute = psycopg.AsyncConnection.execute

    async def counted(self: psycopg.AsyncConnection[object], query: str, *args: object, **how: object) -> object:
        asked.append(self.info.dbname)
        return await execute(self, query, *args, **how)  # type: ignore[arg-type]

    names = [name.replace("-", "_") for name in made.names]
    monkeypatch.setattr(psycopg.AsyncConnection, "execute", counted)
    for name in names:
        made.run(
            "admin", "postgres", f"alter role {name} connection limit 9; grant temporary on database {name} to public"
        )
        made.run(name, name, f"grant usage on schema {name} to public")
    looked = made.look()
    assert sorted(asked) == sorted(["postgres", *names])
    kinds = sorted(each.kind.name for each in looked.findings)
    assert kinds == sorted(["database.role-limit", "database.entry", "database.schema-grant"] * 3)
    for finding in looked.findings:
        assert isinstance(finding.mend, Statement)
        made.mend(finding.mend)
    assert not made.look().findings


def test_row_security_of_a_teams_making_does_not_run(made: Databases) -> None:
    """A policy's functions would run as whoever looks."""
    team = made.names[2].replace("-", "_")
    trap = "create function trap() returns bool language plpgsql as $$ begin raise 'sprung'; end $$"
    secured = (
        "alter table alembic_version enable row level security; create policy trap on alembic_version using (trap())"
    )
    made.run(team, team, f"{trap}; {secured}")
    try:
        looked = made.look()
        assert [each.kind.name for each in looked.findings] == ["database.revision"] and not looked.unseen
    finally:
        free = "alter table alembic_version disable row level security; drop policy trap on alembic_version"
        made.run(team, team, f"{free}; drop function trap()")
    assert not made.look().findings


@pytest.mark.parametrize(
    "statement",
    [
        "create table public.mine (id int)", "create table {t}.mine (id int)", "create temporary table mine (id int)",
        "create schema mine", "insert into {t}.alembic_version values ('x')",
        "update {t}.alembic_version set version_num = 'x'",
        "delete from {t}.alembic_version", "truncate {t}.alembic_version", "drop table {t}.alembic_version",
        "alter table {t}.alembic_version owner to {r}", "select * from {t}.dag", "select * from {t}.up",
        "grant select on {t}.dag to {r}", "create role mine", "alter role {t} nologin", "create database mine",
        "drop database {t}", "alter database {t} connection limit 1", "set role {t}", "select rolpassword from pg_authid",
        "select pg_read_file('PG_VERSION')", "copy (select 1) to program 'true'", "alter system set work_mem = '1MB'",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{t}'",
    ],
)  # fmt: skip
def test_the_reader_can_change_nothing(made: Databases, statement: str) -> None:
    team = made.names[0].replace("-", "_")
    where = "postgres" if "database" in statement else team
    with made.connect(made.reader, where) as connection, made.connect(team, team):
        connection.execute("set default_transaction_read_only = off")
        with pytest.raises((errors.InsufficientPrivilege, errors.WrongObjectType)):
            connection.execute(statement.format(t=team, r=made.reader).encode())


def test_what_the_reader_may_read_is_taken_back_where_there_is_to_be_none(made: Databases) -> None:
    team = made.teams[2]
    there = Metadata(made.login(team.role), team.database)
    asyncio.run(there.show_revisions(made.reader, False))
    try:
        found = [(each.kind.name, each.team, each.field) for each in made.look().findings]
        assert found == [("database.reader", team.name, f"tables for {made.reader}")]
        with made.connect(made.reader, team.database) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(f"select * from {team.schema}.alembic_version".encode())
    finally:
        asyncio.run(there.show_revisions(made.reader, True))
    asyncio.run(there.show_revisions("drift_nobody", True))
    assert not made.look().findings


def test_a_reader_whom_nobody_let_in_says_so(made: Databases) -> None:
    stranger = replace(made.teams[0], reader="")
    made.run("admin", "postgres", f"revoke connect on database {stranger.database} from {made.reader}")
    try:
        looked = asyncio.run(look_at(made.login(made.reader), [stranger]))
        assert [each.team for each in looked.unseen] == [stranger.name] and "may not enter" in looked.unseen[0].what
    finally:
        made.run("admin", "postgres", f"grant connect on database {stranger.database} to {made.reader}")
