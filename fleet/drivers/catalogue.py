"""Reads PostgreSQL's catalogues: takes a login and names, gives facts about roles, databases and what lies in them, never
writes and never decides.

One statement for the whole server, one for each database: no catalogue of PostgreSQL reaches from one database into another
(ADR 0090). Who reads may be the administrator, and what is read belongs to a team; so nothing of a team's own making runs:
names are looked up in `pg_catalog` alone, row security is off, and of a version table only a plain one is read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fleet.drivers.metadata import VERSION_TABLES
from fleet.drivers.postgres import Login
from fleet.errors import FleetError

# Connections at a time: each is a process of the server, and one that others cannot have.
PARALLEL = 8
_OPTIONS = " ".join(
    f"-c {each}"
    for each in (
        "search_path=pg_catalog", "row_security=off", "default_transaction_read_only=on", "jit=off", "statement_timeout=60s",
    )
)  # fmt: skip
_VERSION = re.compile(r"<version_num>([^<]*)</version_num>")

_SERVER = """
with team as (select * from pg_roles where rolname = any(%(roles)s)),
     base as (select * from pg_database where datname = any(%(databases)s))
select json_build_object(
    'reader', current_user,
    'roles', (select json_object_agg(rolname, json_build_object(
            'login', rolcanlogin, 'superuser', rolsuper, 'createdb', rolcreatedb, 'createrole', rolcreaterole,
            'replication', rolreplication, 'bypassrls', rolbypassrls, 'inherit', rolinherit, 'limit', rolconnlimit,
            'until', case when rolvaliduntil is null or rolvaliduntil = 'infinity' then '' else rolvaliduntil::text end))
        from team),
    'superusers', (select json_agg(rolname) from pg_roles where rolsuper),
    'members', (select json_agg(json_build_array(whole.rolname, member.rolname))
        from pg_auth_members m join pg_roles whole on whole.oid = m.roleid join pg_roles member on member.oid = m.member
        where m.roleid in (select oid from team) or m.member in (select oid from team)),
    'settings', (select json_agg(json_build_array(coalesce(r.rolname, ''), coalesce(d.datname, ''), entry))
        from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase,
             unnest(s.setconfig) entry
        where s.setrole in (select oid from team) or s.setdatabase in (select oid from base)),
    'databases', (select json_object_agg(datname, json_build_object(
            'owner', pg_get_userbyid(datdba), 'allow', datallowconn, 'limit', datconnlimit, 'template', datistemplate,
            'enter', has_database_privilege(oid, 'connect'),
            'grants', (select json_agg(json_build_array(case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end,
                                                        a.privilege_type))
                       from aclexplode(coalesce(datacl, acldefault('d', datdba))) a where a.grantee <> datdba)))
        from base))
"""

# A table's own sequences and a table's columns follow the table; what an extension made is the extension's.
_DATABASE = """
with space as (select oid, nspname, nspowner, nspacl from pg_namespace
               where nspname <> 'information_schema' and nspname not like 'pg\\_%%'),
     thing as (
         select c.oid, 'pg_class'::regclass as catalog, c.relnamespace as space, c.relname as name, c.relowner as owner,
                case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                               when 'f' then 'foreign table' else 'table' end as kind
         from pg_class c where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
         union all
         select p.oid, 'pg_proc'::regclass, p.pronamespace, p.proname, p.proowner, 'routine' from pg_proc p
         union all
         select t.oid, 'pg_type'::regclass, t.typnamespace, t.typname, t.typowner, 'type' from pg_type t
         where t.typtype in ('d', 'e', 'r')),
     own as (
         select thing.*, space.nspname from thing join space on space.oid = thing.space
         where not exists (select from pg_depend d where d.classid = thing.catalog and d.objid = thing.oid
                           and (d.deptype = 'e' or (thing.kind = 'sequence' and d.deptype in ('a', 'i'))))),
     granted as (
         select c.relnamespace as space, c.relname as name, c.relkind, c.relowner as owner, a.grantee, a.privilege_type
         from pg_class c, aclexplode(c.relacl) a where c.relacl is not null
         union
         select c.relnamespace, c.relname, c.relkind, c.relowner, a.grantee, a.privilege_type
         from pg_attribute t join pg_class c on c.oid = t.attrelid, aclexplode(t.attacl) a where t.attacl is not null)
select json_build_object(
    'schemas', (select json_object_agg(nspname, json_build_object(
            'owner', pg_get_userbyid(nspowner),
            'grants', (select json_agg(json_build_array(case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end,
                                                        a.privilege_type))
                       from aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a where a.grantee <> nspowner)))
        from space),
    'objects', (select json_agg(json_build_array(nspname, kind, name, pg_get_userbyid(owner)) order by nspname, kind, name)
        from own where nspname <> %(schema)s or pg_get_userbyid(owner) <> %(role)s),
    'grants', (select json_agg(json_build_array(
            case g.grantee when 0 then 'public' else pg_get_userbyid(g.grantee) end, g.privilege_type,
            case g.relkind when 'S' then 'sequence' else 'table' end, g.name, pg_get_userbyid(g.owner)) order by g.name)
        from granted g join space on space.oid = g.space where space.nspname = %(schema)s and g.grantee <> g.owner),
    'defaults', (select json_agg(json_build_array(
            case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end, a.privilege_type, d.defaclobjtype,
            coalesce(n.nspname, '')))
        from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
        where pg_get_userbyid(d.defaclrole) = %(role)s and a.grantee <> d.defaclrole
          and not (a.grantee = 0 and d.defaclnamespace = 0 and d.defaclobjtype in ('f', 'T'))),
    'extras', (select json_agg(json_build_array(kind, name)) from (
            select 'extension' as kind, extname::text as name from pg_extension where extname <> 'plpgsql'
            union all select 'event trigger', evtname from pg_event_trigger
            union all select 'publication', pubname from pg_publication
            union all select 'foreign server', srvname from pg_foreign_server) e),
    'versions', (select json_object_agg(c.relname, case when has_schema_privilege(s.oid, 'usage')
                                                         and has_table_privilege(c.oid, 'select')
            then query_to_xml(format('select version_num from only %%I.%%I', s.nspname, c.relname), true, true, '')::text end)
        from pg_class c join space s on s.oid = c.relnamespace
        where s.nspname = %(schema)s and c.relname = any(%(versions)s) and c.relkind = 'r' and not c.relrowsecurity))
"""


@dataclass(frozen=True)
class Grant:
    """What somebody may do who does not own the thing; ``public`` stands for everybody."""

    grantee: str
    privilege: str


@dataclass(frozen=True)
class Role:
    """A role's attributes, as `pg_roles` has them."""

    login: bool
    superuser: bool
    createdb: bool
    createrole: bool
    replication: bool
    bypassrls: bool
    inherit: bool
    limit: int  # -1: none
    until: str  # empty: for ever


@dataclass(frozen=True)
class Database:
    """A database from outside. ``enter``: whether who looks may connect to it."""

    owner: str
    allow: bool
    limit: int  # -1: none
    template: bool
    enter: bool
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Setting:
    """What a role or a database carries into every session; empty names stand for all of them."""

    role: str
    database: str
    name: str
    value: str


@dataclass(frozen=True)
class Server:
    """What the whole server tells of some roles and databases.

    Args:
        reader: the role that looked.
        members: pairs of a role and who is a member of it, where either is one of those asked for.
    """

    reader: str
    roles: Mapping[str, Role]
    databases: Mapping[str, Database]
    members: tuple[tuple[str, str], ...]
    settings: tuple[Setting, ...]
    superusers: frozenset[str]


@dataclass(frozen=True)
class Schema:
    """A schema: its owner, and what others may do in it."""

    owner: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Thing:
    """A table, view, sequence, routine or type."""

    schema: str
    kind: str
    name: str
    owner: str


@dataclass(frozen=True)
class TableGrant(Grant):
    """A grant on a table, view or sequence of the team's schema, or on columns of it."""

    kind: str  # table or sequence
    name: str
    owner: str


@dataclass(frozen=True)
class DefaultGrant(Grant):
    """A grant on whatever the team's role makes from now on."""

    kind: str  # `pg_default_acl.defaclobjtype`
    schema: str  # empty: in any


@dataclass(frozen=True)
class Inside:
    """What lies in a team's database, but for what its role made in its schema.

    Args:
        things: that belong to others, or lie elsewhere.
        extras: kind and name of what no schema holds: extensions, event triggers, publications, foreign servers.
        revisions: `airflow` and `fab` → the newest migration that was run; a part without a table is left out.
        hidden: parts whose table who looks may not read.
    """

    schemas: Mapping[str, Schema]
    things: tuple[Thing, ...]
    grants: tuple[TableGrant, ...]
    defaults: tuple[DefaultGrant, ...]
    extras: tuple[tuple[str, str], ...]
    revisions: Mapping[str, str]
    hidden: frozenset[str]


@dataclass(frozen=True)
class Place:
    """Where a team's tables lie."""

    database: str
    schema: str
    role: str


async def server(login: Login, roles: Collection[str], databases: Collection[str]) -> Server:
    """Roles and databases, from outside: one statement.

    Raises:
        FleetError: the server cannot be reached or refuses.
    """
    found = await _ask(login, "postgres", _SERVER, {"roles": list(roles), "databases": list(databases)})
    return Server(
        found["reader"],
        {name: Role(**each) for name, each in (found["roles"] or {}).items()},
        {name: Database(**{**each, "grants": _grants(each)}) for name, each in (found["databases"] or {}).items()},
        tuple((whole, member) for whole, member in found["members"] or []),
        tuple(Setting(role, database, *entry.split("=", 1)) for role, database, entry in found["settings"] or []),
        frozenset(found["superusers"] or []),
    )


async def inside(login: Login, places: Collection[Place]) -> dict[str, Inside | FleetError]:
    """What lies in some databases, or why it cannot be seen: one statement each, side by side."""
    room = asyncio.Semaphore(PARALLEL)

    async def one(place: Place) -> Inside | FleetError:
        async with room:
            try:
                return await _inside(login, place)
            except FleetError as error:
                return error

    found = await asyncio.gather(*map(one, places))
    return {place.database: each for place, each in zip(places, found, strict=True)}


async def _inside(login: Login, place: Place) -> Inside:
    names = {"schema": place.schema, "role": place.role, "versions": list(VERSION_TABLES)}
    found = await _ask(login, place.database, _DATABASE, names)
    texts = {VERSION_TABLES[table]: text for table, text in (found["versions"] or {}).items()}
    return Inside(
        {name: Schema(each["owner"], _grants(each)) for name, each in (found["schemas"] or {}).items()},
        tuple(Thing(*each) for each in found["objects"] or []),
        tuple(TableGrant(*each) for each in found["grants"] or []),
        tuple(DefaultGrant(*each) for each in found["defaults"] or []),
        tuple((kind, name) for kind, name in found["extras"] or []),
        {part: ",".join(sorted(_VERSION.findall(text))) for part, text in texts.items() if text is not None},
        frozenset(part for part, text in texts.items() if text is None),
    )


async def _ask(login: Login, database: str, query: str, names: Mapping[str, Any]) -> dict[str, Any]:
    async with login.connected(database, _OPTIONS) as connection:
        row = await (await connection.execute(query, names)).fetchone()
    assert row is not None  # noqa: S101 (a query without FROM answers one row)
    answer: dict[str, Any] = row[0]
    return answer


def _grants(each: Mapping[str, Any]) -> tuple[Grant, ...]:
    return tuple(Grant(*pair) for pair in each["grants"] or [])
