"""The address of a suspended Airflow, through the real front: a page that says so until it is resumed, and again later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http import Answer, ask
from tests.support.real_team import RealTeam
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually

CHECKOUT = Path(__file__).resolve().parents[2]
TEAM = "dozing"
ENTRY = f"\nteams:\n  {TEAM}: {{owner: tests@example.com, executor: LocalExecutor, suspended: true}}\n"


@pytest.fixture(scope="module")
def sleeper(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTeam]:
    inventory = tmp_path_factory.mktemp("suspended") / "tenants.yaml"
    inventory.write_text((CHECKOUT / "tenants.yaml").read_text().partition("\nteams:")[0] + ENTRY)
    sleeper = RealTeam(TEAM, inventory, sandbox)
    sleeper.fleet("apply", TEAM, "--yes")
    yield sleeper
    sleeper.fleet("remove-team", TEAM, "--yes", "--confirm", TEAM, "--no-backup")


def _ask(path: str = "/") -> Answer:
    return ask(f"https://{TEAM}.fleet.localhost{path}")


def _is_asleep() -> bool:
    return "<h1>Suspended</h1>" in _ask().text


def test_its_address_says_so_and_nothing_more(sleeper: RealTeam) -> None:
    eventually(_is_asleep)
    for path in ("/", "/dags/pay", "/api/v2/monitor/health"):
        answer = _ask(path)
        assert answer.status == 503 and answer.headers["Retry-After"] == "3600"
        assert TEAM not in answer.text and "tests@example.com" not in answer.text
    assert _ask("/-/static/portal.css").status == 200
    assert "nothing to do" in sleeper.fleet("plan", TEAM).stdout


def test_it_is_away_while_airflow_runs(sleeper: RealTeam) -> None:
    sleeper.fleet("resume", TEAM, "--yes")
    eventually(lambda: _ask("/api/v2/monitor/health").status == 200)
    assert "nothing to do" in sleeper.fleet("plan", TEAM).stdout
    sleeper.fleet("suspend", TEAM, "--yes")
    eventually(_is_asleep)
    assert sleeper.inventory.read_text().endswith(ENTRY)
