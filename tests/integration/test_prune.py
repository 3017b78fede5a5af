"""Orphans on the sandbox: found with the right kinds, shown, and taken away after a proven backup; what bears no mark stays."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import yaml

from fleet import apply, inventory
from fleet.cli import common
from fleet.desired import naming
from fleet.diff import diff
from fleet.plan import plan
from tests.support.sandbox import FLEET, Sandbox

pytestmark = pytest.mark.teams

CHECKOUT = Path(__file__).resolve().parents[2]
# All that needs no pod.
PARTS = {"terraform", "guardrails", "secrets"}


@dataclass(frozen=True)
class Place:
    """Two teams that were applied and are in no inventory any more, and leftovers of a third."""

    sandbox: Sandbox
    inventory: Path
    whole: str
    lost: str  # neither a record nor a state of it is left
    traces: str
    stranger: str

    def fleet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}
        return subprocess.run([FLEET, *arguments], env=environment, capture_output=True, text=True, check=False)

    def found(self, *names: str) -> list[dict[str, str]]:
        """Kind → severity of what is told of each name, in one look."""
        done = self.fleet("drift", "--layer", "orphans", "--output", "json")
        assert done.returncode == 2, done.stderr
        told = json.loads(done.stdout)["findings"]
        return [
            {each["kind"].removeprefix("orphans."): each["severity"] for each in told if each["team"] == name}
            for name in names
        ]

    def sql(self, statement: str, *values: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        with self.sandbox.admin(database) as admin:
            cursor = admin.execute(statement, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def place(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    mark = uuid4().hex[:5]
    names = [f"{word}-{mark}" for word in ("whole", "lost", "traces", "stranger")]
    path = tmp_path_factory.mktemp("prune") / "tenants.yaml"
    entries = yaml.safe_load((CHECKOUT / "tenants.yaml").read_text())
    path.write_text(yaml.safe_dump(entries | {"teams": {name: {"owner": "x@example.com"} for name in names[:2]}}))
    found = Place(sandbox, path, *names)
    try:
        asyncio.run(_make(path, names[:2]))
        path.write_text(yaml.safe_dump(entries | {"teams": {}}))
        _lose(found)
        _leave_traces(found)
        yield found
    finally:
        _clean(found)


async def _make(path: Path, names: list[str]) -> None:
    """As `fleet apply` does, without Airflow."""
    sight = await common.look(inventory.load(path))
    whole = plan(diff(sight.desired, sight.observed), frozenset(names))
    instances = {
        name: tuple(each for each in changes if each.part in PARTS) for name, changes in whole.instances.items()
    }
    platform = whole.platform if whole.platform and whole.platform.action == "create" else None
    work = replace(whole, platform=platform, portal=None, instances=instances)
    outcomes = await apply.apply(work, sight.desired, sight.observed, sight.world, lambda _: None)
    assert [each.error for each in outcomes] == [None, None]


def _lose(place: Place) -> None:
    """A database with rows in it, and no record, no state and no namespace that would speak for it."""
    for name in (place.whole, place.lost):
        keys = place.sandbox.secret(naming.SYSTEM_NAMESPACE, naming.keys_secret(name))
        server = place.sandbox.environment
        with psycopg.connect(
            host=server["PGHOST"], port=int(server["PGPORT"]), dbname=naming.sql(name), user=naming.sql(name),
            password=keys["database-password"], autocommit=True,
        ) as connection:  # fmt: skip
            connection.execute("create table dag (dag_id text)")
            connection.execute("insert into dag values ('a'), ('b')")
    place.sandbox.kubectl("delete", "configmap", naming.record(place.lost), "--namespace", naming.SYSTEM_NAMESPACE)
    with psycopg.connect(place.sandbox.platform["terraform-backend-conn-str"], autocommit=True) as states:
        states.execute("delete from fleet_team.states where name = %s", [place.lost])


def _leave_traces(place: Place) -> None:
    label, system = f"{naming.INSTANCE_LABEL}={place.traces}", naming.SYSTEM_NAMESPACE
    kubectl = place.sandbox.kubectl
    for kind, name, namespace in (
        ("namespace", naming.namespace(place.traces), ""), ("configmap", naming.upgrades(place.traces), system),
    ):  # fmt: skip
        where = ["--namespace", namespace] if namespace else []
        kubectl("create", kind, name, *where)
        kubectl("label", kind, name, label, *where)
    kubectl("create", "namespace", naming.namespace(place.stranger))
    old = "2026-01-01T00:00:00.000000Z"
    lease = {
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": naming.lease(place.traces), "namespace": system, "labels": {naming.INSTANCE_LABEL: place.traces}},
        "spec": {"leaseDurationSeconds": 30, "renewTime": old},
    }  # fmt: skip
    file = place.inventory.with_name("lease.json")
    file.write_text(json.dumps(lease))
    kubectl("create", "--filename", str(file))


def _clean(place: Place) -> None:
    if place.sql(
        "select 1 from pg_database where datname = any(%s)", [naming.sql(place.whole), naming.sql(place.lost)]
    ):
        for name in (place.whole, place.lost):
            place.fleet("prune", name, "--no-backup", "--yes", "--confirm", name)
    for name in (place.traces, place.stranger):
        place.sandbox.kubectl("delete", "namespace", naming.namespace(name), "--ignore-not-found", "--wait=false")


def test_whatever_bears_the_mark_is_found(place: Place) -> None:
    whole, lost, traces, stranger = place.found(place.whole, place.lost, place.traces, place.stranger)
    assert whole == {
        "namespace": "warning", "release": "warning", "keys": "warning", "record": "info", "workspace": "warning",
        "database": "warning", "client": "warning", "group": "info",
    }  # fmt: skip
    assert lost == {kind: severity for kind, severity in whole.items() if kind not in ("record", "workspace")}
    assert traces == {"namespace": "warning", "record": "info", "lease": "info"}
    assert stranger == {"namespace-unmarked": "info"}


def test_it_shows_what_goes_and_asks(place: Place) -> None:
    shown = place.fleet("prune", place.whole, "--dry-run")
    assert (
        shown.returncode == 0
        and f"database {naming.sql(place.whole)}: goes, with everything in it, after a backup" in shown.stdout
    )
    cases: dict[tuple[str, ...], str] = {
        (place.whole, "--yes", "--confirm", place.lost): f"--yes --confirm {place.whole}",
        (place.traces,): "add `--yes`",
        (place.stranger, "--yes", "--confirm", place.stranger): "bears fleet's mark",
    }
    with ThreadPoolExecutor() as pool:
        for refused, said in zip(
            pool.map(lambda words: place.fleet("prune", *words), cases), cases.values(), strict=True
        ):
            assert refused.returncode == 2 and said in refused.stderr, refused.stderr
    assert place.sql("select 1 from pg_database where datname = %s", naming.sql(place.whole)) == [(1,)]


def test_what_is_left_goes(place: Place) -> None:
    names = (place.whole, place.lost, place.traces)
    typed = [word for name in names[:2] for word in ("--confirm", name)]
    done = place.fleet("prune", *names, "--yes", *typed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("proven") >= 2 and "2 rows" in done.stdout + done.stderr
    for name in names:
        assert place.sql("select datname from pg_database where datname = %s", naming.sql(name)) == []
        assert place.sql("select rolname from pg_roles where rolname = %s", naming.sql(name)) == []
    assert place.found(*names, place.stranger) == [{}, {}, {}, {"namespace-unmarked": "info"}]
    last = place.fleet("history", "--output", "json")
    assert any(
        f"prune {place.lost} {place.traces} {place.whole}" in json.dumps(each) for each in json.loads(last.stdout)
    )
