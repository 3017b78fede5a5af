"""Another Airflow is tried on a team's database, settings and DAGs while the team's own runs, and leaves no trace."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fleet.apply import Event
from fleet.upgrade.readiness import Readiness, check
from tests.e2e.conftest import eventually
from tests.support.real_team import RealTeam, a_real_team
from tests.support.sandbox import FLEET, Sandbox

TAIL = "from airflow.sdk import dag, task\n@dag\ndef {name}():\n    @task\n    def one(): ...\n    one()\n{name}()\n"
DAGS = {
    "asks": "from airflow.sdk import Variable\nVariable.get('motto')\n",
    "gone": "from airflow.utils.log import action_logger\n",  # in 3.2.2, not in 3.3.2
    "broken": "import no_such_module\n",
}


@pytest.fixture(scope="module")
def team(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTeam]:
    folder = tmp_path_factory.mktemp("ready")
    dags = folder / "dags"
    dags.mkdir()
    for name, head in DAGS.items():
        (dags / f"{name}.py").write_text(head + TAIL.format(name=name))
    for version in ("3.2.2", "3.3.2"):
        build = (FLEET, "sandbox", "image", f"fleet.local/ready:{version}", "--airflow-version", version)
        subprocess.run([*build, "--dags", str(dags)], check=True, capture_output=True)
    options = ("--executor", "LocalExecutor", "--airflow", "3.2.2", "--image", "fleet.local/ready")
    with a_real_team(sandbox, folder, "ready", *options) as team:
        team.kubectl(
            "exec", "deployment/airflow-scheduler", "--", "airflow", "variables", "set", "motto", "semper idem"
        )
        eventually(lambda: team.sql("select filename from import_error where bundle_name = 'dags-folder'") != [])
        eventually(lambda: team.sql("select 1 from dag where dag_id = 'gone'") != [])
        yield team


def trial(team: RealTeam) -> tuple[Readiness, list[Event]]:
    said: list[Event] = []
    found = asyncio.run(check(team.desired(airflow="3.3.2"), team.world, said.append))
    return found, said


def test_what_would_be_migrated_and_what_would_break_is_known_before(team: RealTeam) -> None:
    eventually(lambda: team.sql("select 1 from dag where dag_id = 'asks'") != [])
    before = team.sql("select version_num from alembic_version"), team.sql("select count(*) from log")
    found, said = trial(team)
    assert len(found.revisions["airflow"]) == 14 and found.revisions["airflow"][-1][0] == "d2f4e1b3c5a7"
    assert found.revisions["fab"] == [] and found.newer == [] and found.untried == ""
    assert found.sql.startswith("BEGIN;") and "version_num='d2f4e1b3c5a7'" in found.sql
    assert list(found.new_import_errors) == ["gone.py"] and "action_logger" in found.new_import_errors["gone.py"]
    assert found.blocking == [f"gone.py would not import any more: {found.new_import_errors['gone.py']}"]
    assert found.lint == []
    assert [(each.step, each.state) for each in said] == [("readiness", "started"), ("readiness", "done")]
    assert (team.sql("select version_num from alembic_version"), team.sql("select count(*) from log")) == before
    assert "readiness" not in team.kubectl("get", "jobs", "--output", "name")


def test_a_database_of_a_later_airflow_and_a_setting_that_went_are_said(team: RealTeam) -> None:
    inventory = Path(team.inventory)
    data = yaml.safe_load(inventory.read_text())
    data["teams"][team.name]["values"] = {"config": {"webserver": {"workers": "3"}}}
    inventory.write_text(yaml.safe_dump(data))
    team.fleet("apply", team.name, "--yes")
    ((revision,),) = team.sql("select version_num from alembic_version")
    team.sql("update alembic_version set version_num = 'ffffffffffff'")
    try:
        found, _ = trial(team)
    finally:
        team.sql(f"update alembic_version set version_num = '{revision}'")
    assert found.newer == ["airflow"]
    assert found.blocking[0] == "the database is newer than the image (airflow's migrations)"
    (issue,) = found.lint
    assert "`workers`" in issue and "`webserver`" in issue
