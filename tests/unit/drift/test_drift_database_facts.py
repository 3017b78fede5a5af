"""Facts of the database server told as findings: none where all is as it was made, and who may what told by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from fleet.drift.database import inside, kinds, roles, server, statements, walls
from fleet.drift.database.team import Team, of_record
from fleet.drift.finding import Finding
from fleet.drift.look import told_once
from fleet.drift.mend import Configure, Reapply, Statement
from fleet.drivers.catalogue import Database, Grant, Inside, Role, Schema, Server, Setting, TableGrant, Thing
from fleet.model import CloudSqlSettings, Inventory
from fleet.record import Applied, Record
from tests.support.drift_database import ROOT

TEAM = Team(
    "data-science",
    "data_science",
    "data_science",
    "data_science",
    30,
    "fleet_admin",
    "fleet_drift",
    "",
    {"airflow": "a1"},
)
OWN = tuple(Grant("data_science", each) for each in ("CONNECT", "TEMPORARY"))
ROLE = Role(True, False, False, False, False, False, True, 30, "")
DATABASE = Database("fleet_admin", True, -1, False, True, (*OWN, Grant("fleet_drift", "CONNECT")))
PATH = Setting("data_science", "", "search_path", "data_science")
SERVER = Server("fleet_admin", {"data_science": ROLE}, {"data_science": DATABASE}, (), (PATH,), frozenset({"postgres"}))
READS = tuple(Grant(each, "USAGE") for each in ("fleet_drift", "fleet_admin"))
INSIDE = Inside(
    {"data_science": Schema("data_science", READS), "public": Schema("pg_database_owner", ())}, (),
    tuple(TableGrant(each, "SELECT", "table", "alembic_version", "data_science") for each in ("fleet_drift", "fleet_admin")),
    (), (), {"airflow": "a1"}, frozenset(),
)  # fmt: skip


def _told(team: Team = TEAM, found: Server = SERVER, there: Inside = INSIDE) -> list[Finding]:
    return [*roles.findings(team, found), *walls.findings(team, found), *inside.findings(team, found, there)]


def test_all_as_it_was_made_is_nothing_to_tell() -> None:
    assert _told() == []


names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=20)


@given(st.dictionaries(names, st.sets(st.sampled_from(["CONNECT", "CREATE", "TEMPORARY"]), min_size=1), max_size=4))
def test_whoever_else_may_enter_is_told_and_only_they(others: dict[str, set[str]]) -> None:
    known = {"data_science", "fleet_drift", "fleet_admin"}
    extra = tuple(Grant(who, what) for who, each in others.items() if who not in known for what in each)
    found = replace(SERVER, databases={"data_science": replace(DATABASE, grants=(*DATABASE.grants, *extra))})
    told = list(walls.findings(TEAM, found))
    assert {each.field for each in told} == {f"privileges of {grant.grantee}" for grant in extra}
    assert {each.kind for each in told} <= {kinds.ENTRY}


@given(names)
def test_a_name_stays_a_name_in_a_statement(name: str) -> None:
    quoted = sql.Identifier(name).as_string(None)
    assert statements.leave(name, "b").sql == f'REVOKE {quoted} FROM "b"'
    who = "PUBLIC" if name == "public" else quoted
    assert statements.close("d", name).sql == f'REVOKE ALL ON DATABASE "d" FROM {who} CASCADE'


def test_no_statement_drops_anything() -> None:
    thing = Thing("s", "materialized view", "v", "o")
    made = [
        statements.own_database("a", "d", "o", "t"), statements.own_schema("a", "d", "s", "o", "t"),
        statements.own_things("a", "d", "t", "o", [thing]),
        statements.shut_tables("a", "d", "s", "g", [TableGrant("g", "SELECT", "table", "x", "t")], ["x"]),
    ]  # fmt: skip
    assert not [each for each in made if "DROP" in each.sql]
    assert 'ALTER MATERIALIZED VIEW "s"."v" OWNER TO "t"' in made[2].sql


def test_who_administers_joins_no_role_of_its_own() -> None:
    """GRANT of a role to itself is an error."""
    assert "TO CURRENT_USER; ALTER SCHEMA" in statements.own_schema("a", "d", "s", "a", "t").sql
    assert 'GRANT "a"' not in statements.own_schema("a", "d", "s", "a", "t").sql
    assert statements.shut_schema("a", "d", "public", "pg_database_owner", "public").sql == (
        'REVOKE ALL ON SCHEMA "public" FROM PUBLIC CASCADE'
    )


@pytest.mark.parametrize("owner", ["postgres", "stranger"])
def test_what_a_superuser_owns_is_left_to_one(owner: str) -> None:
    there = replace(INSIDE, schemas={**INSIDE.schemas, "data_science": Schema(owner, READS)})
    (finding,) = _told(there=there)
    assert (finding.kind, isinstance(finding.mend, Statement)) == (kinds.SCHEMA_OWNER, owner == "stranger")


@pytest.mark.parametrize("migrated", [True, False])
def test_a_database_that_is_gone_is_remade_only_where_nothing_was_in_it(migrated: bool) -> None:
    (finding,) = walls.findings(replace(TEAM, migrated=migrated), replace(SERVER, databases={}))
    assert finding.mend == (None if migrated else Reapply("terraform"))
    assert "fleet restore data-science" in finding.advice or not migrated


def test_who_made_the_role_and_the_service_account_are_members_by_right() -> None:
    team = replace(TEAM, guest="airflow-data-science@a-project.iam")
    members = tuple(("data_science", each) for each in ("fleet_admin", team.guest, "stranger"))
    assert [each.field for each in _told(team, replace(SERVER, members=members))] == ["member stranger"]


@pytest.mark.parametrize(("path", "told"), [("data_science", []), ("public", ["search_path in data_science"])])
def test_the_same_search_path_for_this_database_alone_is_none_other(path: str, told: list[str]) -> None:
    here = Setting("data_science", "data_science", "search_path", path)
    assert [each.field for each in _told(found=replace(SERVER, settings=(PATH, here)))] == told


def test_without_a_scheduled_look_its_role_is_anybody() -> None:
    told = _told(replace(TEAM, reader=""))
    assert {(each.kind, each.field) for each in told} == {
        (kinds.ENTRY, "privileges of fleet_drift"), (kinds.SCHEMA_GRANT, "privileges of fleet_drift"),
        (kinds.TABLE_GRANT, "tables for fleet_drift"),
    }  # fmt: skip


def test_revisions_that_nobody_noted_are_not_compared() -> None:
    assert _told(replace(TEAM, revisions={}), there=replace(INSIDE, revisions={"airflow": "b2"})) == []
    (finding,) = _told(there=replace(INSIDE, revisions={"airflow": "b2"}))
    assert (finding.kind, finding.expected, finding.found) == (kinds.REVISION, "a1", "b2")


def test_terraforms_finding_of_the_same_is_told_once() -> None:
    (finding,) = _told(found=replace(SERVER, roles={"data_science": replace(ROLE, limit=9)}))
    kind = replace(kinds.ROLE_LIMIT, layer="terraform", name="terraform.changed")
    address = 'module.team["data-science"].module.database.postgresql_role.this'
    same = Finding(kind, "data-science", address, "connection_limit", "30", "9")
    other = replace(same, field="login")
    assert told_once([finding, same, other]) == [finding, other]


def test_a_team_is_read_from_its_record() -> None:
    database = {"name": "a_b", "schema": "a_b", "role": "a_b", "connection_limit": 7}
    cloud = {"project": "p", "service_account": "airflow-a-b", "database_server": "db"}
    variables = {"database": database, "gcp": cloud}
    record = Record("a-b", {"terraform": Applied({"variables": variables}, "")}, (), None, "admin", {"fab": "f"})
    assert of_record(record) == Team(
        "a-b", "a_b", "a_b", "a_b", 7, "admin", "", "airflow-a-b@p.iam", {"fab": "f"}, migrated=False
    )


def test_the_administrator_of_an_older_record_is_whoever_looks() -> None:
    nobody = replace(TEAM, admin="")
    assert nobody.with_admin(SERVER).admin == "fleet_admin"
    assert nobody.with_admin(replace(SERVER, reader="fleet_drift")).admin == "fleet_admin"
    owned = replace(SERVER, reader="boss")
    assert nobody.with_admin(owned).admin == "boss"


# The server's settings.

WANTED = CloudSqlSettings(
    tier="db-custom-1-3840", flags={"max_connections": "500", "work_mem": "1"}, backups=7, networks=[]
)
FOUND: dict[str, Any] = {
    "state": "RUNNABLE",
    "settings": {
        "tier": "db-custom-1-3840",
        "databaseFlags": [{"name": "max_connections", "value": "500"}, {"name": "work_mem", "value": "1"}],
        "backupConfiguration": {"enabled": True, "backupRetentionSettings": {"retainedBackups": 7}},
    },
}


def _server(**settings: Any) -> list[Finding]:
    return list(server.findings(WANTED, {**FOUND, "settings": {**FOUND["settings"], **settings}}, "it"))


def test_settings_as_they_should_be_give_nothing() -> None:
    assert _server() == []
    assert list(server.findings(CloudSqlSettings(), {"state": "RUNNABLE"}, "it")) == []


def test_a_server_that_stands_still_is_told() -> None:
    (finding,) = server.findings(CloudSqlSettings(), {"state": "SUSPENDED"}, "it")
    assert (finding.kind, finding.found) == (kinds.SERVER_GONE, "SUSPENDED")


def test_a_flag_that_restarts_the_server_is_left_alone_by_the_others() -> None:
    flags = [{"name": "max_connections", "value": "9"}, {"name": "jit", "value": "off"}]
    told = {each.field: each for each in _server(databaseFlags=flags)}
    assert set(told) == {f"settings.databaseFlags.{name}" for name in ("max_connections", "jit", "work_mem")}
    assert told["settings.databaseFlags.max_connections"].mend is None
    put = Configure({"databaseFlags": [{"name": "max_connections", "value": "9"}, {"name": "work_mem", "value": "1"}]})
    assert told["settings.databaseFlags.jit"].mend == told["settings.databaseFlags.work_mem"].mend == put


def test_on_google_cloud_the_platforms_entry_says_what_the_server_is() -> None:
    text = (ROOT / "terraform/examples/gcp/tenants.yaml").read_text()
    found = server.settings(Inventory.model_validate(yaml.safe_load(text)))
    assert found is not None and found.tls_only and found.public_address is False
    assert found.flags is not None and "max_connections" in found.flags
