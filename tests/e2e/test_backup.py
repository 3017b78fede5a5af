"""A real Airflow's data: backed up, lost, restored; a removal stopped by a damaged dump, one killed, and one proven."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.sandbox import layout
from tests.support.cloudsql import damaging, flip, forget
from tests.support.sandbox import FLEET, Sandbox

CHECKOUT = Path(__file__).resolve().parents[2]
TEAM = "archive"


@dataclass(frozen=True)
class Archive:
    """One team on an inventory of its own."""

    sandbox: Sandbox
    inventory: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**self.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}

    def fleet(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([FLEET, *arguments], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stderr
        return done

    def airflow(self, *arguments: str, check: bool = True) -> str:
        """Airflow's own command line, in the scheduler's pod."""
        command = ("deployment/airflow-scheduler", "--container", "scheduler", "--", "airflow", *arguments)
        return self.sandbox.kubectl("exec", "--namespace", f"airflow-{TEAM}", *command, check=check)

    def state(self) -> str:
        rows = json.loads(self.fleet("status", "--output", "json", check=False).stdout)
        return str({row["instance"]: row["state"] for row in rows}.get(TEAM, "absent"))

    def wait_until_healthy(self) -> None:
        for _ in range(90):
            if self.state() == "healthy":
                return
            time.sleep(2)
        raise AssertionError(self.state())

    def databases(self) -> list[str]:
        with self.sandbox.admin() as connection:
            found = connection.execute("select datname from pg_database where datname like '%archive%'").fetchall()
        return [name for (name,) in found]


@pytest.fixture(scope="module")
def archive(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    inventory = tmp_path_factory.mktemp("archive") / "tenants.yaml"
    inventory.write_text((CHECKOUT / "tenants.yaml").read_text())
    archive = Archive(sandbox, inventory)
    archive.fleet("add-team", TEAM, "--owner", "archive@example.com", "--executor", "LocalExecutor", "--yes")
    yield archive
    archive.fleet("remove-team", TEAM, "--no-backup", "--yes", "--confirm", TEAM, check=False)
    forget(sandbox, TEAM)


def test_what_was_lost_comes_back(archive: Archive) -> None:
    archive.airflow("variables", "set", "motto", "semper idem")
    made = archive.fleet("backup", TEAM)
    assert f"gs://fleet-backups/{TEAM}/" in made.stdout and f"{TEAM}.variable" in made.stdout
    archive.airflow("variables", "delete", "motto")
    archive.airflow("variables", "set", "later", "gone with the restore")

    refused = archive.fleet("restore", TEAM, "--yes", check=False)
    assert refused.returncode == 2 and f"--confirm {TEAM}" in refused.stderr
    archive.fleet("restore", TEAM, "--yes", "--confirm", TEAM)
    assert archive.state() == "healthy"
    # Decrypted with the same key, by the Airflow that runs on the restored database.
    assert "semper idem" in archive.airflow("variables", "get", "motto")
    assert "later" not in archive.airflow("variables", "list", "--output", "plain")
    assert archive.databases() == [TEAM]
    # Terraform finds the switched database as it made the one before.
    assert "terraform" not in archive.fleet("plan", TEAM).stdout


def test_a_damaged_dump_stops_the_removal(archive: Archive) -> None:
    bucket = layout.current().buckets / layout.BACKUP_BUCKET
    with damaging(bucket, flip):
        refused = archive.fleet("remove-team", TEAM, "--yes", "--confirm", TEAM, check=False)
    assert refused.returncode == 1
    assert "damaged" in refused.stderr
    assert "nothing was removed, and Airflow starts again" in refused.stderr
    archive.wait_until_healthy()
    assert "semper idem" in archive.airflow("variables", "get", "motto")
    assert f"  {TEAM}:" in archive.inventory.read_text()


def test_after_a_killed_removal_apply_starts_airflow_again(archive: Archive) -> None:
    run = subprocess.Popen(
        [FLEET, "remove-team", TEAM, "--yes", "--confirm", TEAM],
        env=archive.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stderr is not None
    for line in run.stderr:
        if " stop " in line:  # that step is done: Airflow is stopped, and the export begins
            os.kill(run.pid, signal.SIGKILL)
            break
    run.wait()
    assert "stopped for a backup or a restore that did not end" in archive.fleet("plan", TEAM).stdout
    archive.fleet("apply", TEAM, "--yes")
    assert archive.state() == "healthy"


def test_a_removal_prints_and_keeps_its_proof(archive: Archive) -> None:
    done = archive.fleet("remove-team", TEAM, "--yes", "--confirm", TEAM)
    assert "after a backup that is proven" in done.stdout
    (dump,) = [word for word in done.stdout.split() if word.startswith("gs://")]
    path = layout.current().buckets / dump.removeprefix("gs://")
    proof = json.loads(path.with_name(path.name.replace(".sql.gz", ".proof.json")).read_text())
    assert proof["quiet"] is True and proof["moved"] == {}
    assert proof["tables"][f"{TEAM}.variable"] == 1
    assert proof["digest"] in done.stdout
    assert archive.databases() == [] and archive.state() == "absent"
    kept = json.loads(
        archive.sandbox.kubectl("get", "configmap", "backups", "--namespace", "fleet-system", "--output", "json")
    )
    assert json.loads(kept["data"][f"{TEAM}.json"])["dump"] == dump
