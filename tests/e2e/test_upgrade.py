"""Real Airflows from one version to the next: tried before, with DAGs at work, with faults of every kind on the way, and back
by hand."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.apply import Event
from fleet.upgrade.readiness import Readiness, check
from tests.support import tries
from tests.support.cloudsql import forget
from tests.support.inventories import calm, without_portal
from tests.support.real_team import RealTeam
from tests.support.sandbox import FLEET, Sandbox
from tests.support.waiting import eventually

pytestmark = [pytest.mark.teams, pytest.mark.long]

BEFORE, AFTER = "3.2.2", "3.3.2"
TEAMS = ("up-a", "up-b", "up-c")
ASLEEP = "up-d"
STEP = 60  # seconds between two runs of the DAG
DAG = f"""
import time
from datetime import datetime, timedelta
from airflow.sdk import dag, task

@dag(dag_id="ticks", schedule=timedelta(seconds={STEP}), start_date=datetime.fromisoformat("START"), catchup=True,
     is_paused_upon_creation=False, max_active_runs=64)
def ticks():
    @task
    def work():
        time.sleep(3)
    work()

ticks()
"""
# Ends whatever Airflow starts, but for its command line and for the preflight, which would find it out.
CRASH = "import os, sys\nif not {'db', 'fab-db', 'dags', '-c'} & set(sys.argv): os._exit(3)\n"
# Beside it: one that cannot be imported, one that asks for a variable; and, in an image to be tried, one whose import is in the
# older version only.
TAIL = "from airflow.sdk import dag, task\n@dag\ndef {name}():\n    @task\n    def one(): ...\n    one()\n{name}()\n"
BROKEN = "import no_such_module\n" + TAIL.format(name="broken")
ASKS = "from airflow.sdk import Variable\nVariable.get('motto')\n" + TAIL.format(name="asks")
GONE = "from airflow.utils.log import action_logger\n" + TAIL.format(name="gone")


@dataclass(frozen=True)
class Row:
    """Four teams on the older version, one of them asleep, and what `fleet` says to them."""

    sandbox: Sandbox
    inventory: Path

    def fleet(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**self.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}
        done = subprocess.run([FLEET, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def remove(self, team: str) -> None:
        self.fleet("remove-team", team, "--no-backup", "--yes", "--confirm", team, check=False)
        forget(self.sandbox, team)

    def upgrade(self, *arguments: str) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
        """Exit status, the report, and the events."""
        done = self.fleet("upgrade", "--yes", "--output", "json", *arguments, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines and lines[-1]["kind"] == "report", done.stdout + done.stderr
        return done.returncode, lines[-1], lines[:-1]

    def change(self, **entries: dict[str, Any]) -> None:
        """Change keys of teams' entries; None takes one away."""
        data = yaml.safe_load(self.inventory.read_text())
        for name, keys in entries.items():
            entry = data["teams"][name.replace("_", "-")]
            entry.update(keys)
            for key in [key for key, value in entry.items() if value is None]:
                del entry[key]
        self.inventory.write_text(yaml.safe_dump(data, sort_keys=False))

    def waves(self, *waves: tuple[str, list[str]]) -> None:
        data = yaml.safe_load(self.inventory.read_text())
        data["waves"] = [{"name": name, "teams": teams} for name, teams in waves]
        self.inventory.write_text(yaml.safe_dump(data, sort_keys=False))

    def versions(self) -> dict[str, str]:
        """Instance → Airflow version, where it is as it should be."""
        rows = json.loads(self.fleet("status", "--output", "json", check=False).stdout)
        return {row["instance"]: row["version"] for row in rows if row["state"] in ("healthy", "suspended")}

    def asked(self, team: str, query: str) -> list[tuple[Any, ...]]:
        with self.sandbox.team(team) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def revision(self, team: str) -> str:
        return str(self.asked(team, "select version_num from alembic_version")[0][0])

    def ticks(self, team: str) -> dict[datetime, tuple[str, str]]:
        """Moment → run and its state."""
        found = self.asked(team, "select logical_date, run_id, state from dag_run where dag_id = 'ticks' order by 1")
        assert len({moment for moment, _, _ in found}) == len(found)
        return {moment: (run, state) for moment, run, state in found}

    def tries(self, team: str) -> list[tries.Try]:
        return [tries.Try(*row) for row in self.asked(team, tries.query("ticks"))]

    def rows(self, team: str) -> dict[str, int]:
        """Rows of the tables that hold what people and DAGs made."""
        tables = ("dag", "dag_run", "task_instance", "connection", "variable", "xcom", "ab_role", "slot_pool")
        return {table: self.asked(team, f"select count(*) from {table}")[0][0] for table in tables}


def image(name: str, version: str, **folders: Path) -> None:
    flags = [word for kind, folder in folders.items() for word in (f"--{kind}", str(folder))]
    subprocess.run(
        [FLEET, "sandbox", "image", f"fleet.local/{name}:{version}", "--airflow-version", version, *flags],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def row(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Row]:
    home = tmp_path_factory.mktemp("upgrade")
    dags, plugins, tried = home / "dags", home / "plugins", home / "tried"
    for folder in (dags, plugins):
        folder.mkdir()
    start = datetime.now(UTC).replace(microsecond=0)
    (dags / "ticks.py").write_text(DAG.replace("START", start.isoformat()))
    (dags / "broken.py").write_text(BROKEN)
    (dags / "asks.py").write_text(ASKS)
    shutil.copytree(dags, tried)
    (tried / "gone.py").write_text(GONE)
    (plugins / "crash.py").write_text(CRASH)
    for version in (BEFORE, AFTER):
        image("up", version, dags=dags)
    image("up-crash", AFTER, dags=dags, plugins=plugins)
    image("up-tried", AFTER, dags=tried)
    row = Row(sandbox, home / "tenants.yaml")
    data = yaml.safe_load(without_portal())
    data["defaults"] |= {"airflow": BEFORE, "image": "fleet.local/up"}
    data["teams"] = {
        name: {"owner": "up@example.com", "executor": "LocalExecutor", "dags": {"source": "baked"}, "values": calm()}
        for name in TEAMS
    }
    # It has a setting that Airflow 3 does not know.
    data["teams"]["up-b"] |= {"executor": "KubernetesExecutor", "values": {"config": {"webserver": {"workers": "3"}}}}
    data["teams"][ASLEEP] = {"owner": "up@example.com", "suspended": True}
    row.inventory.write_text(yaml.safe_dump(data, sort_keys=False))
    try:
        row.fleet("apply", "--yes")
        for team in TEAMS:
            airflow(row, team, "connections", "add", "vault", "--conn-uri", "https://user:s3cret@vault.example.com")
            with sandbox.team(
                team
            ) as connection:  # one more command of Airflow's beside its tasks is too much for the pod
                connection.execute(
                    "insert into variable (key, val, is_encrypted) values ('motto', 'semper idem', false)"
                )
            eventually(lambda team=team: any(state == "success" for _, state in row.ticks(team).values()))
        yield row
    finally:
        with ThreadPoolExecutor() as side_by_side:
            list(side_by_side.map(row.remove, (*TEAMS, ASLEEP)))


def airflow(row: Row, team: str, *arguments: str) -> str:
    """Airflow's own command line, in the scheduler's pod."""
    command = ("deployment/airflow-scheduler", "--container", "scheduler", "--", "airflow", *arguments)
    return row.sandbox.kubectl("exec", "--namespace", f"airflow-{team}", *command)


def trial(row: Row, team: str) -> tuple[Readiness, list[Event]]:
    """What the preflight asks of the newer image, here of one with a DAG file that does not import with it."""
    said: list[Event] = []
    real = RealTeam(team, row.inventory, row.sandbox)
    wanted = real.desired(airflow=AFTER, image="fleet.local/up-tried")
    return asyncio.run(check(wanted, real.world, said.append)), said


def test_what_would_be_migrated_and_what_would_break_is_known_before(row: Row) -> None:
    eventually(lambda: row.asked("up-a", "select 1 from dag where dag_id = 'asks'") != [])
    eventually(lambda: row.asked("up-a", "select 1 from import_error where filename = 'broken.py'") != [])
    before = _known(row)
    found, said = trial(row, "up-a")
    assert len(found.revisions["airflow"]) == 14 and found.revisions["airflow"][-1][0] == "d2f4e1b3c5a7"
    assert found.revisions["fab"] == [] and found.newer == [] and found.untried == ""
    assert found.sql.startswith("BEGIN;") and "version_num='d2f4e1b3c5a7'" in found.sql
    assert list(found.new_import_errors) == ["gone.py"] and "action_logger" in found.new_import_errors["gone.py"]
    assert found.blocking == [f"gone.py would not import any more: {found.new_import_errors['gone.py']}"]
    assert found.lint == []
    assert [(each.step, each.state) for each in said] == [("readiness", "started"), ("readiness", "done")]
    assert _known(row) == before
    assert "readiness" not in row.sandbox.kubectl("get", "jobs", "--namespace", "airflow-up-a", "--output", "name")


def _known(row: Row) -> list[list[tuple[Any, ...]]]:
    """What a trial would have changed if it wrote: the migrations, the DAGs and what is wrong with their files."""
    queries = (
        "select version_num from alembic_version",
        "select dag_id from dag order by 1",
        "select filename from import_error",
    )
    return [row.asked("up-a", query) for query in queries]


def test_a_database_of_a_later_airflow_and_a_setting_that_went_are_said(row: Row) -> None:
    revision = row.revision("up-b")
    with row.sandbox.team("up-b") as connection:
        connection.execute("update alembic_version set version_num = 'ffffffffffff'")
        try:
            found, _ = trial(row, "up-b")
        finally:
            connection.execute("update alembic_version set version_num = %s", [revision])
    assert found.newer == ["airflow"]
    assert found.blocking[0] == "the database is newer than the image (airflow's migrations)"
    (issue,) = found.lint
    assert "`workers`" in issue and "`webserver`" in issue


class Saboteur(threading.Thread):
    """Takes up-c's database away amid its migration, and gives it back when the migration has failed.

    It holds a lock that stops the migration half-way, and leaves a view there that stands on what the downgrade would drop.
    """

    def __init__(self, row: Row) -> None:
        super().__init__()
        self._row, self._over, self.done = row, threading.Event(), False

    def run(self) -> None:
        with (
            self._row.sandbox.admin() as admin,
            self._row.sandbox.team("up-c") as other,
            closing(self._row.sandbox.team("up-c")) as lock,  # which the server ends below
        ):
            lock.execute("begin")
            lock.execute("lock table dag_version in access share mode")  # the newer version adds a column to it
            self._until(lambda: other.execute("select to_regclass('task_state_store')").fetchone() != (None,))
            other.execute("create view keeper as select * from task_state_store")
            other.close()
            admin.execute("alter database up_c allow_connections false")
            try:
                admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'up_c'")
                self._until(self._failed)
            finally:
                admin.execute("alter database up_c allow_connections true")
        self.done = True

    def end(self) -> None:
        """The upgrade is over; what has not come will not come."""
        self._over.set()
        self.join()

    def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            assert not self._over.wait(0.5), "the upgrade ended before"

    def _failed(self) -> bool:
        jobs = self._row.sandbox.objects("jobs", "airflow-up-c", "component=run-airflow-migrations")
        return any(each["type"] == "Failed" for job in jobs for each in job["status"].get("conditions", []))


def test_three_faults_are_rolled_back_and_the_next_wave_is_not_begun(row: Row) -> None:
    """An image that crashes, a migration that fails half-way, a database that goes away amid its migration."""
    row.waves(("canary", list(TEAMS)))
    row.change(up_a={"image": "fleet.local/up-crash"})
    with row.sandbox.team("up-b") as connection:
        connection.execute(
            "create table connection_test_request (mine int)"
        )  # so does one of the newer version's migrations
    before = {team: (row.rows(team), row.revision(team), row.ticks(team)) for team in TEAMS}
    text, saboteur = row.inventory.read_text(), Saboteur(row)
    saboteur.start()
    status, report, _ = row.upgrade("--all", "--to", AFTER, "--max-failures", "3", "--gate-timeout", "100s")
    saboteur.end()
    left = row.inventory.read_text()
    # Whatever is found below: the next test begins with teams that can be upgraded.
    row.change(up_a={"image": None})
    with row.sandbox.team("up-b") as connection:
        connection.execute("drop table connection_test_request")
    assert saboteur.done, report
    told = {each["instance"]: each for each in report["instances"]}
    assert status == 1, report
    assert {name: each["state"] for name, each in told.items()} == dict.fromkeys(TEAMS, "failed") | {ASLEEP: "halted"}
    assert "with exit code 3" in told["up-a"]["why"] and "downgraded to" in told["up-a"]["why"]
    assert "connection_test_request" in told["up-b"]["why"] and "downgraded to" in told["up-b"]["why"]
    assert "backup restored" in told["up-c"]["why"]
    assert left == text
    assert row.versions() == dict.fromkeys((*TEAMS, ASLEEP), BEFORE)
    for team, (rows, revision, ticks) in before.items():
        assert row.revision(team) == revision
        after = row.rows(team)
        assert {table for table in rows if after[table] < rows[table]} == set(), (team, rows, after)
        assert ticks.keys() <= row.ticks(team).keys()
    assert "nothing to do" in row.fleet("plan").stdout


def test_three_teams_move_in_two_waves_while_their_dags_run(row: Row) -> None:
    row.waves(("canary", ["up-a"]), ("most", ["up-b", "up-c"]))
    before = {team: row.ticks(team) for team in TEAMS}
    status, report, events = row.upgrade("--all", "--to", AFTER, "--soak", "2s")
    assert status == 0, report
    assert report["counts"] == {"upgraded": 4}
    assert [each["wave"] for each in report["instances"]] == ["canary", "most", "most", "rest"]
    order = [
        event["instance"] for event in events if event["step"] in ("drain", "sign-on") and event["state"] == "done"
    ]
    assert order[:2] == ["up-a", "up-a"]
    assert row.versions() == dict.fromkeys((*TEAMS, ASLEEP), AFTER)
    said = yaml.safe_load(row.inventory.read_text())["teams"]
    assert {team: entry["airflow"] for team, entry in said.items()} == dict.fromkeys((*TEAMS, ASLEEP), AFTER)
    assert "nothing to do" in row.fleet("plan").stdout
    moved = datetime.now(UTC)
    for team in TEAMS:
        assert "s3cret" in airflow(row, team, "connections", "get", "vault", "--output", "json")
        assert before[team].keys() <= row.ticks(team).keys()
        try:
            eventually(lambda team=team: _caught_up(row.ticks(team), moved))
        except AssertionError:
            raise AssertionError((team, moved, [each for each in row.tries(team) if each.state != "success"])) from None
        # No slot is missing, each has one run, and each run's task was started once.
        moments = list(row.ticks(team))
        gaps = {later - earlier for earlier, later in itertools.pairwise(moments)}
        assert gaps == {timedelta(seconds=STEP)}, (team, gaps)
        found = row.tries(team)
        assert found and tries.wrong(found) == [], (team, tries.wrong(found))


def _caught_up(ticks: dict[datetime, tuple[str, str]], moment: datetime) -> bool:
    """Whether a run of a later moment is there, and all before it have succeeded."""
    due = [state for when, (_, state) in ticks.items() if when <= moment]
    return max(ticks) >= moment and set(due) == {"success"}


def test_the_same_command_again_has_nothing_to_do(row: Row) -> None:
    done = row.fleet("upgrade", "--all", "--to", AFTER, "--yes")
    assert "nothing to do" in done.stderr


def test_a_node_without_room_is_a_gate_that_stays_red(row: Row) -> None:
    row.change(up_c={"values": {**calm(), "dagProcessor": {"resources": {"requests": {"cpu": "1900m"}}}}})
    status, report, _ = row.upgrade("--team", "up-c", "--gate-timeout", "20s")
    (told,) = report["instances"]
    assert status == 1 and told["state"] == "failed", report
    assert "Insufficient cpu" in told["why"]
    row.change(up_c={"values": calm()})
    assert "nothing to do" in row.fleet("plan").stdout
    assert row.versions()["up-c"] == AFTER


def test_back_by_hand(row: Row) -> None:
    history = json.loads(row.fleet("history", "up-a", "--output", "json").stdout)
    assert [(each["outcome"], BEFORE in each["from"], AFTER in each["to"]) for each in history] == [
        ("upgraded", True, True), ("rolled back", True, True),
    ]  # fmt: skip
    connections = row.asked("up-a", "select conn_id from connection")
    row.fleet("rollback", "up-a", "--yes")
    assert row.versions()["up-a"] == BEFORE
    assert row.asked("up-a", "select conn_id from connection") == connections
    assert yaml.safe_load(row.inventory.read_text())["teams"]["up-a"]["airflow"] == BEFORE
    assert "nothing to do" in row.fleet("plan").stdout
