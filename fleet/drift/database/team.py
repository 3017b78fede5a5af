"""A team's database as it should be: takes what was applied, gives names and figures, never looks at the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fleet.drivers.catalogue import Place, Server
from fleet.drivers.metadata import VERSION_TABLES
from fleet.record import Record

MODULE = "module.database"


@dataclass(frozen=True)
class Team:
    """One team.

    Args:
        admin: who made the database and owns it.
        reader: the role of the scheduled look; empty where there is none.
        guest: another role that is a member of the team's: its Google service account; empty where there is none.
        revisions: as the last migration left them; empty where nobody noted them.
        migrated: whether anything was ever migrated into it.
    """

    name: str
    database: str
    schema: str
    role: str
    limit: int
    admin: str = ""
    reader: str = ""
    guest: str = ""
    revisions: Mapping[str, str] = field(default_factory=dict)
    migrated: bool = True

    @property
    def readers(self) -> tuple[str, ...]:
        """Who may read the last migration, and nothing else of the team's: the tables are not the administrator's either."""
        return tuple(filter(None, (self.reader, self.admin)))

    @property
    def place(self) -> Place:
        """Where its tables lie."""
        return Place(self.database, self.schema, self.role)

    def with_admin(self, server: Server) -> Team:
        """With whoever the administrator is, where the record does not tell: who looks, or who owns the database."""
        if self.admin or self.database not in server.databases:
            return self
        looks = "" if server.reader == self.reader else server.reader
        return replace(self, admin=looks or server.databases[self.database].owner)


def of_record(record: Record) -> Team:
    """From what was applied last."""
    variables: Mapping[str, Any] = record.parts["terraform"].inputs["variables"]
    wanted = variables["database"]
    return Team(
        record.name, wanted["name"], wanted["schema"], wanted["role"], wanted["connection_limit"],
        admin=record.administrator, reader=wanted.get("reader") or "", guest=_guest(variables.get("gcp")),
        revisions=record.revisions, migrated="migration" in record.parts,
    )  # fmt: skip


def _guest(cloud: Mapping[str, Any] | None) -> str:
    """The service account as a database user: https://cloud.google.com/sql/docs/postgres/iam-authentication"""
    if not cloud or not cloud["database_server"]:
        return ""
    return f"{cloud['service_account']}@{cloud['project']}.iam"


def twin(resource: str, field: str = "*") -> str:
    """Terraform's finding that tells the same."""
    return f"{MODULE}.{resource}|{field}"


TABLES = tuple(VERSION_TABLES)
