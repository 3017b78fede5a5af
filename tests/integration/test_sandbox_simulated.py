"""A sandbox without a node, beside the real one, in folders of its own: its whole life, and every part killed once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet.sandbox import layout, process
from fleet.sandbox.process import Record
from tests.support.sandbox import FLEET, Sandbox
from tests.support.waiting import eventually

pytestmark = pytest.mark.together("ports of the loopback")

PARTS = (
    "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok",
    "postgresql", "keycloak", "git-daemon", "cloudsql",
)  # fmt: skip
PORTS = (2379, 2381, 6443, 10257, 10259, 10247, 5432, 8180, 9418, layout.CLOUD_SQL_PORT)


@dataclass(frozen=True)
class Simulated:
    """A sandbox of its own below ``home``."""

    home: Path
    environment: dict[str, str]

    @property
    def root(self) -> Path:
        return self.home / "fleet" / "sandbox"

    def fleet(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [FLEET, "sandbox", *words], env=self.environment, capture_output=True, text=True, check=False
        )

    def kubectl(self, *words: str, stdin: str = "") -> str:
        command = [self.root / "bin" / "kubectl", f"--kubeconfig={self.root / 'kubeconfig'}", *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in json.loads(self.fleet("status", "-o", "json").stdout)}

    def not_up(self) -> dict[str, Any]:
        """The rows of `status` that do not say that their part is up."""
        return {name: row for name, row in self.status().items() if row["state"] != "up"}

    def record(self, name: str) -> Record:
        return Record(**json.loads((self.root / "run" / f"{name}.pid.json").read_text()))

    def nodes(self) -> dict[str, str]:
        items = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        return {item["metadata"]["name"]: readiness(item["status"]) for item in items}


def readiness(status: dict[str, Any]) -> str:
    return next((each["status"] for each in status.get("conditions", []) if each["type"] == "Ready"), "?")


@pytest.fixture(scope="module")
def simulated(sandbox: Sandbox) -> Iterator[Simulated]:
    # A short path: the socket of PostgreSQL lies below it for others than root.
    home = Path(tempfile.mkdtemp(prefix="fleet-", dir="/tmp"))
    found = Simulated(home, {**os.environ, "XDG_STATE_HOME": str(home)})
    done = found.fleet("up", "--simulated-only", "--simulated-nodes", "3")
    yield found if done.returncode == 0 else pytest.fail(done.stderr)
    found.fleet("down", "--purge")
    shutil.rmtree(home)


def wait_for(simulated: Simulated, count: int) -> None:
    deadline = time.monotonic() + 60
    while list(simulated.nodes().values()) != ["True"] * count:
        assert time.monotonic() < deadline, simulated.nodes()
        time.sleep(0.5)


def test_every_part_is_up_on_the_loopback(simulated: Simulated) -> None:
    rows = simulated.status()
    assert set(rows) == set(PARTS)
    assert simulated.not_up() == {}
    assert all("127.0.0.1" in row["address"] for row in rows.values())


def test_simulated_nodes_are_ready_and_run_pods_to_their_end(simulated: Simulated) -> None:
    wait_for(simulated, 3)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none"}]}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "default"},
        "spec": {"template": template},
    }
    simulated.kubectl("apply", "-f", "-", stdin=json.dumps(job))
    simulated.kubectl("wait", "--for=condition=complete", "job/j", "--timeout=60s")


def test_the_number_of_simulated_nodes_is_kept_unless_told(simulated: Simulated) -> None:
    for words, expected in (((), 3), (("--simulated-nodes", "5"), 5), (("--simulated-nodes", "3"), 3)):
        done = simulated.fleet("up", "--simulated-only", *words)
        assert done.returncode == 0, done.stderr
        wait_for(simulated, expected)


@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_comes_back_and_the_others_are_left_alone(simulated: Simulated, name: str) -> None:
    before = {part: simulated.record(part) for part in PARTS}
    os.kill(before[name].pid, signal.SIGKILL)
    while before[name].alive():
        time.sleep(0.05)
    assert simulated.status()[name]["state"] == "dead"
    done = simulated.fleet("up", "--simulated-only")
    assert done.returncode == 0, done.stderr
    after = {part: simulated.record(part) for part in PARTS}
    assert {part for part in PARTS if after[part].pid != before[part].pid} == {name}
    assert simulated.not_up() == {}
    wait_for(simulated, 3)


def test_a_lock_file_that_names_somebody_elses_process_stops_no_database(simulated: Simulated) -> None:
    """A zombie of the killed server, or a process that has its number by now: to the server both are at work."""
    killed, home = simulated.record("postgresql"), _postgres_home(simulated)
    os.kill(killed.pid, signal.SIGKILL)
    while killed.alive():
        time.sleep(0.05)
    with subprocess.Popen(["sleep", "600"], user=(home / "data").stat().st_uid) as other:
        for lock in (home / "data" / "postmaster.pid", home / ".s.PGSQL.5432.lock"):
            lock.write_text(lock.read_text().replace(str(killed.pid), str(other.pid)))
        done = simulated.fleet("up", "--simulated-only")
        other.kill()
    assert done.returncode == 0, done.stderr


def test_down_leaves_no_process_and_no_port_and_up_finds_its_data_again(simulated: Simulated) -> None:
    """Also where one `up` after it was interrupted, and the next one killed: the third ends what they have begun."""
    simulated.kubectl("create", "namespace", "kept")
    done = simulated.fleet("down")
    assert done.returncode == 0, done.stderr
    assert _processes_of(simulated) == []
    for port in PORTS:
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", port))
    assert simulated.fleet("status").returncode == 1
    assert simulated.fleet("down").returncode == 0
    for number, expected in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        command = [FLEET, "sandbox", "up", "--simulated-only"]
        with subprocess.Popen(command, env=simulated.environment, stderr=subprocess.DEVNULL) as running:
            eventually(lambda: list((simulated.root / "run").glob("*.pid.json")))  # `down` has left none
            running.send_signal(number)
            assert running.wait(600) == expected
    assert simulated.fleet("up", "--simulated-only").returncode == 0
    assert simulated.not_up() == {}
    assert "kept" in simulated.kubectl("get", "namespaces")


def test_purge_deletes_the_data_as_well(simulated: Simulated) -> None:
    done = simulated.fleet("down", "--purge")
    assert done.returncode == 0, done.stderr
    assert not simulated.root.exists()
    assert _processes_of(simulated) == []
    assert "no sandbox" in simulated.fleet("status").stderr


def _postgres_home(simulated: Simulated) -> Path:
    return layout.Layout(simulated.root, simulated.root, layout.Mode(real_node=False)).postgres


def _processes_of(simulated: Simulated) -> list[int]:
    mark = str(simulated.root).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and process.start_time(int(entry.name)) is not None:
            command = (entry / "cmdline").read_bytes() if (entry / "cmdline").exists() else b""
            found += [int(entry.name)] if mark in command else []
    return found
