"""A fleet for drift's layer `terraform`: takes a world of Terraform's own and its teams, gives scenes and what a look found."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from fleet import inventory
from fleet.desired import Desired, DesiredInstance
from fleet.drift import terraform
from fleet.drift.finding import Looked
from fleet.drift.scene import Scene
from fleet.drivers import states, world
from fleet.drivers.states import States
from fleet.observe import Observed, ObservedInstance
from fleet.record import Record
from fleet.sandbox import layout
from tests.support.terraform import Team, World

INVENTORY = inventory.load(Path(__file__).parents[2] / "tenants.yaml").inventory
MODULES = "the modules as they are"


class Doors(world.World):
    """The drivers, with the credentials and the back end of a test's own world."""

    def __init__(self, made: World, changes: Mapping[str, str]) -> None:
        super().__init__(INVENTORY.platform)
        self._made, self._changes = made, changes

    async def _environment(self) -> dict[str, str]:
        return {**self._made.environment, **self._changes}

    async def states(self, stack: str) -> States:
        return states.states({"pg": {"schema_name": stack}}, await self._environment(), "")


@dataclass
class Looker:
    """Looks at teams of a world."""

    made: World
    platform_variables: Mapping[str, Any]
    commands: list[str] = field(default_factory=list)

    def look(
        self,
        teams: Mapping[str, Mapping[str, Any]],
        *,
        platform: bool = True,
        applied_modules: str = MODULES,
        environment: Mapping[str, str] | None = None,
    ) -> Looked:
        """One look at teams: name → the variables that were applied."""
        instances = {name: _desired(name, variables) for name, variables in teams.items()}
        observed = {name: _observed(name, variables, applied_modules) for name, variables in teams.items()}
        whole = {"modules": MODULES, "variables": self.platform_variables}
        record = Record("platform").with_part("platform", whole, "2026-01-01T00:00:00+00:00")
        wanted = Desired(platform=whole, portal=None, drift=None, inventory="", instances=instances)
        doors = Doors(self.made, environment or {})
        scene = Scene(INVENTORY, wanted, Observed(record, observed), doors, frozenset(teams), platform)
        with _listened(self.commands):
            return asyncio.run(terraform.look(scene))

    def count(self, command: str) -> int:
        """How often Terraform was started to do this."""
        return len([line for line in self.commands if f"terraform {command} " in line])

    def states(self) -> list[tuple[Any, ...]]:
        """All that the back end holds, as it lies there."""
        with self.made.sandbox.admin(self.made.states) as admin:
            return [
                row for stack in ("platform", "team")
                for row in admin.execute(f"SELECT *, xmin::text FROM {stack}.states ORDER BY id").fetchall()
            ]  # fmt: skip

    def copy_state(self, team: Team, names: Iterable[str]) -> None:
        """More workspaces with the same state."""
        self.write_state(names, json.dumps(self.made.state("team", team.name)))

    def write_state(self, names: Iterable[str], state: str) -> None:
        """Workspaces as nobody's apply left them."""
        insert = (
            "INSERT INTO team.states (name, data) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET data = excluded.data"
        )
        with self.made.sandbox.admin(self.made.states) as admin:
            for name in names:
                admin.execute(insert, [name, state])

    def reader(self, teams: Iterable[Team]) -> dict[str, str]:
        """The environment of somebody who can only look: a role that may connect and read the states, and in the realm a client
        whose account has roles that view."""
        role, password = f"test_{self.made.mark}_reader", uuid4().hex
        self.sql("postgres", "CREATE ROLE {role} LOGIN PASSWORD " + f"'{password}'", role=role)
        for database in (self.made.states, *(team.role for team in teams)):
            self.sql(database, "GRANT CONNECT ON DATABASE {name} TO {role}", name=database, role=role)
        for schema in ("platform", "team"):
            self.sql(self.made.states, "GRANT USAGE ON SCHEMA {schema} TO {role}", schema=schema, role=role)
            self.sql(self.made.states, "GRANT SELECT ON {schema}.states TO {role}", schema=schema, role=role)
        realm, secret = f"/{self.made.realm}", uuid4().hex
        self.made.keycloak.call("POST", f"{realm}/clients", {
            "clientId": "reader", "secret": secret, "serviceAccountsEnabled": True, "standardFlowEnabled": False,
        })  # fmt: skip
        account = self.made.keycloak.get(f"{realm}/clients/{self._client('reader')}/service-account-user")["id"]
        manager = self._client("realm-management")
        roles = self.made.keycloak.get(f"{realm}/clients/{manager}/roles")
        viewing = [each for each in roles if each["name"].startswith(("view-", "query-"))]
        self.made.keycloak.call("POST", f"{realm}/users/{account}/role-mappings/clients/{manager}", viewing)
        return {
            "PGUSER": role, "PGPASSWORD": password, "KEYCLOAK_REALM": self.made.realm, "KEYCLOAK_USER": "",
            "KEYCLOAK_PASSWORD": "", "KEYCLOAK_CLIENT_ID": "reader", "KEYCLOAK_CLIENT_SECRET": secret,
        }  # fmt: skip

    def _client(self, client_id: str) -> str:
        (found,) = self.made.keycloak.get(f"/{self.made.realm}/clients?clientId={client_id}")
        return str(found["id"])

    def give_back(self, team: Team) -> None:
        """What a superuser took from Terraform's own role, so that it can put the rest right or take it away."""
        for statement in (
            "ALTER DATABASE {role} ALLOW_CONNECTIONS true", "ALTER DATABASE {role} IS_TEMPLATE false",
            "ALTER DATABASE {role} OWNER TO {admin}", "ALTER ROLE {role} NOSUPERUSER",
        ):  # fmt: skip
            self.sql("postgres", statement, role=team.role, admin=self.made.environment["PGUSER"])

    def sql(self, database: str, statement: str, **names: str) -> None:
        """A statement of the server's superuser, which Terraform's own role is not."""
        server = self.made.database_server
        password = (layout.current().secrets / "postgres-superuser").read_text()
        with psycopg.connect(
            host=server["host"], port=server["port"], user="postgres", password=password, dbname=database, autocommit=True
        ) as superuser:  # fmt: skip
            superuser.execute(sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()}))


def _desired(name: str, variables: Mapping[str, Any]) -> DesiredInstance:
    part = {"modules": MODULES, "variables": variables}
    return DesiredInstance(name, name, "owner", "", "3.3.2", name, False, None, {}, {"terraform": part})


def _observed(name: str, variables: Mapping[str, Any], modules: str) -> ObservedInstance:
    part = {"modules": modules, "variables": variables}
    return ObservedInstance(name, Record(name).with_part("terraform", part, "2026-01-01T00:00:00+00:00"))


@contextmanager
def _listened(into: list[str]) -> Iterator[None]:
    """Every external program that is started, by fleet's own account."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            into.append(record.getMessage())

    log, listener = logging.getLogger("fleet.commands"), Listener()
    level = log.level
    log.addHandler(listener)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(listener)
        log.setLevel(level)
