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


def _patiently(step: docs.Step) -> list[docs.Step]:
    """The step, and what a reader does before it: the DAG is triggered once Airflow has read it."""
    if LEFT_OUT.search(step.command):
        return []
    known = step.command.replace("dags trigger", "dags details")
    wait = f"for _ in $(seq 100); do {known} >/dev/null 2>&1 && break; sleep 5; done"
    return [step] if known == step.command else [docs.Step(wait), step]


def test_the_tutorial_does_what_it_says(sandbox: Sandbox, tmp_path: Path) -> None:
    for name in CHECKOUT.iterdir():
        (tmp_path / name.name).symlink_to(name)
    found = [each for step in docs.steps(CHECKOUT / "docs" / "tutorial.md") for each in _patiently(step)]
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
