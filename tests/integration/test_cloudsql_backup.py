"""Backup, restore and removal on real databases: what is proven, what a damaged dump does, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fleet import backup, pause, proof, restore
from fleet.apply import Event
from fleet.drivers import cloudsql
from fleet.drivers.postgres import count_rows
from fleet.errors import FleetError
from fleet.observe import PAUSED, ObservedInstance
from fleet.proof import Proof
from fleet.remove import Holding, remove
from tests.support.cloudsql import Server, Team, a_team, damaging, flip, serving, truncate
from tests.support.sandbox import FLEET, Sandbox

pytestmark = pytest.mark.teams


@pytest.fixture(scope="module")
def one_server(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("cloudsql")) as server:
        yield server


@pytest.fixture
def server(one_server: Server) -> Server:
    """The module's server, started again where a test has killed it."""
    if one_server.dead:
        one_server.start()
    return one_server


@pytest.fixture
def team(sandbox: Sandbox, server: Server) -> Iterator[Team]:
    with a_team(sandbox, server.cloud_sql) as team:
        yield team


def back_up(team: Team, *, quiet: bool = True) -> Proof:
    events: list[Event] = []
    return asyncio.run(backup.backup(team.name, team.world, events.append, quiet=quiet))


# What a backup proves and keeps.


def test_a_backup_is_restored_counted_and_kept(team: Team, server: Server) -> None:
    done = back_up(team)
    schema = team.database
    assert done.tables == {f"{schema}.things": 1000, f"{schema}.Odd name": 0, f"{schema}.parts_1": 2}
    assert (done.quiet, done.moved) == (True, {})
    dump = server.bucket / done.dump.removeprefix("gs://fleet-backups/")
    assert done.digest == f"md5:{hashlib.md5(dump.read_bytes()).hexdigest()}"
    assert done.size == dump.stat().st_size
    kept = proof.read(dump.with_name(dump.name.replace(".sql.gz", ".proof.json")).read_bytes(), "")
    assert kept == done
    summary = team.summary()
    assert summary is not None and (summary["dump"], summary["rows"], summary["tables"]) == (done.dump, 1002, 3)
    assert team.databases() == {team.database}  # the scratch database is gone
    assert len(team.rows()) == 1000


def test_no_password_and_no_key_is_in_the_proof_the_journal_or_the_servers_log(team: Team, server: Server) -> None:
    secret = team.sandbox.secret("fleet-system", f"keys-{team.name}")
    done = back_up(team)
    said = done.text() + server.log.read_text() + json.dumps(team.summary())
    assert not [name for name, value in secret.items() if value in said]


def _writing(team: Team, stop: threading.Event) -> None:
    with team.connect() as connection:
        number = 2000
        while not stop.is_set():
            connection.execute("insert into things values (%s, '')", [number])
            number += 1


@pytest.fixture
def writer(team: Team) -> Iterator[None]:
    """Somebody who writes all the time, as a running Airflow does."""
    stop = threading.Event()
    thread = threading.Thread(target=_writing, args=(team, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


def test_a_running_airflow_may_write_meanwhile(team: Team, writer: None) -> None:
    done = back_up(team, quiet=False)
    table = f"{team.database}.things"
    low, high = done.moved[table]
    assert 1000 <= low <= done.tables[table] <= high


def test_a_backup_before_a_removal_wants_silence(team: Team, writer: None) -> None:
    with pytest.raises(FleetError, match=f"somebody wrote to {team.database}.things"):
        back_up(team)
    assert team.summary() is None


def test_a_killed_runs_scratch_database_is_swept_up(team: Team) -> None:
    left, others = f"proof_{team.database}_0123abcd", f"proof_{team.database}_x_0123abcd"
    with team.sandbox.admin() as connection:
        connection.execute(f"create database {left}")
        connection.execute(f"create database {others}")  # of a team whose name begins with this one's
    back_up(team)
    assert team.databases() == {team.database, others}


def test_nobody_else_enters_the_scratch_database(team: Team, server: Server) -> None:
    async def work(other: Team) -> None:
        world = team.world
        async with backup.scratch(await backup.source(team.name, world), world) as name:
            assert name in team.databases()
            team.connect(name).close()
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                other.connect(name)

    with a_team(team.sandbox, server.cloud_sql) as other:
        asyncio.run(work(other))
    assert team.databases() == {team.database}


def test_a_database_that_is_not_there_is_said(team: Team) -> None:
    with pytest.raises(FleetError, match="there is no database no_such"):
        asyncio.run(backup.source("no-such", team.world))


# Damaged dumps.


@pytest.mark.parametrize("damage", [flip, truncate, lambda _: b"", lambda _: b"not gzip"])
def test_a_damaged_dump_is_no_backup(team: Team, server: Server, damage: Callable[[bytes], bytes]) -> None:
    words = "damaged|does not restore to what it was taken from"
    with damaging(server.bucket, damage) as damaged, pytest.raises(FleetError, match=words) as refused:
        back_up(team)
    assert len(damaged) == 1
    assert "gs://fleet-backups" in str(refused.value)
    assert list((server.bucket / team.name).glob("*.proof.json")) == [] and team.summary() is None
    assert team.databases() == {team.database}
    assert len(team.rows()) == 1000


def _without_a_row(data: bytes) -> bytes:
    """A whole, well-formed dump that lacks one row."""
    lines = gzip.decompress(data).splitlines(keepends=True)
    return gzip.compress(b"".join(line for line in lines if not line.startswith(b"7\t")))


def _doctor(server: Server, done: Proof) -> None:
    """Take a row out of a proven dump, and make its proof agree with the new object in all but the counts."""
    dump = server.bucket / done.dump.removeprefix("gs://fleet-backups/")
    dump.write_bytes(_without_a_row(dump.read_bytes()))
    generation = str(dump.stat().st_mtime_ns // 1000)
    digest, size = f"md5:{hashlib.md5(dump.read_bytes()).hexdigest()}", dump.stat().st_size
    lie = replace(done, generation=generation, digest=digest, size=size)
    (server.bucket / proof.beside(done.dump).removeprefix("gs://fleet-backups/")).write_text(lie.text())


def test_a_dump_that_lacks_a_row_is_found_out(team: Team, server: Server) -> None:
    done = back_up(team)
    _doctor(server, done)

    async def work() -> None:
        world = team.world
        found, chosen = await backup.source(team.name, world), await restore.choose(team.name, None, world)
        async with backup.scratch(found, world) as fresh:
            restored = await backup.load(found, world, chosen, fresh)
            backup.check(chosen, proof.differences(chosen.tables, chosen.tables, restored))

    with pytest.raises(FleetError, match=f"{team.database}.things: 999 rows, not 1000"):
        asyncio.run(work())
    assert team.databases() == {team.database}


# Removal.

_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: airflow-scheduler, labels: {tier: airflow, component: scheduler}}
spec:
  replicas: 2
  selector: {matchLabels: {component: scheduler}}
  template:
    metadata: {labels: {tier: airflow, component: scheduler}}
    spec: {containers: [{name: pause, image: "fleet.local/pause:1", imagePullPolicy: Never}]}
"""


@pytest.fixture
def airflow(team: Team, tmp_path: Any) -> str:
    """A namespace with a component in it: not Airflow, but what can be stopped and started like it."""
    namespace, manifest = f"airflow-{team.name}", tmp_path / "deployment.yaml"
    manifest.write_text(_DEPLOYMENT)
    team.sandbox.kubectl("create", "namespace", namespace)
    team.sandbox.kubectl("apply", "--namespace", namespace, "-f", str(manifest))
    return namespace


def _replicas(team: Team, namespace: str) -> list[tuple[int, bool]]:
    return [
        (each["spec"]["replicas"], PAUSED in each["metadata"].get("annotations", {}))
        for each in team.sandbox.objects("deployments", namespace)
    ]


@pytest.mark.parametrize("damage", [flip, truncate])
def test_a_damaged_dump_stops_the_removal_and_nothing_is_gone(
    team: Team, server: Server, airflow: str, damage: Callable[[bytes], bytes]
) -> None:
    events: list[Event] = []
    held = Holding(team.name, ObservedInstance(team.name), {})
    before, keys = team.rows(), team.sandbox.secret("fleet-system", f"keys-{team.name}")
    with damaging(server.bucket, damage) as damaged, pytest.raises(FleetError, match="damaged") as refused:
        asyncio.run(remove(held, team.world, events.append, keep_database=False, with_backup=True))
    assert damaged
    assert "nothing was removed, and Airflow starts again" in refused.value.hint
    assert team.rows() == before
    assert team.databases() == {team.database}
    assert team.sandbox.secret("fleet-system", f"keys-{team.name}") == keys
    assert _replicas(team, airflow) == [(2, False)]
    assert [(each.step, each.state) for each in events if each.state != "started"] == [
        ("stop", "done"), ("export", "done"), ("proof", "failed"), ("start", "done"),
    ]  # fmt: skip


def test_stopping_twice_still_knows_how_many_there_were(team: Team, airflow: str) -> None:
    assert asyncio.run(pause.stop(team.world.cluster, team.name)) == 1
    assert asyncio.run(pause.stop(team.world.cluster, team.name)) == 0
    assert _replicas(team, airflow) == [(0, True)]
    assert [pod for pod in team.sandbox.objects("pods", airflow) if "deletionTimestamp" not in pod["metadata"]] == []
    assert asyncio.run(pause.start(team.world.cluster, team.name)) == 1
    assert _replicas(team, airflow) == [(2, False)]


# Choosing and switching.


def test_the_newest_proven_dump_is_chosen_and_none_of_another_team(team: Team, server: Server) -> None:
    async def choose(dump: str | None) -> Proof:
        return await restore.choose(team.name, dump, team.world)

    with pytest.raises(FleetError, match="no proven backup"):
        asyncio.run(choose(None))
    first = back_up(team)
    time.sleep(1.1)
    second = back_up(team)
    (server.bucket / team.name / "99990101T000000Z.sql.gz").write_bytes(b"")  # an export that nobody proved
    assert asyncio.run(choose(None)) == second
    assert asyncio.run(choose(first.dump)) == first
    with pytest.raises(FleetError, match="no proof beside"):
        asyncio.run(choose(f"gs://fleet-backups/{team.name}/99990101T000000Z.sql.gz"))
    with a_team(team.sandbox, server.cloud_sql) as other, pytest.raises(FleetError, match=f"a dump of {team.name}"):
        asyncio.run(restore.choose(other.name, first.dump, other.world))


def test_a_switched_database_has_the_dumps_rows_and_the_same_walls(team: Team) -> None:
    done, aside = back_up(team), f"before_{team.database}_1"
    with team.connect() as connection:
        connection.execute("delete from things")

    async def work() -> dict[str, int]:
        from fleet.drivers.postgres import switch

        world = team.world
        found = await backup.source(team.name, world)
        async with backup.scratch(found, world) as fresh:
            await backup.load(found, world, done, fresh)
            await switch(await world.database_admin(), found.database, fresh, aside)
        return await count_rows(found.login, found.database)

    with team.connect():  # a session that was forgotten does not stop it
        assert asyncio.run(work()) == done.tables
    assert len(team.rows()) == 1000  # found by the role's own search path
    assert team.databases() == {team.database, aside}
    with team.sandbox.admin() as connection:
        query = "select datacl::text from pg_database where datname = any(%s)"
        ((one,), (two,)) = connection.execute(query, [[team.database, aside]]).fetchall()
    assert one == two
    with team.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("create table public.intruder (id int)")


# The API amid an outage.


def _slow(team: Team) -> None:
    """Make the database large enough for an export to be caught in the act."""
    with team.connect() as connection:
        connection.execute(
            "create table large as select n, md5(n::text) || md5((-n)::text) t from generate_series(1, 400000) n"
        )


def _kill_amid_the_export(server: Server) -> None:
    folder = server.bucket.parent / ".partial"
    for _ in range(60_000):
        if any(path.stat().st_size > 0 for path in folder.iterdir()):
            return server.kill()
        time.sleep(0.005)
    raise AssertionError("no export began")


def test_an_api_that_dies_amid_an_export_is_a_clear_error(
    team: Team, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow(team)
    killer = threading.Thread(target=_kill_amid_the_export, args=(server,))
    killer.start()
    with pytest.raises(FleetError, match="does not answer") as failed:
        back_up(team)
    killer.join()
    assert server.settings.url in failed.value.what
    assert "fleet sandbox up" in failed.value.hint
    assert list((server.bucket / team.name).glob("*")) == []  # whole or not at all

    server.start()
    assert list((server.bucket.parent / ".partial").iterdir()) == []
    assert back_up(team).rows == 401002


def test_an_api_that_comes_back_says_that_the_export_was_lost(team: Team, server: Server) -> None:
    _slow(team)

    def restart() -> None:
        _kill_amid_the_export(server)
        server.start()

    restarter = threading.Thread(target=restart)
    restarter.start()
    with pytest.raises(FleetError, match="stopped while this operation ran"):
        back_up(team)
    restarter.join()
    assert team.databases() == {team.database}


def test_backups_of_two_teams_at_once_take_turns(team: Team, server: Server) -> None:
    with a_team(team.sandbox, server.cloud_sql) as other:

        async def both() -> list[Proof]:
            quiet: list[Event] = []
            return await asyncio.gather(
                *(backup.backup(each.name, each.world, quiet.append, quiet=True) for each in (team, other))
            )

        one, two = asyncio.run(both())
    assert (one.instance, two.instance) == (team.name, other.name)


def test_a_busy_instance_is_not_waited_for_for_ever(
    team: Team, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudsql, "QUEUE_SECONDS", 0.5)
    _slow(team)

    async def work() -> None:
        driver = team.world.cloud_sql
        ends = await asyncio.gather(
            *(driver.export(team.database, f"gs://fleet-backups/{name}.sql.gz") for name in "ab"),
            return_exceptions=True,
        )
        (refused,) = (end for end in ends if end)
        assert isinstance(refused, FleetError) and "the instance was busy" in refused.what

    asyncio.run(work())


# Without a Cloud SQL instance.


def test_a_plain_server_cannot_be_backed_up_and_the_hint_says_what_to_do(team: Team) -> None:
    from fleet.drivers.world import World

    database = team.platform.database.model_copy(update={"cloud_sql": None})
    world = World(team.platform.model_copy(update={"database": database}))
    with pytest.raises(FleetError, match="does not say how databases are backed up") as refused:
        asyncio.run(backup.source(team.name, world))
    assert "platform.database.cloud_sql" in refused.value.hint
    assert refused.value.exit_code == 2


def test_a_removal_on_a_plain_server_wants_to_be_told_what_becomes_of_the_data(team: Team, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "tenants.yaml").read_text()
    lines = text.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith("    cloud_sql:"))
    last = next(number for number, line in enumerate(lines) if number > first and not line.startswith("      "))
    inventory = tmp_path / "tenants.yaml"
    inventory.write_text("".join(lines[:first] + lines[last:]))
    command = [FLEET, "remove-team", team.name, "--yes", "--confirm", team.name, "--inventory", str(inventory)]
    refused = subprocess.run(command, env=team.sandbox.environment, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "--keep-database" in refused.stderr and "--no-backup" in refused.stderr
    assert refused.stdout == ""
    assert len(team.rows()) == 1000
