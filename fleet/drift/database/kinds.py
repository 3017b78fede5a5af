"""The kinds of finding of layer database."""

from __future__ import annotations

from fleet.drift.finding import Kind, Severity

_RESTORE = (
    "`fleet apply {team} --refresh` makes it anew, and empty; then `fleet restore {team}` brings the newest backup back"
)
_LOOK = "see whose it is; then move it away or drop it"


def _kind(name: str, severity: Severity, meaning: str, heals: str = "", remedy: str = "") -> Kind:
    return Kind(f"database.{name}", "database", severity, meaning, heals, remedy)


ROLE_GONE = _kind("role-gone", "critical", "the team's role is gone", "Terraform makes it anew, with the same password")
LOGIN = _kind("login", "critical", "the team's role may not sign in", "`ALTER ROLE … LOGIN`")
POWER = _kind(
    "power",
    "critical",
    "the team's role may do what no team may",
    "`ALTER ROLE … NO…`, where the administrator may: not SUPERUSER, REPLICATION and BYPASSRLS",
    "as a superuser of the server: ALTER ROLE … NOSUPERUSER NOREPLICATION NOBYPASSRLS",
)
INHERIT = _kind("inherit", "warning", "the team's role does not inherit", "`ALTER ROLE … INHERIT`")
ROLE_LIMIT = _kind("role-limit", "warning", "the role's connection limit is another", "`ALTER ROLE … CONNECTION LIMIT`")
UNTIL = _kind("until", "critical", "the role's password ends on a day", "`ALTER ROLE … VALID UNTIL 'infinity'`")
SEARCH_PATH = _kind(
    "search-path",
    "critical",
    "Airflow looks for its tables elsewhere",
    "`ALTER ROLE … SET search_path`, and the database's is reset",
)
SETTING = _kind("setting", "warning", "role or database carry a setting into every session", "`ALTER … RESET`")
MEMBER = _kind("member", "critical", "the team's role is a member of another role", "`REVOKE … FROM …`")
LENT = _kind("lent", "critical", "another role is a member of the team's role", "`REVOKE … FROM …`")
DATABASE_GONE = _kind(
    "gone",
    "critical",
    "the team's database is gone",
    "Terraform makes it anew, where nothing was ever migrated into it",
    _RESTORE,
)
OWNER = _kind(
    "owner",
    "critical",
    "the database belongs to somebody else, who may open it",
    "`ALTER DATABASE … OWNER`; not where the owner is a superuser",
    "as the owner, or a superuser: ALTER DATABASE … OWNER TO the administrator",
)
ENTRY = _kind("entry", "critical", "others than its role may enter the database", "`REVOKE ALL ON DATABASE … FROM …`")
OWN_ENTRY = _kind(
    "own-entry",
    "critical",
    "the team's role may do more or less with its database than it should",
    "`REVOKE` and `GRANT CONNECT, TEMPORARY ON DATABASE …`",
)
READER = _kind(
    "reader",
    "warning",
    "the scheduled look may not read what it should",
    "`GRANT CONNECT ON DATABASE …`, `GRANT SELECT ON …`",
)
CLOSED = _kind("closed", "critical", "nobody may enter the database", "`ALTER DATABASE … ALLOW_CONNECTIONS true`")
TEMPLATE = _kind(
    "template", "critical", "whoever may make databases may copy this one", "`ALTER DATABASE … IS_TEMPLATE false`"
)
LIMIT = _kind("limit", "warning", "the database has a connection limit", "`ALTER DATABASE … CONNECTION LIMIT -1`")
SCHEMA_GONE = _kind(
    "schema-gone",
    "critical",
    "the team's schema is gone",
    "Terraform makes it anew, where nothing was ever migrated into it",
    _RESTORE,
)
SCHEMA_OWNER = _kind(
    "schema-owner",
    "critical",
    "the team's schema belongs to somebody else",
    "`ALTER SCHEMA … OWNER`; not where the owner is a superuser",
    "as the owner, or a superuser: ALTER SCHEMA … OWNER TO the team's role",
)
PUBLIC_SCHEMA = _kind(
    "public-schema",
    "critical",
    "the schema `public` is open to others than the database's owner",
    "`REVOKE ALL ON SCHEMA public FROM …`",
)
SCHEMA_GRANT = _kind(
    "schema-grant", "critical", "others may enter the team's schema", "`REVOKE ALL ON SCHEMA … FROM …`"
)
TABLE_GRANT = _kind("table-grant", "critical", "others may read or write the team's tables", "`REVOKE ALL ON … FROM …`")
DEFAULT_GRANT = _kind(
    "default-grant", "critical", "others may use what the team will make", "`ALTER DEFAULT PRIVILEGES … REVOKE ALL …`"
)
FOREIGN = _kind(
    "foreign",
    "warning",
    "things in the team's schema belong to somebody else",
    "`ALTER … OWNER`; not where the owner is a superuser",
    "as the owner, or a superuser: ALTER … OWNER TO the team's role",
)
OUTSIDE = _kind("outside", "warning", "there are things outside of the team's schema", remedy=_LOOK)
SCHEMA_EXTRA = _kind("schema-extra", "warning", "there is a schema that nobody declared", remedy=_LOOK)
EXTRA = _kind(
    "extra",
    "warning",
    "there is an extension, event trigger, publication or foreign server that nobody declared",
    remedy=_LOOK,
)
REVISION = _kind(
    "revision",
    "critical",
    "the tables are not as the last migration left them",
    remedy="see who migrated them; `fleet restore {team}` brings the newest backup back, and migrates it",
)
SERVER_GONE = _kind(
    "server-state", "critical", "the Cloud SQL instance does not run", remedy="see its operations in Google's console"
)
SERVER_VERSION = _kind(
    "server-version", "warning", "the server has another version", remedy="correct `platform.gcp.database.version`"
)
_PATCH = "`instances.update` by the Cloud SQL Admin API"
FLAG = _kind("server-flag", "warning", "a flag of the server is another", f"{_PATCH}; some flags restart the server")
TIER = _kind(
    "server-tier",
    "warning",
    "the server's machine is another",
    remedy="`fleet apply --refresh` in a quiet hour: it restarts the server",
)
AVAILABILITY = _kind(
    "server-availability",
    "warning",
    "the server has a standby, or has none",
    remedy="`fleet apply --refresh` in a quiet hour: it restarts the server",
)
BACKUPS = _kind("server-backups", "critical", "the server's backups are off, or moments cannot be restored", _PATCH)
RETENTION = _kind("server-retention", "warning", "the server's backups are made or kept otherwise", _PATCH)
PROTECTION = _kind("server-protection", "warning", "the server can be deleted by a word", _PATCH)
ADDRESS = _kind("server-address", "critical", "the server has a public address, or lets networks in", _PATCH)
TLS = _kind("server-tls", "critical", "the server takes connections without TLS", _PATCH)
MAINTENANCE = _kind("server-maintenance", "info", "the server's maintenance window is another", _PATCH)

KINDS: tuple[Kind, ...] = tuple(each for each in dict(globals()).values() if isinstance(each, Kind))
