"""How the administrator puts it right: takes names, gives statements with every name quoted, never one that drops anything.

The administrator is no superuser (ADR 0010): what belongs to a role it changes as a member of that role, which it becomes for
the time being, as Terraform's provider does. Several statements sent at once are one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from fleet.drift.mend import Statement
from fleet.drivers.catalogue import DefaultGrant, TableGrant, Thing

_EVERYBODY = "public"
DATABASE_OWNER = "pg_database_owner"
# `pg_default_acl.defaclobjtype`, in words.
_DEFAULTS = {"r": "TABLES", "S": "SEQUENCES", "f": "ROUTINES", "T": "TYPES", "n": "SCHEMAS"}
_DONE = "; "


def role(name: str, options: str) -> Statement:
    """Change a role's attributes."""
    return _statement("postgres", sql.SQL("ALTER ROLE {} ").format(_name(name)) + _raw(options))


def search_path(name: str, schema: str) -> Statement:
    """Give a role its search path back."""
    return _statement("postgres", _words("ALTER ROLE {} SET search_path TO {}", name, schema))


def reset(role: str, database: str, setting: str) -> Statement:
    """Take a setting away from a role, from a database, or from a role in a database."""
    if not role:
        text = _words("ALTER DATABASE {} RESET {}", database, setting)
    elif not database:
        text = _words("ALTER ROLE {} RESET {}", role, setting)
    else:
        text = _words("ALTER ROLE {} IN DATABASE {} RESET {}", role, database, setting)
    return _statement("postgres", text)


def leave(whole: str, member: str) -> Statement:
    """End a membership."""
    return _statement("postgres", _words("REVOKE {} FROM {}", whole, member))


def database(name: str, options: str) -> Statement:
    """Change a database's options."""
    return _statement("postgres", sql.SQL("ALTER DATABASE {} ").format(_name(name)) + _raw(options))


def own_database(admin: str, name: str, owner: str, team: str) -> Statement:
    """Give a database back to the administrator; the grants of a former owner go with it, so the team's is said again."""
    give = _words("ALTER DATABASE {} OWNER TO CURRENT_USER", name)
    return _statement("postgres", *_as_member(admin, [owner], [give]), _enter(name, team, "CONNECT, TEMPORARY"))


def close(database: str, grantee: str) -> Statement:
    """Let somebody in no more."""
    return _statement("postgres", _shut(database, grantee))


def only_enter(database: str, team: str, privileges: str) -> Statement:
    """Let a role do so much with a database, and no more."""
    return _statement("postgres", _shut(database, team), _enter(database, team, privileges))


def own_schema(admin: str, database: str, schema: str, owner: str, whose: str) -> Statement:
    """Give a schema back to whose it is."""
    give = [_words("ALTER SCHEMA {} OWNER TO {}", schema, whose)]
    return _statement(database, *_as_member(admin, [owner, whose], give))


def shut_schema(admin: str, database: str, schema: str, owner: str, grantee: str, keeps: str = "") -> Statement:
    """Let somebody into a schema no more, or only so far."""
    words: list[sql.Composable] = [
        sql.SQL("REVOKE ALL ON SCHEMA {} FROM {} CASCADE").format(_name(schema), _who(grantee))
    ]
    if keeps:
        words.append(_words("GRANT " + keeps + " ON SCHEMA {} TO {}", schema, grantee))
    return _statement(database, *_acting(admin, owner, words))


def shut_tables(
    admin: str, database: str, schema: str, grantee: str, grants: Iterable[TableGrant], keeps: Iterable[str] = ()
) -> Statement:
    """Let somebody at these tables no more, but for reading some."""
    found, words = list(grants), list[sql.Composable]()
    for owner in dict.fromkeys(each.owner for each in found):
        kinds = {each.name: each.kind for each in found if each.owner == owner}
        shut = [_shut_table(kind, schema, name, grantee) for name, kind in kinds.items()]
        keep = [_read(schema, name, grantee) for name in keeps if name in kinds]
        words += _acting(admin, owner, [*shut, *keep])
    return _statement(database, *words)


def show_versions(admin: str, database: str, schema: str, team: str, reader: str, tables: Iterable[str]) -> Statement:
    """Let the scheduled look read the last migration, and nothing else."""
    words = [_words("GRANT USAGE ON SCHEMA {} TO {}", schema, reader)]
    words += [_read(schema, table, reader) for table in tables]
    return _statement(database, *_acting(admin, team, words))


def shut_defaults(admin: str, database: str, owner: str, grants: Iterable[DefaultGrant]) -> Statement:
    """Let somebody at what will be made no more."""
    words = [
        sql.SQL("ALTER DEFAULT PRIVILEGES {}REVOKE ALL ON {} FROM {}").format(
            _words("IN SCHEMA {} ", schema) if schema else sql.SQL(""), _raw(_DEFAULTS[kind]), _who(grantee)
        )
        for kind, schema, grantee in sorted({(each.kind, each.schema, each.grantee) for each in grants})
    ]
    return _statement(database, *_acting(admin, owner, words))


def own_things(admin: str, database: str, team: str, owner: str, things: Iterable[Thing]) -> Statement:
    """Give what lies in the team's schema to the team."""
    words = [
        sql.SQL("ALTER {} {} OWNER TO {}").format(
            _raw(each.kind.upper()), sql.Identifier(each.schema, each.name), _name(team)
        )
        for each in things
    ]
    return _statement(database, *_as_member(admin, [owner, team], words))


def _shut_table(kind: str, schema: str, name: str, grantee: str) -> sql.Composable:
    return sql.SQL("REVOKE ALL ON {} {} FROM {} CASCADE").format(
        _raw(kind.upper()), sql.Identifier(schema, name), _who(grantee)
    )


def _read(schema: str, table: str, reader: str) -> sql.Composable:
    return sql.SQL("GRANT SELECT ON TABLE {} TO {}").format(sql.Identifier(schema, table), _name(reader))


def _enter(database: str, team: str, privileges: str) -> sql.Composable:
    return _words("GRANT " + privileges + " ON DATABASE {} TO {}", database, team)


def _shut(database: str, grantee: str) -> sql.Composable:
    return sql.SQL("REVOKE ALL ON DATABASE {} FROM {} CASCADE").format(_name(database), _who(grantee))


def _as_member(admin: str, roles: Iterable[str], words: Iterable[sql.Composable]) -> list[sql.Composable]:
    """As a member of some roles, for the time being. A database's owner acts for `pg_database_owner` by itself."""
    names = [name for name in dict.fromkeys(roles) if name not in (admin, DATABASE_OWNER)]
    join = [_words("GRANT {} TO CURRENT_USER", name) for name in names]
    return [*join, *words, *(_words("REVOKE {} FROM CURRENT_USER", name) for name in names)]


def _acting(admin: str, role: str, words: Iterable[sql.Composable]) -> list[sql.Composable]:
    """As some role: a grant is taken back in the name of who gave it."""
    if role in (admin, DATABASE_OWNER):
        return list(words)
    return _as_member(admin, [role], [_words("SET LOCAL ROLE {}", role), *words, sql.SQL("RESET ROLE")])


def _who(grantee: str) -> sql.Composable:
    return sql.SQL("PUBLIC") if grantee == _EVERYBODY else _name(grantee)


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(name)


def _raw(words: str) -> sql.SQL:
    """Words of this module's own."""
    return sql.SQL(words)


def _words(text: str, *names: str) -> sql.Composable:
    return _raw(text).format(*map(_name, names))


def _statement(database: str, *words: sql.Composable) -> Statement:
    return Statement(database, sql.SQL(_DONE).join(words).as_string(None))
