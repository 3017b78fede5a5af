"""More connections than the server has are refused before anything is made."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.sandbox import FLEET, Sandbox

ROOT = Path(__file__).resolve().parents[2]
TEAM = "budget-too-much"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """One team of a size that no server here can give."""
    from fleet.model import DEFAULT_SIZES

    entries = yaml.safe_load((ROOT / "tenants.yaml").read_text())
    entries["sizes"] = {"greedy": {**DEFAULT_SIZES["small"].model_dump(), "connections": 5000}}
    entries["teams"] = {TEAM: {"owner": "budget@example.com", "size": "greedy", "suspended": True}}
    entries.pop("waves", None)
    path = tmp_path / "tenants.yaml"
    path.write_text(yaml.safe_dump(entries))
    return path


def _fleet(sandbox: Sandbox, inventory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [FLEET, *words, "--inventory", str(inventory)]
    return subprocess.run(command, env=sandbox.environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("words", [("plan", TEAM), ("apply", TEAM, "--yes")])
def test_a_plan_beyond_the_server_is_refused(sandbox: Sandbox, inventory: Path, words: tuple[str, ...]) -> None:
    done = _fleet(sandbox, inventory, *words)
    assert done.returncode == 2, done.stderr
    with sandbox.admin() as connection:
        row = connection.execute("show max_connections").fetchone()
    assert row and f"({row[0]} less " in done.stderr
    assert "budget_too_much wants 5000" in done.stderr
    assert "max_connections" in done.stderr.splitlines()[-1]
    assert not sandbox.kubectl("get", "namespace", f"airflow-{TEAM}", "--ignore-not-found")


def test_add_team_is_refused_and_the_inventory_stays(sandbox: Sandbox, inventory: Path) -> None:
    before = inventory.read_bytes()
    done = _fleet(sandbox, inventory, "add-team", "budget-more", "--owner", "me", "--size", "greedy", "--yes")
    assert done.returncode == 2, done.stderr
    assert "budget_more wants 5000" in done.stderr
    assert inventory.read_bytes() == before
