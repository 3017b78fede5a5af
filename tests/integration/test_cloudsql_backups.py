"""Backups of several teams at once, how long they are kept, and a proof that is tried again."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fleet import backup, restore
from fleet.apply import Event
from fleet.errors import FleetError
from fleet.proof import Proof
from tests.support.cloudsql import Server, Team, a_team, flip, serving
from tests.support.sandbox import FLEET, Sandbox

pytestmark = pytest.mark.teams

CHECKOUT = Path(__file__).resolve().parents[2]
AGES = [f"2025010{day}T000000Z" for day in range(1, 6)]


@pytest.fixture(scope="module")
def server(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("cloudsql")) as server:
        yield server


@pytest.fixture
def team(sandbox: Sandbox, server: Server) -> Iterator[Team]:
    with a_team(sandbox, server.cloud_sql.model_copy(update={"keep": 3})) as team:
        yield team


@pytest.fixture
def inventory(team: Team, tmp_path: Path) -> Path:
    data = yaml.safe_load((CHECKOUT / "tenants.yaml").read_text())
    data["platform"]["database"]["cloud_sql"] = team.platform.database.cloud_sql.model_dump()  # type: ignore[union-attr]
    data["teams"] = {team.name: {"owner": "tests@example.com"}}
    path = tmp_path / "tenants.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def fleet(team: Team, inventory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [FLEET, *arguments, "--inventory", str(inventory)]
    return subprocess.run(command, env=team.sandbox.environment, capture_output=True, text=True)


def back_up(team: Team) -> tuple[Proof, list[Event]]:
    events: list[Event] = []
    return asyncio.run(backup.backup(team.name, team.world, events.append, quiet=True)), events


def stored(server: Server, team: Team) -> set[str]:
    return {path.name for path in (server.bucket / team.name).iterdir()}


# Retention.


def _age(server: Server, team: Team) -> None:
    """Five proven backups of last year, one that was never proven, and somebody's own file."""
    folder = server.bucket / team.name
    folder.mkdir()
    for age in AGES:
        (folder / f"{age}.sql.gz").write_bytes(b"old")
        (folder / f"{age}.proof.json").write_bytes(b"{}")
    (folder / "20250301T000000Z.sql.gz").write_bytes(b"never proven")
    (folder / "README").write_bytes(b"by hand")


def test_a_backup_lets_the_oldest_go(team: Team, server: Server) -> None:
    _age(server, team)
    done, events = back_up(team)
    new = done.dump.rsplit("/", 1)[1].removesuffix(".sql.gz")
    kept = {f"{moment}{end}" for moment in (*AGES[-2:], new) for end in (".sql.gz", ".proof.json")}
    assert stored(server, team) == {*kept, "README"}
    assert (events[-1].step, events[-1].state, events[-1].detail) == ("retention", "done", "7 objects deleted")


def test_a_backup_that_is_not_proven_deletes_nothing(team: Team, server: Server) -> None:
    _age(server, team)
    before = stored(server, team)
    with team.sandbox.admin() as connection:
        connection.execute(f"alter role {team.database} nologin")
    with pytest.raises(FleetError):
        back_up(team)
    assert before <= stored(server, team)


def test_old_ones_that_cannot_be_deleted_do_not_spoil_the_new_one(team: Team, server: Server) -> None:
    _age(server, team)
    events: list[Event] = []

    def tell(event: Event) -> None:
        events.append(event)
        if (event.step, event.state) == ("proof", "done"):
            server.kill()

    done = asyncio.run(backup.backup(team.name, team.world, tell, quiet=True))
    server.start()
    assert (events[-1].step, events[-1].state) == ("retention", "failed")
    assert asyncio.run(restore.choose(team.name, done.dump, team.world)) == done
    assert f"{AGES[0]}.sql.gz" in stored(server, team)


# Several at once.


def test_one_failure_stops_no_other(team: Team, server: Server, inventory: Path) -> None:
    with a_team(team.sandbox, server.cloud_sql) as other:
        with team.sandbox.admin() as connection:
            connection.execute(f"drop database {other.database}")
        done = fleet(team, inventory, "backup", other.name, team.name, "--output", "json")
    assert done.returncode == 3, done.stderr
    (proof,) = json.loads(done.stdout)
    assert proof["instance"] == team.name and proof["proven"]
    assert f"there is no database {other.database}" in done.stderr
    assert "1 of 2 failed" in done.stderr


def test_all_are_those_that_are_applied(team: Team, inventory: Path) -> None:
    text = inventory.read_text().replace("teams:\n", "teams:\n  not-applied: {owner: tests@example.com}\n")
    inventory.write_text(text)
    done = fleet(team, inventory, "backup", "--all")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{team.name}: gs://fleet-backups/{team.name}/")
    assert "not-applied" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [(), ("--all", "marketing")])
def test_it_wants_to_know_whose(team: Team, inventory: Path, arguments: tuple[str, ...]) -> None:
    refused = fleet(team, inventory, "backup", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--all" in refused.stderr


# A proof that is tried again.


def test_a_backup_is_verified_and_nothing_is_changed(team: Team, inventory: Path) -> None:
    done, _ = back_up(team)
    with team.connect() as connection:
        connection.execute("delete from things")  # what came later is not looked at, and not undone
    again = fleet(team, inventory, "restore", team.name, "--from", done.dump, "--scratch")
    assert again.returncode == 0, again.stderr
    assert "verified" in again.stdout and done.digest in again.stdout
    assert team.rows() == [] and team.databases() == {team.database}


def test_a_damaged_backup_is_not_verified(team: Team, server: Server, inventory: Path) -> None:
    done, _ = back_up(team)
    dump = server.bucket / done.dump.removeprefix("gs://fleet-backups/")
    dump.write_bytes(flip(dump.read_bytes()))
    refused = fleet(team, inventory, "restore", team.name, "--scratch")
    assert refused.returncode == 1
    assert "damaged" in refused.stderr and "verified" not in refused.stdout
    assert team.databases() == {team.database}
    chosen = asyncio.run(restore.choose(team.name, None, team.world))
    assert chosen == done  # it is still the newest: whoever wants an older one names it
