"""What ends an upgrade early or leaves a team out: a closed window, a Lease that is held, failures, Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
import yaml
from psycopg import sql

from fleet.desired import naming
from fleet.drivers.kubernetes import group
from tests.support.asleep import Asleep, asleep
from tests.support.cloudsql import forget
from tests.support.sandbox import Sandbox

TEAMS = ("rules-a", "rules-b", "rules-c")
FIRST, SECOND, THIRD = TEAMS


@pytest.fixture(scope="module")
def made(sandbox: Sandbox) -> Iterator[Asleep]:
    with asleep(sandbox, *TEAMS) as found:
        found.change(waves=[{"name": "canary", "teams": [FIRST]}])
        yield found
    for team in TEAMS:
        forget(sandbox, team)


@pytest.fixture
def fleet(made: Asleep) -> Iterator[Asleep]:
    """Each test leaves all teams where the inventory says."""
    yield made
    made.failing.clear()
    made.pace = 0
    done = made.run("upgrade", "--all", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr


def upgrade(fleet: Asleep, version: str, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status, and the report's row of each team."""
    done = fleet.run("upgrade", "--all", "--to", version, "--yes", "--output", "json", *words)
    return done.returncode, _told(done.stdout)


def _told(output: str) -> dict[str, dict[str, Any]]:
    report = json.loads(output.splitlines()[-1])
    assert report["kind"] == "report"
    return {each["instance"]: each for each in report["instances"]}


def states(told: dict[str, dict[str, Any]]) -> list[str]:
    return [told[team]["state"] for team in TEAMS]


def test_a_team_outside_its_window_is_skipped_and_told_when_it_opens(fleet: Asleep) -> None:
    window, opens = _closed()
    _enter(fleet, SECOND, window=window)
    status, told = upgrade(fleet, "3.3.0")
    assert status == 3 and states(told) == ["upgraded", "skipped", "upgraded"]
    assert told[SECOND]["why"] == f"its window {window} opens {opens:%a %Y-%m-%d %H:00} UTC"
    assert fleet.revision(SECOND) == "3.2.2"
    status, told = upgrade(fleet, "3.3.0", "--ignore-windows")
    assert status == 0 and list(told) == [SECOND]  # the others are there already
    _enter(fleet, SECOND, window=None)


def _closed() -> tuple[str, datetime]:
    """A window, and when it opens next."""
    opens = datetime.now(UTC) + timedelta(days=2, hours=1)
    return f"{opens:%a} {opens:%H:00}-{opens + timedelta(hours=2):%H:00} UTC", opens


def _enter(fleet: Asleep, team: str, **keys: Any) -> None:
    entries = fleet.entries()
    entries[team] = {key: value for key, value in {**entries[team], **keys}.items() if value is not None}
    fleet.change(teams=entries)


def test_a_team_that_somebody_is_at_work_on_is_skipped(fleet: Asleep) -> None:
    done = Event()
    holder = Thread(target=_hold, args=(fleet, THIRD, done))
    holder.start()
    try:
        status, told = upgrade(fleet, "3.3.1")
    finally:
        done.set()
        holder.join()
    assert status == 3 and states(told) == ["upgraded", "upgraded", "skipped"]
    assert "somebody@elsewhere" in told[THIRD]["why"]
    assert fleet.revision(THIRD) == "3.3.0"


def _hold(fleet: Asleep, team: str, done: Event) -> None:
    """Hold a Lease and renew it, as a run on another machine does."""
    where = naming.SYSTEM_NAMESPACE
    path = group("coordination.k8s.io/v1", "leases", where, naming.lease(team))
    while not done.is_set():
        spec = {"holderIdentity": "somebody@elsewhere, process 1", "leaseDurationSeconds": 30}
        manifest = {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": naming.lease(team), "namespace": where, "labels": {naming.INSTANCE_LABEL: team}},
            "spec": {**spec, "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
        }  # fmt: skip
        asyncio.run(fleet.cluster.apply(path, manifest))
        done.wait(1)
    asyncio.run(fleet.cluster.delete(path))


def test_a_failure_in_the_first_wave_ends_it_and_is_rolled_back(fleet: Asleep) -> None:
    fleet.failing.add(FIRST)
    text, before = fleet.inventory.read_text(), [fleet.revision(team) for team in TEAMS]
    status, told = upgrade(fleet, "3.3.2")
    assert status == 1 and states(told) == ["failed", "halted", "halted"]
    assert told[SECOND]["why"] == "1 failed in wave canary, of 1 allowed"
    assert fleet.inventory.read_text() == text
    assert [fleet.revision(team) for team in TEAMS] == before
    assert fleet.memories()[FIRST].past[-1].outcome == "rolled back"
    assert "nothing to do" in fleet.run("plan").stdout
    fleet.failing.clear()
    status, told = upgrade(fleet, "3.3.2")
    assert status == 0 and states(told) == ["upgraded"] * 3


def test_more_failures_may_be_allowed(fleet: Asleep) -> None:
    fleet.failing.add(SECOND)
    status, told = upgrade(fleet, "3.3.3", "--max-failures", "2")
    assert status == 3 and states(told) == ["upgraded", "failed", "upgraded"]
    assert {team: entry.get("airflow") for team, entry in fleet.entries().items()} == {
        FIRST: "3.3.3", SECOND: "3.3.2", THIRD: "3.3.3",
    }  # fmt: skip


def test_a_wave_is_not_begun_that_somebody_interrupts(fleet: Asleep) -> None:
    """What runs comes to its end; the report says what was not begun; the same command goes on."""
    fleet.pace = 3
    words = ("upgrade", "--all", "--to", "3.3.4", "--yes", "--output", "json")
    process = fleet.start(*words)
    _wait_for_phase(fleet, FIRST, "migrating")
    process.send_signal(signal.SIGINT)
    output, talk = process.communicate(timeout=600)
    assert process.returncode == 130, output + talk
    assert "nothing more is begun" in talk
    told = _told(output)
    assert states(told) == ["upgraded", "halted", "halted"] and told[SECOND]["why"] == "interrupted"
    status, told = upgrade(fleet, "3.3.4")
    assert status == 0 and list(told) == [SECOND, THIRD]


def test_interrupted_twice_it_is_left_and_gone_on_with(fleet: Asleep) -> None:
    fleet.pace = 5
    process = fleet.start("upgrade", "--all", "--to", "3.3.5", "--yes")
    _wait_for_phase(fleet, FIRST, "migrating")
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=600)
    assert process.returncode == 130
    assert fleet.memories()[FIRST].underway
    # Something else is refused while it is not over.
    _status, told = upgrade(fleet, "3.3.6")
    assert told[FIRST]["state"] == "skipped" and "has begun and is not over" in told[FIRST]["why"]
    _enter(fleet, FIRST, labels={"kind": "other"})
    refused = fleet.run("apply", "--yes")
    assert refused.returncode == 2 and "has begun and is not over" in refused.stderr
    _enter(fleet, FIRST, labels=None)
    fleet.pace = 0
    _enter(fleet, FIRST, window=_closed()[0])  # what was begun does not wait for a window
    done = fleet.run("upgrade", "--team", FIRST, "--to", "3.3.5", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    _enter(fleet, FIRST, window=None)
    assert [past.outcome for past in fleet.memories()[FIRST].past][-1] == "upgraded"
    assert fleet.entries()[FIRST]["airflow"] == "3.3.5"


def _wait_for_phase(fleet: Asleep, team: str, phase: str) -> None:
    for _ in range(600):
        now = fleet.memories().get(team)
        if now and now.underway and now.underway.phase == phase:
            return
        time.sleep(0.1)
    raise AssertionError(f"{team} did not come to {phase}")


def test_wrong_orders_are_refused_before_anything_is_done(fleet: Asleep) -> None:
    for words, said in (
        (("upgrade", "--to", "3.9.9"), "say which instances"),
        (("upgrade", "--all", "--team", FIRST), "say which instances"),
        (("upgrade", "--all", "--to", "3.2.2", "--yes"), "is a downgrade"),
        (("upgrade", "--wave", "canry", "--yes"), "there is no wave `canry`"),
        (("upgrade", "--team", "rules-x", "--yes"), "did you mean"),
        (("upgrade", "--all", "--to", "3.9.9", "--pause-between", "--yes"), "nobody can be asked"),
        (("upgrade", "--all", "--to", "3.9.9"), "nobody can be asked"),
        (("upgrade", "--all", "--chart-version", "1.22.0", "--yes"), "has no official chart"),
        (("rollback", FIRST, "--to-revision", "99", "--yes"), "there is no upgrade 99 to go back from"),
        (("history", "rules-x"), "there is no run and no team `rules-x`"),
    ):
        text, done = fleet.inventory.read_text(), fleet.run(*words)
        assert done.returncode == 2 and said in done.stderr, (words, done)
        assert fleet.inventory.read_text() == text


def test_the_dry_run_shows_waves_and_changes_nothing(fleet: Asleep) -> None:
    text = fleet.inventory.read_text()
    done = fleet.run("upgrade", "--all", "--to", "3.9.0", "--dry-run", "--output", "json")
    assert [(row["wave"], row["instance"], row["disruption"]) for row in json.loads(done.stdout)] == [
        ("canary", FIRST, "none: suspended"), ("rest", SECOND, "none: suspended"), ("rest", THIRD, "none: suspended"),
    ]  # fmt: skip
    assert fleet.inventory.read_text() == text and not any(each.underway for each in fleet.memories().values())


def test_the_preflight_tells_of_drift_and_goes_on(fleet: Asleep) -> None:
    """What somebody did to a team's role and to one of its objects."""
    role = sql.Identifier(naming.sql(SECOND))
    path = group("networking.k8s.io/v1", "networkpolicies", naming.namespace(SECOND))
    name = asyncio.run(fleet.cluster.list(path))[0]["metadata"]["name"]
    with fleet.sandbox.admin() as admin:
        admin.execute(sql.SQL("alter role {} connection limit 3").format(role))
    asyncio.run(fleet.cluster.delete(f"{path}/{name}"))
    done = fleet.run("upgrade", "--all", "--to", "3.3.7", "--check", "--output", "json")
    drift = [(row["instance"], row["found"]) for row in json.loads(done.stdout) if row["found"].startswith("drift: ")]
    assert done.returncode == 0 and {instance for instance, _ in drift} == {SECOND}, done.stdout + done.stderr
    assert sum(name in words for _, words in drift) == 1 and sum("connection" in words for _, words in drift) == 1, (
        drift
    )
    status, told = upgrade(fleet, "3.3.7")
    assert status == 0 and states(told) == ["upgraded"] * 3
    assert any(line.startswith("drift: ") for line in told[SECOND]["checks"]), told[SECOND]["checks"]
    assert fleet.run("apply", SECOND, "--refresh", "--yes").returncode == 0
    assert "drift: " not in fleet.run("upgrade", "--all", "--to", "3.3.8", "--check").stdout


def test_an_entry_that_a_killed_run_did_not_write_is_written_and_nothing_is_done_twice(fleet: Asleep) -> None:
    assert upgrade(fleet, "3.3.9")[0] == 0
    before = fleet.memories()[SECOND].past
    _enter(fleet, SECOND, airflow="3.3.8")
    status, told = upgrade(fleet, "3.3.9")
    assert status == 0 and told[SECOND]["state"] == "upgraded" and list(told) == [SECOND]
    assert fleet.entries()[SECOND]["airflow"] == "3.3.9"
    assert fleet.memories()[SECOND].past == before


def test_back_by_hand_to_before_an_upgrade(fleet: Asleep) -> None:
    status, _ = upgrade(fleet, "3.4.0")
    assert status == 0
    with fleet.database(THIRD) as connection:
        connection.execute("insert into migrated values ('later')")
    refused = fleet.run("rollback", THIRD, "--from-backup", "--yes")
    assert refused.returncode == 2 and f"--confirm {THIRD}" in refused.stderr
    done = fleet.run("rollback", THIRD, "--from-backup", "--yes", "--confirm", THIRD)
    assert done.returncode == 0, done.stderr
    with fleet.database(THIRD) as connection:
        assert connection.execute("select 1 from migrated where image = 'later'").fetchall() == []
    said = yaml.safe_load(fleet.inventory.read_text())["teams"][THIRD]["airflow"]
    assert fleet.revision(THIRD) == said != "3.4.0"
    rows = json.loads(fleet.run("history", THIRD, "--output", "json").stdout)
    assert [row["outcome"] for row in rows[:2]] == ["rolled back", "upgraded"]
