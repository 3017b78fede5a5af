"""Suspended teams in an API server of their own, really applied: real databases, Helm releases and backups, and no pod.

Nothing runs Jobs there; a thread stands for the node. A migration's Job then does to the database what shows that it ran, once.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import psycopg
import yaml
from psycopg import sql

from fleet.desired import naming
from fleet.drivers.kubernetes import ApiError, Cluster, core, group
from fleet.drivers.world import decode
from fleet.errors import FleetError
from fleet.model import DEFAULT_SIZES
from fleet.upgrade import memory
from fleet.upgrade.memory import Memory
from tests.support import crowd, scale
from tests.support.sandbox import FLEET, Sandbox

# By which a migration shows, and what an upgrade looks at.
_TABLES = ("alembic_version (version_num text)", "migrated (image text)", "slot_pool (pool text, slots int)")
_AT = "2026-01-01T00:00:00Z"


@dataclass
class Asleep:
    """The teams, and what `fleet` says to them."""

    fleet: scale.Fleet
    sandbox: Sandbox
    teams: tuple[str, ...]
    realm: str
    cluster: Cluster
    failing: set[str] = field(default_factory=set)  # teams whose migrations fail
    pace: float = 0.0  # seconds that a migration takes

    @property
    def inventory(self) -> Path:
        return self.fleet.server.home / "tenants.yaml"

    @property
    def environment(self) -> dict[str, str]:
        return {**self.fleet.environment, "FLEET_INVENTORY": str(self.inventory)}

    def start(self, *words: str, stdout: Any = subprocess.PIPE, stderr: Any = subprocess.PIPE) -> subprocess.Popen[str]:
        command = [FLEET, *words]
        return subprocess.Popen(command, env=self.environment, cwd=scale.ROOT, text=True, stdout=stdout, stderr=stderr)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        output, talk = process.communicate(timeout=600)
        return subprocess.CompletedProcess(words, process.returncode, output, talk)

    def entries(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self.inventory.read_text())["teams"])

    def change(self, **keys: Any) -> None:
        """Change top-level keys of the inventory."""
        data = yaml.safe_load(self.inventory.read_text())
        self.inventory.write_text(yaml.safe_dump({**data, **keys}, sort_keys=False))

    def memories(self) -> dict[str, Memory]:
        return asyncio.run(memory.read_all(self.cluster))

    def releases(self) -> list[str]:
        """Status of every Helm release of theirs that is not superseded, sorted."""
        found = asyncio.run(
            self.cluster.list(core("secrets"), labels="owner=helm,status!=superseded", metadata_only=True)
        )
        own = [
            each["metadata"]["labels"]
            for each in found
            if each["metadata"]["labels"]["name"] != naming.PLATFORM_RELEASE
        ]
        return sorted(each["status"] for each in own)

    def database(self, team: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection as the team's own role."""
        path = core("secrets", naming.SYSTEM_NAMESPACE, naming.keys_secret(team))
        password = decode(asyncio.run(self.cluster.get(path)))["database-password"]
        name, environment = naming.sql(team), self.sandbox.environment
        return psycopg.connect(
            host=environment["PGHOST"],
            port=int(environment["PGPORT"]),
            dbname=name,
            user=name,
            password=password,
            autocommit=True,
        )

    def revision(self, team: str) -> str:
        with self.database(team) as connection:
            return str(connection.execute("select version_num from alembic_version").fetchall()[0][0])

    def _work(self, done: Event) -> None:
        """Stand for the Job controller and the node."""
        while not done.wait(0.1):
            with suppress(FleetError, psycopg.OperationalError):  # a server is away: the next look sees the Job again
                for job in asyncio.run(self.cluster.list(group("batch/v1", "jobs"), fields="status.successful=0")):
                    if not job.get("status", {}).get("startTime"):
                        time.sleep(self.pace)
                        asyncio.run(self._end(job))

    async def _end(self, job: dict[str, Any]) -> None:
        with suppress(ApiError):  # it was deleted meanwhile
            await self.cluster.patch(f"{_path(job)}/status", {"status": await asyncio.to_thread(self._run, job)})

    def _run(self, job: dict[str, Any]) -> dict[str, Any]:
        team = job["metadata"]["namespace"].removeprefix("airflow-")
        if team in self.failing:
            failed = [
                {"type": kind, "status": "True", "lastTransitionTime": _AT} for kind in ("FailureTarget", "Failed")
            ]
            return {"startTime": _AT, "failed": 1, "conditions": failed}
        image = job["spec"]["template"]["spec"]["containers"][0]["image"]
        with self.database(team) as connection:
            for table in _TABLES:
                connection.execute(f"create table if not exists {table}")  # type: ignore[arg-type]
            connection.execute("delete from alembic_version")
            connection.execute("insert into alembic_version values (%s)", [image.rpartition(":")[2]])
            connection.execute("insert into migrated values (%s)", [image])
        done = [
            {"type": kind, "status": "True", "lastTransitionTime": _AT} for kind in ("SuccessCriteriaMet", "Complete")
        ]
        return {"startTime": _AT, "completionTime": _AT, "succeeded": 1, "conditions": done}


def _path(job: dict[str, Any]) -> str:
    return group("batch/v1", "jobs", job["metadata"]["namespace"], job["metadata"]["name"])


@contextmanager
def asleep(sandbox: Sandbox, *teams: str) -> Iterator[Asleep]:
    """The teams, applied, on Airflow 3.2.2, in a realm and with states of their own; all of it gone at the end."""
    mark = token_hex(4)
    with scale.fleet(sandbox) as fleet:
        with crowd.connected(fleet.server) as cluster:
            found, done = Asleep(fleet, sandbox, teams, f"asleep-{mark}", cluster), Event()
            asyncio.run(cluster.create(core("namespaces"), {"metadata": {"name": naming.SYSTEM_NAMESPACE}}))
        node = Thread(target=found._work, args=(done,))
        try:
            _begin(found)
            _apply(found, node)
            yield found
        finally:
            done.set()
            if node.ident:
                node.join()
            _end(found)


def _begin(found: Asleep) -> None:
    """The inventory, and a database for the states. Without a portal: it would have to run."""
    data = yaml.safe_load((scale.ROOT / "tenants.yaml").read_text())
    data["platform"] |= scale.NO_PORTAL
    data["platform"]["sso"]["realm"] = found.realm
    # Two hundred of them are to fit the server's connections.
    data["sizes"] = {"asleep": {**DEFAULT_SIZES["small"].model_dump(), "connections": 5}}
    data["defaults"] |= {"airflow": "3.2.2", "size": "asleep"}
    example = found.fleet.server.home / "example.yaml"
    example.write_text(yaml.safe_dump(json.loads(json.dumps(data))))
    crowd.write_inventory(found.inventory, example, 0, *found.teams)
    states, there = naming.sql(found.realm), urlsplit(found.sandbox.platform["terraform-backend-conn-str"])
    with found.sandbox.superuser() as server:
        names = sql.Identifier(states), sql.Identifier(str(there.username))
        server.execute(sql.SQL("create database {} owner {}").format(*names))
        server.execute(sql.SQL("revoke all on database {} from public").format(names[0]))
    found.fleet.prepare_terraform(
        found.inventory, **{"terraform-backend-conn-str": there._replace(path=f"/{states}").geturl()}
    )


def _apply(found: Asleep, node: Thread) -> None:
    """Make the platform and the teams."""
    process = found.start("apply", "--yes")
    node.start()
    output, talk = process.communicate()
    assert process.returncode == 0, output + talk


def _end(found: Asleep) -> None:
    """All that bears their names, whatever a test left of it."""
    with suppress(urllib.error.HTTPError):  # it was not made yet
        found.sandbox.keycloak.call("DELETE", f"/{found.realm}")
    with found.sandbox.superuser() as server:
        for name in (naming.sql(found.realm), *map(naming.sql, found.teams)):
            server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            server.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))
