"""Somebody at work behind fleet's back, on teams that sleep: kubectl, psql, Keycloak's administrator, Cloud SQL's API, Helm."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from fleet import inventory
from fleet.desired import naming
from fleet.drivers.world import World
from tests.support.asleep import Asleep


@dataclass(frozen=True)
class Hands:
    """What a person with every right can do."""

    fleet: Asleep

    def kubectl(self, *words: str) -> str:
        """As somebody called `by-hand`."""
        return self._run("kubectl", *words)

    def helm(self, *words: str) -> str:
        return self._run("helm", *words)

    def patch(self, namespace: str, what: str, change: dict[str, Any], kind: str = "merge") -> None:
        there = ("--namespace", namespace) if namespace else ()
        self.kubectl("patch", what, *there, f"--type={kind}", "--field-manager=by-hand", "--patch", json.dumps(change))

    def make(self, manifest: dict[str, Any]) -> None:
        self._run("kubectl", "create", "--filename=-", given=json.dumps(manifest))

    def sql(self, database: str, statement: str, **names: str) -> None:
        """A statement by the server's superuser; `{name}` stands for a quoted identifier."""
        with self.fleet.sandbox.superuser(database) as connection:
            quoted = {key: sql.Identifier(value) for key, value in names.items()}
            connection.execute(sql.SQL(statement).format(**quoted))  # type: ignore[arg-type]

    def keycloak(self, method: str, path: str, body: object = None) -> Any:
        """Keycloak's admin API in the fleet's realm."""
        return self.fleet.sandbox.keycloak.call(method, f"/{self.fleet.realm}{path}", body)

    def client(self, team: str, **changed: Any) -> dict[str, Any]:
        """A team's client, with some of its attributes changed."""
        found = self.fleet.sandbox.keycloak.client(self.fleet.realm, naming.client_id(team))
        if changed:
            found.pop("roles")
            self.keycloak("PUT", f"/clients/{found['id']}", {**found, **changed})
        return found

    def realm(self, **changed: Any) -> None:
        self.keycloak("PUT", "", {**self.keycloak("GET", ""), **changed})

    def group(self, path: str) -> str:
        """A group's id."""
        return str(self.keycloak("GET", f"/group-by-path{path}")["id"])

    def role(self, team: str, name: str) -> dict[str, Any]:
        """A role of a team's client, with its client's id under `client`."""
        client = self.client(team)["id"]
        found: dict[str, Any] = self.keycloak("GET", f"/clients/{client}/roles/{name}")
        return {**found, "client": client}

    def server(self, **settings: Any) -> None:
        """Settings of the Cloud SQL instance."""
        platform = inventory.load(self.fleet.inventory).inventory.platform
        asyncio.run(World(platform).cloud_sql.patch(settings))

    def _run(self, *command: str, given: str = "") -> str:
        there = f"--kubeconfig={self.fleet.fleet.server.kubeconfig}"
        done = subprocess.run(
            [*command, there], env=self.fleet.environment, input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout
