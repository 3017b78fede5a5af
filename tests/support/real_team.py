"""One team's real Airflow on the real node, on an inventory of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet import charts, inventory
from fleet.desired import DesiredInstance, build
from fleet.digest import contents
from fleet.drivers.world import World
from tests.support.sandbox import FLEET, Sandbox

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RealTeam:
    """The team, once it is healthy."""

    name: str
    inventory: Path
    sandbox: Sandbox

    @property
    def namespace(self) -> str:
        return f"airflow-{self.name}"

    def fleet(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**self.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}
        done = subprocess.run([FLEET, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stderr
        return done

    def kubectl(self, *arguments: str) -> str:
        return self.sandbox.kubectl("--namespace", self.namespace, *arguments)

    def patch(self, what: str, change: dict[str, Any]) -> None:
        self.kubectl("patch", what, "--patch", json.dumps(change))

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """As the team's role."""
        with self.sandbox.team(self.name) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def desired(self, **changed: Any) -> DesiredInstance:
        """As the inventory has it, with some of the entry's keys changed."""
        document = inventory.load(self.inventory)
        entry = document.inventory.teams[self.name].model_copy(update=changed)
        teams = {**document.inventory.teams, self.name: entry}
        wanted = document.inventory.model_copy(update={"teams": teams})
        return build(wanted, contents(charts.folders(document))).instances[self.name]

    @property
    def world(self) -> World:
        """A new one each time: an event loop of its own."""
        return World(inventory.load(self.inventory).inventory.platform)


@contextmanager
def a_real_team(sandbox: Sandbox, folder: Path, name: str, *options: str) -> Iterator[RealTeam]:
    """Made by `fleet add-team` with these options; gone at the end."""
    path = folder / "tenants.yaml"
    path.write_text((CHECKOUT / "tenants.yaml").read_text())
    team = RealTeam(name, path, sandbox)
    try:
        team.fleet("add-team", name, "--owner", "x@example.com", "--yes", *options)
        yield team
    finally:
        team.fleet("remove-team", name, "--no-backup", "--yes", "--confirm", name, check=False)
