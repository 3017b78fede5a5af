"""Inventories for tests: the checkout's own, in the sandbox's words."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from pathlib import Path

import yaml

from fleet.desired import naming
from tests.support.sandbox import FLEET, Sandbox

_OWN = Path(__file__).resolve().parents[2] / "tenants.yaml"


def without_portal(**teams: object) -> str:
    """The checkout's inventory with these teams and no portal.

    Of the cluster's things the portal alone depends on which teams sleep: without one, tests with an inventory each (marker
    `teams`) may run beside one another, and each finds nothing to do for the platform.
    """
    text = _OWN.read_text().replace("\nplatform:\n", "\nplatform:\n  portal: {enabled: false}\n")
    assert "portal: {enabled: false}" in text
    if not teams:
        return text
    return text.partition("\nteams:")[0] + "\n" + yaml.safe_dump({"teams": teams}, sort_keys=False)


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
