"""Drift over all layers at once: nothing on a fresh fleet of twenty teams, every change made behind its back, and the way back.

The teams sleep in an API server of their own; databases, realm, states and Helm releases are real. Each layer's own tests have
more kinds; what only a running Airflow does is in tests/e2e/test_drift.py.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.support.asleep import Asleep, asleep
from tests.support.behind import Hands
from tests.support.cloudsql import forget
from tests.support.drift_changes import CHANGES, CHART, PLATFORM, T0, T1, T2, T5, TEAMS, UNTOUCHED, Change, ns
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.apart("open databases")


@pytest.fixture(scope="module")
def fleet(sandbox: Sandbox) -> Iterator[Asleep]:
    with asleep(sandbox, *TEAMS) as found:
        yield found
    for team in TEAMS:
        forget(sandbox, team)


def look(fleet: Asleep, *words: str, status: tuple[int, ...] = (0, 2)) -> dict[str, Any]:
    done = fleet.run("drift", "--output", "json", *words)
    assert done.returncode in status, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["errors"] == [], report["errors"]
    return report


def ours(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Without what other fleets, on the same database server, have there: to this one they are orphans."""
    known = {*TEAMS, PLATFORM, *(change.team for change in CHANGES)}
    return [each for each in report["findings"] if each["team"] in known]


def test_nothing_is_found_on_a_fresh_fleet_three_times(fleet: Asleep) -> None:
    for _ in range(3):
        assert ours(look(fleet)) == []


def test_what_the_cluster_does_by_itself_is_no_drift(fleet: Asleep) -> None:
    """What controllers write; tests/e2e/test_drift.py has those that act only where there is a node."""
    hands = Hands(fleet)
    hands.helm("upgrade", "airflow", CHART, "-n", ns(T0), "--reuse-values")  # history grows
    hands.kubectl("rollout", "restart", "deployment/airflow-scheduler", "-n", ns(T1))
    account = hands.kubectl("get", "serviceaccount", "-n", ns(T2), "--output=name").split()[0]
    hands.kubectl("create", "token", account.rpartition("/")[2], "-n", ns(T2))
    fleet.fleet.server.restart()
    assert ours(look(fleet)) == []


@pytest.fixture(scope="module")
def made(fleet: Asleep) -> Iterator[dict[str, Any]]:
    """The report after all changes: one look."""
    hands = Hands(fleet)
    with settings_kept(hands):
        for change in CHANGES:
            change.make(hands)
        yield look(fleet, status=(2,))


@contextmanager
def settings_kept(hands: Hands) -> Iterator[None]:
    """The Cloud SQL instance is the sandbox's, so its settings come back whatever happens."""
    try:
        yield
    finally:
        hands.server(deletion_protection_enabled=True, tier="sandbox")


def test_there_are_enough_kinds() -> None:
    assert len(CHANGES) >= 40 and sum(change.by_hand is None for change in CHANGES) >= 30


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.what)
def test_a_change_behind_fleets_back_is_found(made: dict[str, Any], change: Change) -> None:
    found = [each for each in made["findings"] if fits(change, each)]
    near = [each for each in made["findings"] if each["team"] == change.team]
    assert len(found) == 1, f"{len(found)} of {json.dumps(near, indent=1)}"
    assert found[0]["heals"] == (change.by_hand is None)
    assert found[0]["heals"] or found[0]["remedy"]


def fits(change: Change, row: dict[str, Any]) -> bool:
    patterns = {name: getattr(change, name) for name in ("team", "kind", "address", "field", "severity")}
    return all(fnmatchcase(str(row[name]), pattern) for name, pattern in patterns.items())


def test_nothing_else_is_told(made: dict[str, Any]) -> None:
    echoes = {change.echo for change in CHANGES}
    others = [each for each in ours(made) if not any(fits(change, each) for change in CHANGES)]
    others = [each for each in others if (each["team"], each["kind"]) not in echoes]
    assert others == []


def test_heal_puts_right_what_is_safe_and_names_the_command_for_the_rest(fleet: Asleep, made: dict[str, Any]) -> None:
    hands = Hands(fleet)
    done = fleet.run("drift", "--heal", "--yes")
    assert done.returncode == 2, done.stdout + done.stderr
    # A client that was public has lost its secret, which nobody sees before it is confidential again.
    again = fleet.run("drift", "--heal", "--yes", "--layer", "sso", "--team", T5)
    assert again.returncode == 0, again.stdout + again.stderr
    left = ours(look(fleet, status=(0, 2)))
    by_hand = [change for change in CHANGES if change.by_hand is not None]
    assert [each for each in left if not any(fits(change, each) for change in by_hand)] == [], done.stderr
    for change in by_hand:
        assert change.by_hand is not None
        assert "left: " in done.stderr
        change.by_hand(hands)
    assert ours(look(fleet)) == []


def test_heal_asks_before_it_changes_anything(fleet: Asleep) -> None:
    Hands(fleet).kubectl("scale", "deployment/airflow-scheduler", "--replicas=2", "-n", ns(UNTOUCHED))
    done: subprocess.CompletedProcess[str] = fleet.run("drift", "--heal", "--team", UNTOUCHED)
    assert done.returncode == 2 and "nobody can be asked" in done.stderr
    assert [each["kind"] for each in look(fleet, "--team", UNTOUCHED)["findings"]] == ["helm.scaled"]
    assert fleet.run("drift", "--heal", "--team", UNTOUCHED, "--yes").returncode == 0
