"""What an operator meets on a bad day: killed runs, two at once, half-done releases, servers that go away.

The teams are suspended: their databases, sign-on clients, namespaces, Secrets, migrations and releases are all real, and no
Airflow starts, so that twenty killed runs fit into minutes.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from fleet import wait
from fleet.desired import naming
from fleet.drivers.kubernetes import Cluster
from fleet.errors import FleetError
from tests.support.inventories import without_portal
from tests.support.sandbox import FLEET, Sandbox
from tests.support.waiting import eventually

pytestmark = [pytest.mark.teams, pytest.mark.long]

TEAMS = [f"fault-{letter}" for letter in "abcd"]
KILLS = 20


class Fleet:
    """An inventory of its own with suspended teams."""

    def __init__(self, sandbox: Sandbox, path: Path, teams: list[str]) -> None:
        self.sandbox, self.path, self.teams = sandbox, path, teams
        path.write_text(without_portal(**{name: {"owner": "tests@example.com", "suspended": True} for name in teams}))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {**self.sandbox.environment, "FLEET_INVENTORY": str(self.path)}
        return subprocess.Popen(
            [FLEET, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        said, _ = process.communicate()
        return process.returncode, said

    def apply(self, *more: str) -> tuple[int, str]:
        return self.run("apply", *self.teams, "--yes", *more)

    def states(self) -> dict[str, str]:
        _, said = self.run("status", "--output", "json")
        return {row["instance"]: row["state"] for row in json.loads(said) if row["instance"] in self.teams}

    def remove(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            gone = list(pool.map(lambda name: self.run(*_removal(name)), self.teams))
        assert [code for code, _ in gone] == [0] * len(self.teams), gone


def _removal(name: str) -> tuple[str, ...]:
    return ("remove-team", name, "--yes", "--confirm", name, "--no-backup")


@pytest.fixture
def fleet(sandbox: Sandbox, tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    made: list[Fleet] = []

    def make(*teams: str) -> Fleet:
        made.append(Fleet(sandbox, tmp_path / "tenants.yaml", list(teams)))
        return made[-1]

    yield make
    for each in made:
        each.remove()


def _kill(process: subprocess.Popen[str]) -> None:
    """kill -9 of fleet alone: its Terraform and Helm go on as orphans."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_at_twenty_moments_it_always_converges(fleet: Callable[..., Fleet]) -> None:
    teams, chance = fleet(*TEAMS), random.Random(20261122)
    for _ in range(KILLS):
        process = teams.start("apply", *TEAMS, "--yes")
        time.sleep(chance.uniform(0.3, 8.0))
        if process.poll() is None:
            _kill(process)
    code, said = teams.apply()
    assert code == 0, said
    assert teams.states() == dict.fromkeys(TEAMS, "suspended")
    assert "nothing to do" in teams.apply()[1]
    _nothing_is_doubled(teams)
    # A run that was killed after its work leaves its Lease behind, which must not stand in the next one's way.
    code, said = teams.apply("--refresh")
    assert code == 0 and "held by" not in said, said
    leases = teams.sandbox.kubectl("get", "leases", "--namespace", "fleet-system", "--output", "name")
    assert not any(naming.lease(name) in leases for name in TEAMS)


def _until_there(teams: Fleet, process: subprocess.Popen[str], query: str) -> None:
    with teams.sandbox.admin() as connection:
        while not connection.execute(query).fetchall():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)


def test_killed_while_terraform_makes_things_it_knows_them_afterwards(fleet: Callable[..., Fleet]) -> None:
    teams = fleet("fault-amid")
    process = teams.start("apply", "fault-amid", "--yes")
    _until_there(teams, process, "select from pg_database where datname = 'fault_amid'")
    _kill(process)
    code, said = teams.apply()
    assert code == 0, said
    assert "nothing to do" in teams.apply()[1]


def test_what_no_state_knows_is_not_taken_over(fleet: Callable[..., Fleet]) -> None:
    teams = fleet("fault-left")
    with teams.sandbox.admin() as connection:
        connection.execute("create role fault_left")
    code, said = teams.apply()
    assert code != 0 and "somebody else's" in said, said
    with teams.sandbox.admin() as connection:
        connection.execute("drop role fault_left")
    code, said = teams.apply()
    assert code == 0, said


def test_a_person_who_left_does_not_keep_a_team_from_going(fleet: Callable[..., Fleet], sandbox: Sandbox) -> None:
    """They are named in its entry, and Terraform looks them up."""
    teams, realm, name = fleet("fault-person"), "fleet", f"leaves-{uuid4().hex[:6]}"
    data = yaml.safe_load(teams.path.read_text())
    data["teams"]["fault-person"]["access"] = {"users": {"op": [name]}}
    teams.path.write_text(yaml.safe_dump(data))
    sandbox.keycloak.add_user(realm, name, uuid4().hex)
    try:
        code, said = teams.apply()
        assert code == 0, said
    finally:
        sandbox.keycloak.remove_user(realm, name)
    teams.remove()
    assert teams.states() == {}
    teams.teams.clear()


def _nothing_is_doubled(teams: Fleet) -> None:
    with teams.sandbox.admin() as connection:
        found = connection.execute("select datname from pg_database where datname like 'fault%'").fetchall()
    assert sorted(name for (name,) in found) == sorted(map(naming.sql, teams.teams))
    for name in teams.teams:
        releases = teams.sandbox.objects("secrets", f"airflow-{name}", "owner=helm,status=deployed")
        assert len(releases) == 1
        assert not teams.sandbox.objects(
            "secrets", f"airflow-{name}", "owner=helm,status in (pending-install,pending-upgrade)"
        )


def test_of_two_runs_at_once_one_does_the_work(fleet: Callable[..., Fleet]) -> None:
    teams = fleet("fault-two")
    first, second = teams.start("apply", "fault-two", "--yes"), teams.start("apply", "fault-two", "--yes")
    said = {first.communicate()[0]: first.returncode, second.communicate()[0]: second.returncode}
    assert 0 in said.values(), said
    for words, code in said.items():
        assert code == 0 or "held by" in words, words
    assert "nothing to do" in teams.apply()[1]


def test_a_pending_release_is_mended(fleet: Callable[..., Fleet]) -> None:
    teams = fleet("fault-pending")
    code, said = teams.apply()
    assert code == 0, said
    # What a killed helm leaves: a newest revision that says it is pending (for an install, the only one).
    for namespace, release, status in (
        ("airflow-fault-pending", "airflow", "pending-upgrade"),
        ("airflow-fault-pending", "airflow", "pending-install"),
        ("fleet-system", "guardrails-fault-pending", "pending-install"),  # the namespace goes with it, and comes again
    ):
        _rewrite_release(teams.sandbox, namespace, release, status)
        code, said = teams.run("plan", "fault-pending")
        assert f"the Helm release is {status}" in said
        code, said = teams.apply()
        assert code == 0, said
    code, said = teams.apply()
    assert code == 0, said
    assert teams.states() == {"fault-pending": "suspended"}


def _rewrite_release(sandbox: Sandbox, namespace: str, release: str, status: str) -> None:
    """Take the newest revision for a pending one: label and payload, as Helm's Secrets driver has them."""
    import base64
    import gzip

    (newest,) = sandbox.objects("secrets", namespace, f"owner=helm,name={release},status=deployed")
    payload = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(newest["data"]["release"]))))
    number = 1 if status == "pending-install" else payload["version"] + 1
    payload["info"]["status"], payload["version"] = status, number
    body = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(payload).encode()))).decode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {
            "name": f"sh.helm.release.v1.{release}.v{number}",
            "namespace": namespace,
            "labels": {**newest["metadata"]["labels"], "status": status, "version": str(number)},
        },
        "data": {"release": body},
    }
    subprocess.run(
        [sandbox.kubectl_program, "apply", "--server-side", "--force-conflicts", "--filename", "-"],
        input=json.dumps(secret), env=sandbox.environment, text=True, check=True, capture_output=True,
    )  # fmt: skip


def test_a_namespace_that_cannot_end_is_explained(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "fault-finalizer"
    sandbox.kubectl("create", "namespace", name)
    sandbox.kubectl("create", "configmap", "held", "--namespace", name)
    held = ("patch", "configmap", "held", "--namespace", name, "--type=merge", "--patch")
    sandbox.kubectl(*held, '{"metadata": {"finalizers": ["example.com/never"]}}')
    sandbox.kubectl("delete", "namespace", name, "--wait=false")
    eventually(lambda: "example.com/never" in sandbox.kubectl("get", "namespace", name, "--output", "json"))
    monkeypatch.setattr(wait, "GONE_SECONDS", 2.0)
    try:
        with pytest.raises(FleetError, match=r"still Terminating.*example\.com/never"):
            asyncio.run(wait.wait_until_gone(Cluster("fleet-sandbox"), name))
    finally:
        sandbox.kubectl(*held, '{"metadata": {"finalizers": null}}')


def test_an_interrupt_ends_cleanly_and_is_taken_up_again(fleet: Callable[..., Fleet]) -> None:
    teams = fleet("fault-stop")
    process = teams.start("apply", "fault-stop", "--yes")
    _until_there(teams, process, "select from pg_roles where rolname = 'fault_stop'")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 130, said
    assert "run the same command again" in said
    assert "Traceback" not in said
    leases = teams.sandbox.kubectl("get", "leases", "--namespace", "fleet-system", "--output", "name")
    assert naming.lease("fault-stop") not in leases
    code, said = teams.apply()
    assert code == 0, said


@pytest.mark.alone
def test_servers_that_are_away_for_twenty_seconds(fleet: Callable[..., Fleet]) -> None:
    from fleet import sandbox as platform

    teams = fleet("fault-outage")
    for part in ("postgresql", "keycloak", "kube-apiserver"):
        process = teams.start("apply", "fault-outage", "--yes", "--refresh")
        if part == "postgresql":  # where the state lies too: it goes away before it has what Terraform made
            _until_there(teams, process, "select from pg_roles where rolname = 'fault_outage'")
        else:
            time.sleep(2)
        (row,) = [row for row in platform.status() if row.name == part]
        assert row.pid
        os.kill(row.pid, signal.SIGKILL)
        time.sleep(20)
        platform.up()
        said, _ = process.communicate(timeout=600)
        assert "Traceback" not in said, part
        if process.returncode != 0:
            assert "error: " in said and "`fleet apply` goes on where this ended" in said, said
            code, said = teams.apply()
            assert code == 0, said
        assert teams.states() == {"fault-outage": "suspended"}, part
