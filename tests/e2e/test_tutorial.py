"""The tutorial, read by a machine: its commands in its order on the sandbox, and what it says that a reader will see."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.support import docs
from tests.support.sandbox import Sandbox

CHECKOUT = Path(__file__).resolve().parents[2]
# The environment is there, and other tests go on with the sandbox.
LEFT_OUT = re.compile(r"make venv|sandbox down")


def test_the_tutorial_does_what_it_says(sandbox: Sandbox, tmp_path: Path) -> None:
    for name in CHECKOUT.iterdir():
        (tmp_path / name.name).symlink_to(name)
    found = [step for step in docs.steps(CHECKOUT / "docs" / "tutorial.md") if not LEFT_OUT.search(step.command)]
    environment = {key: value for key, value in sandbox.environment.items() if key != "FLEET_INVENTORY"}
    try:
        docs.run(tmp_path, found, environment)
    finally:
        left = [
            "remove-team",
            "research",
            "--yes",
            "--confirm",
            "research",
            "--no-backup",
            "--inventory",
            "my-fleet.yaml",
        ]
        subprocess.run([tmp_path / ".venv/bin/fleet", *left], cwd=tmp_path, env=environment, capture_output=True)
