"""Cloud SQL for tests: an API server of a test's own on the sandbox's PostgreSQL, a team's database without its Airflow, and
hands that damage dumps."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from fleet import keys
from fleet.drivers.world import World
from fleet.model import CloudSql, Inventory, Platform
from fleet.sandbox import layout, probes
from fleet.sandbox.cloudsql import settings
from fleet.sandbox.cloudsql.settings import Settings
from tests.support.sandbox import Sandbox


@dataclass
class Server:
    """An API server of a test's own: it may be killed and started again."""

    settings: Settings
    file: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        password = (layout.current().secrets / "postgres-superuser").read_text()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fleet.sandbox.cloudsql", str(self.file)],
                env={**os.environ, "PGPASSWORD": password}, stdout=log, stderr=log,
            )  # fmt: skip
        ready = probes.http(f"{self.settings.url}{settings.READY}")
        for _ in range(200):
            if ready():
                return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """As if the machine lost it: SIGKILL."""
        if self.process:
            self.process.kill()
            self.process.wait()

    @property
    def dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    @property
    def log(self) -> Path:
        return self.file.with_suffix(".log")

    @property
    def bucket(self) -> Path:
        """The folder that is the bucket."""
        return Path(self.settings.buckets) / layout.BACKUP_BUCKET

    @property
    def cloud_sql(self) -> CloudSql:
        return CloudSql(
            project=self.settings.project, instance=self.settings.instance, bucket=layout.BACKUP_BUCKET,
            admin_api=self.settings.url, storage_api=self.settings.url,
        )  # fmt: skip


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server on a free port, with state and buckets below ``folder``."""
    told = settings.load(layout.current().config / "cloudsql.json")
    with socket.create_server((told.address, 0)) as free:
        port = free.getsockname()[1]
    own = replace(told, port=port, data=str(folder / "data"), buckets=str(folder / "buckets"))
    (folder / "buckets" / layout.BACKUP_BUCKET).mkdir(parents=True)
    file = folder / "cloudsql.json"
    file.write_text(own.text())
    server = Server(own, file)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass(frozen=True)
class Team:
    """An instance that has its database, its role and its keys, and no Airflow."""

    name: str
    platform: Platform
    sandbox: Sandbox

    @property
    def database(self) -> str:
        return self.name.replace("-", "_")

    @property
    def world(self) -> World:
        """A new one each time: an event loop of its own."""
        return World(self.platform)

    def connect(self, database: str = "") -> psycopg.Connection[tuple[Any, ...]]:
        """As the team's role."""
        found = self.sandbox.secret("fleet-system", f"keys-{self.name}")
        return psycopg.connect(
            host=self.platform.database.host, dbname=database or self.database, user=self.database,
            password=found["database-password"], autocommit=True,
        )  # fmt: skip

    def rows(self) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute("select id, text from things order by id").fetchall()

    def databases(self) -> set[str]:
        """All that bear the team's name: its own, and any that was left behind."""
        with self.sandbox.admin() as connection:
            found = connection.execute("select datname from pg_database where datname like %s", [f"%{self.database}%"])
            return {name for (name,) in found.fetchall()}

    def summary(self) -> dict[str, Any] | None:
        """What the cluster remembers of the newest backup."""
        path = f"jsonpath={{.data.{self.name}\\.json}}"
        text = self.sandbox.kubectl(
            "get", "configmap", "backups", "--namespace", "fleet-system", "--output", path, check=False
        )
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found


@contextmanager
def a_team(sandbox: Sandbox, cloud_sql: CloudSql) -> Iterator[Team]:
    """One with a table of 1,000 rows and two empty ones, made as Terraform makes it; gone at the end."""
    import yaml

    inventory = Inventory.model_validate(yaml.safe_load((Path(__file__).parents[2] / "tenants.yaml").read_text()))
    database = inventory.platform.database.model_copy(update={"cloud_sql": cloud_sql})
    platform = inventory.platform.model_copy(update={"database": database})
    team = Team(f"bk-{uuid.uuid4().hex[:6]}", platform, sandbox)
    password = asyncio.run(keys.ensure(team.world.cluster, team.name, used=False))["database-password"]
    try:
        _make_database(team, password)
        yield team
    finally:
        _remove(team)


def _make_database(team: Team, password: str) -> None:
    name = sql.Identifier(team.database)
    with team.sandbox.admin() as connection:
        connection.execute(
            sql.SQL("create role {} login connection limit 30 password {}").format(name, sql.Literal(password))
        )
        connection.execute(sql.SQL("alter role {} set search_path = {}").format(name, name))
        connection.execute(sql.SQL("grant {} to fleet_admin").format(name))
        connection.execute(sql.SQL("create database {}").format(name))
        connection.execute(sql.SQL("revoke all on database {} from public").format(name))
        connection.execute(sql.SQL("grant connect, temporary on database {} to {}").format(name, name))
    with team.sandbox.admin(team.database) as connection:
        connection.execute(sql.SQL("create schema {} authorization {}").format(name, name))
        connection.execute("revoke all on schema public from public")
    with team.connect() as connection:
        connection.execute("create table things (id int primary key, text text)")
        connection.execute("insert into things select n, md5(n::text) from generate_series(1, 1000) n")
        connection.execute('create table "Odd name" (id int)')
        connection.execute("create table parts (id int) partition by range (id)")
        connection.execute("create table parts_1 partition of parts for values from (0) to (10)")
        connection.execute("insert into parts values (1), (2)")


def _remove(team: Team) -> None:
    with team.sandbox.admin() as connection:
        for database in team.databases():
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(database)))
        connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(team.database)))
    quiet = ("--namespace", "fleet-system", "--ignore-not-found")
    team.sandbox.kubectl("delete", "secret", f"keys-{team.name}", *quiet)
    team.sandbox.kubectl("delete", "configmap", f"applied-{team.name}", *quiet)
    team.sandbox.kubectl("delete", "namespace", f"airflow-{team.name}", "--ignore-not-found", "--wait=false")
    change = json.dumps({"data": {f"{team.name}.json": None}})
    team.sandbox.kubectl(
        "patch",
        "configmap",
        "backups",
        "--namespace",
        "fleet-system",
        "--type",
        "merge",
        "--patch",
        change,
        check=False,
    )


Damage = Callable[[bytes], bytes]


def flip(data: bytes) -> bytes:
    """One byte in the middle turned over."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


def truncate(data: bytes) -> bytes:
    """The second half gone."""
    return data[: len(data) // 2]


@contextmanager
def damaging(folder: Path, damage: Damage) -> Iterator[list[Path]]:
    """Damage the next dump that appears below ``folder``, as soon as it does; gives those that were damaged."""
    before, damaged, stop = set(folder.rglob("*.sql.gz")), list[Path](), threading.Event()

    def work() -> None:
        while not stop.is_set() and not damaged:
            for path in set(folder.rglob("*.sql.gz")) - before:
                path.write_bytes(damage(path.read_bytes()))
                damaged.append(path)
            time.sleep(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield damaged
    finally:
        stop.set()
        thread.join()


def forget(sandbox: Sandbox, team: str) -> None:
    """Delete a team's dumps in the sandbox's bucket, and what is written down of them in the cluster."""
    shutil.rmtree(layout.current().buckets / layout.BACKUP_BUCKET / team, ignore_errors=True)
    patch = json.dumps({"data": {f"{team}.json": None}})
    options = ("--namespace", "fleet-system", "--type", "merge", "--patch", patch)
    sandbox.kubectl("patch", "configmap", "backups", *options, check=False)
