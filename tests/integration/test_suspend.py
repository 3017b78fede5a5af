"""Suspended and resumed: the entry, the replicas, and that it counts as intended. Only its migration needs a pod."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.inventories import without_portal
from tests.support.sandbox import FLEET, Sandbox

pytestmark = pytest.mark.teams

TEAM = "dormouse"
ENTRY = f"""
teams:
  {TEAM}:
    # asleep for the winter
    owner: tests@example.com
    suspended: true
"""


@pytest.fixture(scope="module")
def inventory(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An inventory with one suspended team, which is applied, and removed in the end."""
    path = tmp_path_factory.mktemp("suspend") / "tenants.yaml"
    head = without_portal().partition("\nteams:")[0]
    path.write_text(head + ENTRY)
    assert fleet(sandbox, path, "apply", TEAM, "--yes").returncode == 0
    yield path
    fleet(sandbox, path, "remove-team", TEAM, "--yes", "--confirm", TEAM, "--no-backup")


def fleet(sandbox: Sandbox, inventory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**sandbox.environment, "FLEET_INVENTORY": str(inventory)}
    return subprocess.run([FLEET, *arguments], env=environment, capture_output=True, text=True)


def _state(sandbox: Sandbox, inventory: Path) -> str:
    rows = json.loads(fleet(sandbox, inventory, "status", "--output", "json").stdout)
    return str({row["instance"]: row["state"] for row in rows}[TEAM])


def test_a_suspended_team_is_as_it_should_be(sandbox: Sandbox, inventory: Path) -> None:
    assert _state(sandbox, inventory) == "suspended"
    assert "nothing to do" in fleet(sandbox, inventory, "plan", TEAM).stdout
    again = fleet(sandbox, inventory, "suspend", TEAM)  # nothing changes, so nobody is asked
    assert again.returncode == 0, again.stderr
    assert inventory.read_text().endswith(ENTRY)
    deployments = sandbox.objects("deployments,statefulsets", f"airflow-{TEAM}")
    assert deployments and {each["spec"]["replicas"] for each in deployments} == {0}


def test_only_the_entry_is_written_for_review(sandbox: Sandbox, inventory: Path) -> None:
    done = fleet(sandbox, inventory, "resume", TEAM, "--no-apply")
    assert done.returncode == 0, done.stderr
    assert inventory.read_text().endswith(ENTRY.replace("    suspended: true\n", ""))
    plan = fleet(sandbox, inventory, "plan", TEAM).stdout
    assert "scheduler.replicas: 0 → 1" in plan
    assert _state(sandbox, inventory) != "suspended"
    assert fleet(sandbox, inventory, "suspend", TEAM, "--yes").returncode == 0
    assert inventory.read_text().endswith(ENTRY)
    assert _state(sandbox, inventory) == "suspended"


def test_it_asks_first_and_then_writes_nothing(sandbox: Sandbox, inventory: Path) -> None:
    before = inventory.read_bytes()
    refused = fleet(sandbox, inventory, "resume", TEAM)
    assert refused.returncode == 2 and "--yes" in refused.stderr
    assert "scheduler.replicas: 0 → 1" in refused.stdout
    unknown = fleet(sandbox, inventory, "suspend", "dormous", "--yes")
    assert unknown.returncode == 2 and f"did you mean `{TEAM}`?" in unknown.stderr
    assert inventory.read_bytes() == before
