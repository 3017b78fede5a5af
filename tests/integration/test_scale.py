"""What does not grow with the fleet: API requests of a look at it, external processes of one more team."""

from __future__ import annotations

import subprocess
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import scale
from tests.support.sandbox import FLEET, Sandbox

MANY = 200
MOST_REQUESTS = 15  # design §9


@pytest.fixture(scope="module")
def small_cost(fleet: scale.Fleet) -> scale.Cost:
    """One more team beside one."""
    fleet.prepare_terraform(fleet.grow(1, "scale-second"))
    with fleet.one_more("scale-second") as cost:
        return cost


@pytest.fixture(scope="module")
def fleet(sandbox: Sandbox) -> Iterator[scale.Fleet]:
    _make_realm(sandbox)
    with scale.fleet(sandbox) as found:
        yield found


def _make_realm(sandbox: Sandbox) -> None:
    """The fleet's records say that its platform was applied; after a purge, nobody may have done that yet."""
    try:
        sandbox.keycloak.get("/fleet")
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        command = [FLEET, "apply", "--yes", "--inventory", str(scale.ROOT / "tenants.yaml")]
        subprocess.run(command, env=sandbox.environment, check=True, capture_output=True)


@pytest.fixture(scope="module")
def crowded(fleet: scale.Fleet, small_cost: scale.Cost) -> scale.Fleet:
    """The same fleet, grown."""
    fleet.grow(MANY, "scale-second")
    return fleet


def test_status_asks_as_often_as_for_one_instance(crowded: scale.Fleet) -> None:
    cost = crowded.run("status")
    assert cost.status == 0, cost.output
    assert cost.output.count("suspended") >= MANY
    assert 0 < len(cost.requests) <= MOST_REQUESTS, cost.requests
    assert cost.processes == ()


def test_an_apply_with_nothing_to_do_starts_no_process_and_changes_nothing(crowded: scale.Fleet) -> None:
    cost = crowded.run("apply", "--yes")
    assert cost.status == 0, cost.output
    assert "nothing to do" in cost.output
    assert cost.processes == ()
    assert {request.split()[0] for request in cost.requests} == {"list"}
    assert len(cost.requests) <= MOST_REQUESTS


def test_one_more_team_costs_the_same_in_a_fleet_of_any_size(crowded: scale.Fleet, small_cost: scale.Cost) -> None:
    crowded.grow(MANY, "scale-second", "scale-next")
    with crowded.one_more("scale-next") as cost:
        assert cost.status == small_cost.status == 0, small_cost.output + cost.output
        assert len(cost.processes) == len(small_cost.processes) > 0, (small_cost.processes, cost.processes)
        assert [Path(line.split()[0]).name for line in cost.processes].count("helm") == 2
