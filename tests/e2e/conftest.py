"""The demo's two teams on the real node, made once by the README's own command."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.sandbox import FLEET, Sandbox

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Demo:
    """What `make demo` left: its output, the inventory it worked on, and a way to run `fleet` on it."""

    output: str
    inventory: Path
    sandbox: Sandbox

    def fleet(self, *arguments: str, check: bool = True, path: str = "") -> subprocess.CompletedProcess[str]:
        """Run `fleet` on the demo's inventory, with ``path`` before PATH."""
        environment = {**self.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}
        if path:
            environment["PATH"] = f"{path}:{environment['PATH']}"
        return subprocess.run([FLEET, *arguments], env=environment, check=check, capture_output=True, text=True)


@pytest.fixture(scope="session")
def demo(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`make demo`, in this checkout, on a sandbox without any team."""
    inventory = CHECKOUT / ".demo" / "tenants.yaml"
    empty = tmp_path_factory.mktemp("empty") / "tenants.yaml"
    empty.write_text((CHECKOUT / "tenants.yaml").read_text())
    environment = {**sandbox.environment, "FLEET_INVENTORY": str(empty)}
    status = subprocess.run([FLEET, "status", "--output", "json"], env=environment, capture_output=True, text=True)
    for row in json.loads(status.stdout):  # left by an earlier run
        name = row["instance"]
        subprocess.run([FLEET, "remove-team", name, "--yes", "--confirm", name], env=environment, check=True)
    inventory.unlink(missing_ok=True)
    made = subprocess.run(
        ["make", "demo"],
        cwd=CHECKOUT,
        env={**os.environ, "MAKEFLAGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert made.returncode == 0, made.stdout
    yield Demo(made.stdout, inventory, sandbox)
