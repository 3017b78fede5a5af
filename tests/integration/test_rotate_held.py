"""Tasks held back for a change of keys, on a real database: what is written down, what comes of tasks that do not end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet import keys, rotate
from fleet.apply import Event
from fleet.errors import FleetError
from tests.support.cloudsql import Team, a_team, serving
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.teams


@pytest.fixture
def team(sandbox: Sandbox, tmp_path: Path) -> Iterator[Team]:
    with serving(tmp_path) as server, a_team(sandbox, server.cloud_sql) as team:
        with team.connect() as connection:
            connection.execute("create table slot_pool (pool text, slots int)")
            connection.execute("insert into slot_pool values ('default_pool', 128), ('narrow', 2), ('open', -1)")
            connection.execute("create table task_instance (dag_id text, task_id text, run_id text, state text)")
        yield team


def rotation(
    team: Team, key: rotate.Key = "jwt", *, executor: str = "KubernetesExecutor", suspended: bool = False
) -> Any:
    """One whose inventory asks for such an instance."""
    desired = SimpleNamespace(suspended=suspended, parts={"airflow": {"values": {"executor": executor}}})
    events: list[Event] = []
    made = rotate._Rotation(team.name, key, lambda _: desired, team.world, events.append, 1.5)  # type: ignore[arg-type, return-value]
    made._keys = asyncio.run(keys.ensure(team.world.cluster, team.name, used=True))
    return made


def slots(team: Team) -> dict[str, int]:
    with team.connect() as connection:
        return dict(connection.execute("select pool, slots from slot_pool").fetchall())


def kept(team: Team) -> dict[str, str]:
    return team.sandbox.secret("fleet-system", f"keys-{team.name}")


def test_slots_are_written_down_taken_away_and_given_back(team: Team) -> None:
    before, made = kept(team), rotation(team)
    asyncio.run(made._hold())
    assert slots(team) == {"default_pool": 0, "narrow": 0, "open": 0}
    assert json.loads(kept(team)["held"])["slots"] == {"default_pool": 128, "narrow": 2, "open": -1}
    # The next run knows the slots of before, and not the zeros that it finds.
    again = rotation(team)
    asyncio.run(again._hold())
    asyncio.run(again._let_go())
    assert slots(team) == {"default_pool": 128, "narrow": 2, "open": -1}
    assert kept(team) == before


@pytest.mark.parametrize("state", ["running", "queued", "restarting"])
def test_a_task_that_does_not_end_goes_on_and_nothing_is_changed(team: Team, state: str) -> None:
    before = kept(team)
    with team.connect() as connection:
        connection.execute("insert into task_instance values ('pay', 'all', 'monday', %s)", [state])
    with pytest.raises(FleetError, match=r"pay\.all \(monday\)") as refused:
        asyncio.run(rotation(team)._hold())
    assert "nothing was changed" in refused.value.hint and "--drain-timeout" in refused.value.hint
    assert slots(team) == {"default_pool": 128, "narrow": 2, "open": -1}
    assert kept(team) == before


def test_a_run_that_was_killed_after_the_change_makes_no_other(team: Team) -> None:
    made = rotation(team)
    asyncio.run(made._hold())
    assert not rotation(team)._changed_while_held
    asyncio.run(made._write(0))
    after = rotation(team)
    after._rotated = asyncio.run(keys.rotated(team.world.cluster, team.name))
    assert after._rotated == {"jwt": 1} and after._changed_while_held


@pytest.mark.parametrize(
    ("key", "executor", "suspended", "holds"),
    [
        ("jwt", "KubernetesExecutor", False, True),
        ("fernet", "KubernetesExecutor", False, False),
        ("database", "LocalExecutor", False, True),
        ("jwt", "LocalExecutor", True, False),
    ],
)
def test_tasks_are_held_back_where_they_would_fail(
    team: Team, key: rotate.Key, executor: str, suspended: bool, holds: bool
) -> None:
    assert rotation(team, key, executor=executor, suspended=suspended)._holds is holds
