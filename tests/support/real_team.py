"""One team's real Airflow on the real node, on an inventory of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet import charts, inventory
from fleet.desired import DesiredInstance, build
from fleet.digest import contents
from fleet.drivers.world import World
from tests.support.inventories import without_portal
from tests.support.sandbox import FLEET, Sandbox


@dataclass(frozen=True)
class RealTeam:
    """The team, and what `fleet`, its Airflow, its database and the cluster say."""

    name: str
    inventory: Path
    sandbox: Sandbox

    @property
    def namespace(self) -> str:
        return f"airflow-{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        return {**self.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}

    def fleet(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([FLEET, *arguments], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def killed_after(self, words: str, *arguments: str) -> None:
        """Run fleet, and kill it as soon as it has said some words."""
        run = subprocess.Popen(
            [FLEET, *arguments], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert run.stderr is not None
        said = next((line for line in run.stderr if words in line), "")
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        assert said

    def remove(self) -> None:
        """Whatever there is of it."""
        self.fleet("remove-team", self.name, "--no-backup", "--yes", "--confirm", self.name, check=False)

    def state(self) -> str:
        rows = json.loads(self.fleet("status", "--output", "json", check=False).stdout)
        return str({row["instance"]: row["state"] for row in rows}.get(self.name, "absent"))

    def wait_until_healthy(self) -> None:
        end = time.monotonic() + 600  # far beyond a busy machine
        while (state := self.state()) != "healthy":
            assert time.monotonic() < end, state
            time.sleep(5)  # each question takes from the start that it asks about

    def airflow(self, *arguments: str) -> str:
        """Airflow's own command line, in the scheduler's pod."""
        scheduler = ("deployment/airflow-scheduler", "--container", "scheduler")
        return self.kubectl("exec", *scheduler, "--", "airflow", *arguments)

    def kubectl(self, *arguments: str) -> str:
        return self.sandbox.kubectl("--namespace", self.namespace, *arguments)

    def patch(self, what: str, change: dict[str, Any]) -> None:
        self.kubectl("patch", what, "--patch", json.dumps(change))

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """As the team's role."""
        with self.sandbox.team(self.name) as connection:
            cursor = connection.execute(query)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def databases(self) -> list[str]:
        """All that bear its name: its own, and any that was left behind."""
        with self.sandbox.admin() as connection:
            found = connection.execute("select datname from pg_database where datname like %s", [f"%{self.name}%"])
            return [name for (name,) in found.fetchall()]

    @property
    def keys(self) -> dict[str, str]:
        return self.sandbox.secret("fleet-system", f"keys-{self.name}")

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
def a_real_team(sandbox: Sandbox, folder: Path, name: str, **entry: Any) -> Iterator[RealTeam]:
    """One with this entry, healthy, in an inventory without a portal; gone at the end."""
    path = folder / "tenants.yaml"
    path.write_text(without_portal(**{name: {"owner": "tests@example.com"} | entry}))
    team = RealTeam(name, path, sandbox)
    try:
        team.fleet("apply", name, "--yes")
        yield team
    finally:
        team.remove()
