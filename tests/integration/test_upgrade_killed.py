"""`fleet upgrade` killed at any moment, and run again: it converges, does nothing twice, and loses no backup."""

from __future__ import annotations

import itertools
import random
import subprocess
import time
from collections.abc import Iterator

import pytest

from fleet import proof
from fleet.sandbox import layout
from tests.support.asleep import Asleep, asleep
from tests.support.cloudsql import forget
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.apart("open databases")

TEAMS = ("killed-a", "killed-b", "killed-c")
KILLS, KILLS_AT_ONCE = 30, 6
SEED = 6


@pytest.fixture(scope="module")
def fleet(sandbox: Sandbox) -> Iterator[Asleep]:
    with asleep(sandbox, *TEAMS) as found:
        found.change(waves=[{"name": "canary", "teams": [TEAMS[0]]}, {"name": "next", "teams": [TEAMS[1]]}])
        yield found
    for team in TEAMS:
        forget(sandbox, team)


def test_killed_at_thirty_moments_it_converges(fleet: Asleep) -> None:
    chance, kills, whole = random.Random(SEED), 0, 12.0
    for number in itertools.count(1):
        words = ("upgrade", "--all", "--to", f"3.3.{number}", "--yes", "--max-parallel", "2")
        for _ in range(KILLS_AT_ONCE):
            process, begun = fleet.start(*words), time.monotonic()
            try:
                talk = process.communicate(timeout=chance.uniform(0.3, whole))
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
            else:  # it was faster: the moments come earlier from now on
                assert process.returncode == 0, talk
                whole = max(1.0, (time.monotonic() - begun) * 0.7)
                break
        done = fleet.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        _is_done(fleet, number)
        if kills >= KILLS:
            break


def _is_done(fleet: Asleep, number: int) -> None:
    version, before = f"3.3.{number}", f"3.3.{number - 1}" if number > 1 else "3.2.2"
    memories = fleet.memories()
    ended = {team: memories[team].past[-1] for team in TEAMS}
    # Upgraded once each, in the order of the waves, by one proven backup each.
    assert {team: [past.outcome for past in memories[team].past] for team in TEAMS} == dict.fromkeys(
        TEAMS, ["upgraded"] * min(number, 10)
    )
    assert not any(memories[team].underway for team in TEAMS)
    assert [team for team, _ in sorted(ended.items(), key=lambda each: each[1].at)] == list(TEAMS)
    assert {team: entry["airflow"] for team, entry in fleet.entries().items()} == dict.fromkeys(TEAMS, version)
    for team, past in ended.items():
        assert fleet.revision(team) == version
        assert past.origin.revisions == {"airflow": before}
        assert _is_proven(past.dump), sorted((layout.current().buckets / layout.BACKUP_BUCKET / team).iterdir())
    assert set(fleet.releases()) == {"deployed"}
    again = fleet.run("plan")
    assert "nothing to do" in again.stdout, again.stdout


def _is_proven(dump: str) -> bool:
    bucket = layout.current().buckets
    return all((bucket / where.removeprefix("gs://")).is_file() for where in (dump, proof.beside(dump)))
