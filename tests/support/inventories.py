"""Inventories for tests: the checkout's own, in the sandbox's words, with teams that share the one node."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from fleet.desired import naming
from tests.support.sandbox import FLEET, Sandbox

_OWN = Path(__file__).resolve().parents[2] / "tenants.yaml"
# What Airflow needs with a handful of DAGs. Of teams in the built-in size the node has room for four; there are up to five that
# run at a time, and each makes a Job or a second API server now and then.
_MEMORY = {"api_server": 832, "scheduler": 1024, "dag_processor": 512, "triggerer": 512, "worker": 512}
_SMALL = {
    **{part: {"cpu": "50m", "memory": f"{memory}Mi"} for part, memory in _MEMORY.items()},
    "parallelism": 4, "connections": 30, "quota": {"cpu": "4", "memory": "12Gi", "pods": 24},
}  # fmt: skip


def calm() -> dict[str, Any]:
    """Values of a team that is to show something else than how soon a task begins.

    A scheduler that has nothing to do asks its database every second; it is half of what an idle Airflow takes, and a
    triggerer, which serves deferred tasks only, a fifth.
    """
    return {"config": {"scheduler": {"scheduler_idle_sleep_time": "3"}}, "triggerer": {"enabled": False}}


def without_portal(**teams: object) -> str:
    """The checkout's inventory with these teams and no portal, and a `small` that is smaller.

    Of the cluster's things the portal alone depends on which teams sleep: without one, tests with an inventory each (marker
    `teams`) may run beside one another, and each finds nothing to do for the platform.
    """
    text = _OWN.read_text().replace("\nplatform:\n", "\nplatform:\n  portal: {enabled: false}\n")
    head, _, entries = text.partition("\nteams:")
    assert "portal: {enabled: false}" in head and entries == " {}\n"
    return f"{head}\n{yaml.safe_dump({'sizes': {'small': _SMALL}, 'teams': teams}, sort_keys=False)}"


def take_the_portal_away(sandbox: Sandbox) -> None:
    """If there is one. Runs that come together wait for one another: of two that change the platform, fleet refuses one."""
    folder = Path(tempfile.gettempdir())
    with (folder / "fleet-tests-portal.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if sandbox.kubectl("get", "deployment", naming.PORTAL, "--namespace", naming.SYSTEM_NAMESPACE, check=False):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as inventory:
                inventory.write(without_portal())
                inventory.flush()
                command = [FLEET, "platform", "install", "--yes", "--inventory", inventory.name]
                done = subprocess.run(command, env=sandbox.environment, capture_output=True, text=True)
                assert done.returncode == 0, done.stderr
