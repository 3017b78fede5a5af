"""What the instance's database role may do: takes the role's own connection from the environment, gives outcomes. What succeeds
is rolled back."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from .common import Context, Outcome, Probe, ProbeOther, hole, refused, unknown
from .machine import worst

_CONNECTION = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_SECONDS = 5
# Whoever makes a database closes it with the next statement: PostgreSQL lets everybody into a new one.
_SETTLES_SECONDS = 5
_DENIED = "42501"  # insufficient_privilege: https://www.postgresql.org/docs/current/errcodes-appendix.html
# A refused connection has no such code: the server's words, which it says in English before it knows the client's language.
_REFUSALS = (
    "permission denied for database",
    "password authentication failed",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "is not currently accepting connections",
)
# PostgreSQL lets everybody into these, and there is nothing in them.
_EMPTY = ("postgres", "template0", "template1")


def _settings() -> dict[str, Any]:
    url = urlsplit(os.environ[_CONNECTION])
    query = dict(each.split("=", 1) for each in url.query.split("&") if "=" in each)
    return {
        "host": url.hostname,
        "port": url.port or 5432,
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "dbname": url.path.lstrip("/"),
        "sslmode": query.get("sslmode", "prefer"),
        "connect_timeout": _SECONDS,
    }


def _connect(**other: str) -> Any:
    import psycopg2

    return psycopg2.connect(**{**_settings(), **other})


def _enter(**other: str) -> Outcome:
    """Whether the server lets somebody in."""
    import psycopg2

    try:
        connection = _connect(**other)
    except psycopg2.OperationalError as error:
        words = _fatal(error)
        return refused(words) if any(each in words for each in _REFUSALS) else unknown(words)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from pg_catalog.pg_class")
            return hole(f"signed in and read a catalog of {cursor.fetchone()[0]} entries")
    finally:
        connection.close()


def _fatal(error: Exception) -> str:
    """The server's own words: what stands before them says where it is, what follows gives details."""
    lines = str(error).strip().splitlines() or [""]
    return next((line for line in lines if "FATAL:" in line), lines[0]).split("FATAL:")[-1].strip()


def _run(statement: str, *values: object, allowed: str = "") -> Outcome:
    """Whether a statement in the team's own database is refused; rolled back where it is not."""
    import psycopg2

    try:
        connection = _connect()
    except psycopg2.OperationalError as error:
        return unknown(f"its own database does not answer: {_fatal(error)}")
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return hole(allowed or "the server did it")
    except psycopg2.Error as error:
        said = str(error).strip().splitlines()[0]
        return refused(said) if error.pgcode == _DENIED else unknown(said)
    finally:
        connection.rollback()
        connection.close()


def rows(statement: str, *values: object) -> list[tuple[Any, ...]]:
    connection = _connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())
    finally:
        connection.close()


def _others_database(_: Context, other: Mapping[str, Any]) -> Outcome:
    return _enter(dbname=other["database"])


def _others_login(_: Context, other: Mapping[str, Any]) -> Outcome:
    return _enter(dbname=other["database"], user=other["role"])


def _become(_: Context, other: Mapping[str, Any]) -> Outcome:
    return _run(f'set role "{other["role"]}"')


def _queries(_: Context, other: Mapping[str, Any]) -> Outcome:
    seen = "select count(*) from pg_stat_activity where usename = %s and query not in ('', '<insufficient privilege>')"
    (sees,) = rows(seen, other["role"])[0]
    (may,) = rows("select pg_has_role(current_user, 'pg_read_all_stats', 'member')")[0]
    if sees or may:
        return hole(f"sees {sees} queries" if sees else "is a member of pg_read_all_stats")
    return refused("<insufficient privilege>")


def _platform(context: Context) -> Outcome:
    own = {_settings()["dbname"], *(other["database"] for other in context["others"]), *_EMPTY}
    rest = [name for (name,) in rows("select datname from pg_database where datallowconn") if name not in own]
    outcomes = [(found[0], f"{name}: {found[1]}") for name in rest if (found := _enter_settled(name))]
    return worst(outcomes) if outcomes else refused("the server has no other database")


def _enter_settled(name: str) -> Outcome | None:
    """As :func:`_enter`; a moment later once more where it is not refused: the database may just be made, or dropped.

    Returns:
        None where there is no such database any more.
    """
    found = _enter(dbname=name)
    if found[0] != "refused":
        time.sleep(_SETTLES_SECONDS)
        found = _enter(dbname=name)
    return None if found[1] == f'database "{name}" does not exist' else found


def _statement(statement: str, allowed: str = "") -> Probe:
    def probe(_: Context) -> Outcome:
        return _run(statement, allowed=allowed)

    return probe


def _open(_: Context) -> Outcome:
    """GRANT by somebody who may not is no error but a warning: what counts is whether others may enter afterwards."""
    connection = _connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(f'grant connect on database "{_settings()["dbname"]}" to public')
            cursor.execute("select has_database_privilege('public', current_database(), 'connect')")
            (may,) = cursor.fetchone()
            return hole("everybody may enter it") if may else refused("no privileges were granted")
    finally:
        connection.rollback()
        connection.close()


PROBES: dict[str, Probe] = {
    "db-public": _statement("create table public.fleet_verify (id int)", "the table was made"),
    "db-platform": _platform,
    "db-passwords": _statement("select rolpassword from pg_authid", "they can be read"),
    "db-role": _statement("create role fleet_verify", "the role was made"),
    "db-files": _statement("select pg_read_file('PG_VERSION')", "they can be read"),
    "db-program": _statement("copy (select 1) to program 'true'", "it ran"),
    "db-open": _open,
}
AGAINST: dict[str, ProbeOther] = {
    "db-connect": _others_database,
    "db-login": _others_login,
    "db-become": _become,
    "db-queries": _queries,
}
