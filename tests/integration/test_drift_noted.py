"""What a migration left is noted wherever fleet migrates, goes back or restores, so that none of these is drift."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from fleet.desired import naming
from fleet.drivers.kubernetes import core
from fleet.record import Record, from_config_map
from tests.support.asleep import Asleep, asleep
from tests.support.cloudsql import forget
from tests.support.sandbox import Sandbox

TEAM = "dn-one"


@pytest.fixture(scope="module")
def fleet(sandbox: Sandbox) -> Iterator[Asleep]:
    with asleep(sandbox, TEAM) as found:
        yield found
    forget(sandbox, TEAM)


def _record(fleet: Asleep) -> Record:
    found = asyncio.run(fleet.cluster.get(core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(TEAM))))
    assert found
    return from_config_map(found)


def _drift(fleet: Asleep) -> tuple[int, dict[str, Any]]:
    done = fleet.run("drift", "--layer", "database", "--team", TEAM, "--output", "json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def _clean(fleet: Asleep, revision: str) -> None:
    assert fleet.revision(TEAM) == revision
    code, report = _drift(fleet)
    assert (code, report["findings"], report["errors"]) == (0, [], [])
    assert dict(_record(fleet).revisions) == {"airflow": revision}


def test_an_apply_notes_the_migration_and_the_administrator(fleet: Asleep) -> None:
    _clean(fleet, "3.2.2")
    assert _record(fleet).administrator == "fleet_admin"


def test_another_revision_is_told(fleet: Asleep) -> None:
    with fleet.database(TEAM) as connection:
        connection.execute("update alembic_version set version_num = 'by hand'")
    code, report = _drift(fleet)
    with fleet.database(TEAM) as connection:
        connection.execute("update alembic_version set version_num = '3.2.2'")
    (finding,) = report["findings"]
    assert code == 2 and (finding["kind"], finding["team"]) == ("database.revision", TEAM)
    assert (finding["expected"], finding["found"]) == ("3.2.2", "by hand")


def test_an_upgrade_notes_its_own_and_the_way_back_the_one_before(fleet: Asleep) -> None:
    done = fleet.run("upgrade", "--team", TEAM, "--to", "3.3.2", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    _clean(fleet, "3.3.2")
    done = fleet.run("rollback", TEAM, "--from-backup", "--yes", "--confirm", TEAM)
    assert done.returncode == 0, done.stdout + done.stderr
    _clean(fleet, "3.2.2")


def test_a_restored_database_is_as_the_one_it_replaced(fleet: Asleep) -> None:
    for words in (("backup", TEAM), ("restore", TEAM, "--yes", "--confirm", TEAM)):
        done = fleet.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    _clean(fleet, fleet.revision(TEAM))
