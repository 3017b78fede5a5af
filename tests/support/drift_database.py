"""Teams' databases as Terraform makes them, and somebody who changes them behind fleet's back."""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

from fleet.drift.database import look_at
from fleet.drift.database.team import Team, of_record
from fleet.drift.finding import Looked
from fleet.drift.mend import Statement
from fleet.drivers.metadata import Metadata
from fleet.drivers.postgres import Login
from fleet.drivers.world import World
from fleet.model import Inventory, Platform
from fleet.record import Applied, Record
from fleet.sandbox import layout
from tests.support.sandbox import Sandbox
from tests.support.terraform import copy, terraform

ROOT = Path(__file__).parents[2]
REVISIONS = {"airflow": "a1b2c3", "fab": "f9e8d7"}
_TABLES = """
    create table alembic_version (version_num varchar(32) primary key);
    insert into alembic_version values ('a1b2c3');
    create table alembic_version_fab (version_num varchar(32) primary key);
    insert into alembic_version_fab values ('f9e8d7');
    create table dag (id serial primary key, text text);
    create type state as enum ('up', 'down');
    create view up as select * from dag;
"""
_ROOT = """
variable "password" {
  type      = string
  ephemeral = true
}

provider "postgresql" {
  sslmode = "disable"
}

module "database" {
  for_each = toset(%s)
  source   = "./terraform/modules/database"

  name             = each.key
  schema           = each.key
  role             = each.key
  connection_limit = 7
  password         = var.password
  password_version = 1
  reader           = "%s"
}

terraform {
  required_providers {
    postgresql = {
      source  = "cyrilgdn/postgresql"
      version = "1.26.0"
    }
  }
}
"""


@dataclass(frozen=True)
class Databases:
    """Some teams' databases, a role that may only read, and a stranger."""

    sandbox: Sandbox
    platform: Platform
    mark: str
    password: str

    @property
    def reader(self) -> str:
        return f"drift_{self.mark}_reader"

    @property
    def stranger(self) -> str:
        return f"drift_{self.mark}_stranger"

    @property
    def names(self) -> list[str]:
        return [f"drift-{self.mark}-{letter}" for letter in "abc"]

    @property
    def world(self) -> World:
        """A new one each time: an event loop of its own."""
        return World(self.platform)

    @property
    def teams(self) -> list[Team]:
        return [of_record(self.record(name)) for name in self.names]

    def record(self, name: str) -> Record:
        """As `fleet apply` would have written it."""
        role = name.replace("-", "_")
        database = {"name": role, "schema": role, "role": role, "connection_limit": 7, "reader": self.reader}
        parts = {"terraform": Applied({"variables": {"database": database}}, ""), "migration": Applied({}, "")}
        return Record(name, parts, administrator="fleet_admin", revisions=REVISIONS)

    def login(self, role: str) -> Login:
        return Login(self.platform.database, role, self.password)

    def look(self, by: str = "") -> Looked:
        """As the administrator, or as somebody else."""

        async def work() -> Looked:
            login = self.login(by) if by else await self.world.database_reader()
            return await look_at(login, self.teams)

        return asyncio.run(work())

    def run(self, who: str, database: str, text: str) -> None:
        """Statements as `postgres` (the superuser), `admin`, or a role of these."""
        with self.connect(who, database) as connection:
            connection.execute(text.encode())

    def connect(self, who: str, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        if who == "admin":
            return self.sandbox.admin(database)
        superuser = who == "postgres"
        password = (layout.current().secrets / "postgres-superuser").read_text() if superuser else self.password
        return psycopg.connect(
            host=self.platform.database.host, dbname=database, user=who, password=password, autocommit=True
        )

    def mend(self, statement: Statement) -> None:
        """As heal does it."""
        self.run("admin", statement.database, statement.sql)


@contextmanager
def databases(sandbox: Sandbox, folder: Path) -> Iterator[Databases]:
    """Three teams by Terraform's module, with a migrated schema each; gone at the end."""
    inventory = Inventory.model_validate(yaml.safe_load((ROOT / "tenants.yaml").read_text()))
    made = Databases(sandbox, inventory.platform, uuid.uuid4().hex[:6], secrets.token_urlsafe(24))
    try:
        _make(made, folder)
        yield made
    finally:
        _remove(made)


def _make(made: Databases, folder: Path) -> None:
    with made.sandbox.admin() as admin:
        login = sql.SQL("create role {} login password {}")
        admin.execute(login.format(sql.Identifier(made.reader), sql.Literal(made.password)))
        admin.execute(sql.SQL("create role {}").format(sql.Identifier(made.stranger)))
    copy(folder)
    roles = [name.replace("-", "_") for name in made.names]
    (folder / "main.tf").write_text(_ROOT % (json.dumps(roles), made.reader))
    secret = made.sandbox.platform
    environment = {
        **made.sandbox.environment,
        "PGUSER": secret["database-admin-username"],
        "PGPASSWORD": secret["database-admin-password"],
        "TF_VAR_password": made.password,
    }
    terraform(folder, "init", "-input=false", environment=environment)
    terraform(folder, "apply", "-input=false", "-auto-approve", environment=environment)
    for role in roles:
        made.run(role, role, _TABLES)
        for reader in (made.reader, "fleet_admin"):
            asyncio.run(Metadata(made.login(role), role).show_revisions(reader, True))


def _remove(made: Databases) -> None:
    with made.connect("postgres", "postgres") as connection:
        pattern = f"drift\\_{made.mark}\\_%"
        for (name,) in connection.execute(
            "select datname from pg_database where datname like %s", [pattern]
        ).fetchall():
            connection.execute(sql.SQL("alter database {} is_template false").format(sql.Identifier(name)))
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        roles = connection.execute("select rolname from pg_roles where rolname like %s", [pattern]).fetchall()
        for (name,) in roles:
            connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        for (name,) in roles:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
