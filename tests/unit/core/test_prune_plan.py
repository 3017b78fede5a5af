"""What `fleet prune` would take away: names typed where data go, keys that stay with a database, and whoever is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from fleet import inventory
from fleet.drift.orphans import kinds
from fleet.drift.orphans.things import Thing
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.observe import Observed
from fleet.prune import Orphan, orphans

INVENTORY = inventory.load(Path(__file__).parents[3] / "tenants.yaml").inventory
LEASE, RECORD = Thing(kinds.LEASE, "gone", "Lease fleet-gone"), Thing(kinds.RECORD, "gone", "ConfigMap applied-gone")
KEYS, DATABASE = Thing(kinds.KEYS, "gone", "Secret keys-gone"), Thing(kinds.DATABASE, "gone", "database gone")
WORKSPACE = Thing(kinds.WORKSPACE, "gone", "workspace gone")
STRANGER = Thing(kinds.UNMARKED, "stranger", "Namespace airflow-stranger", marked=False)


def _plan(*things: Thing, databases: frozenset[str] = frozenset(), names: tuple[str, ...] = ()) -> list[Orphan]:
    nobody = cast(World, None)  # nothing here is in the cluster, so that it is not asked
    return asyncio.run(orphans(things, databases, INVENTORY, Observed(None, {}), nobody, names))


@pytest.mark.parametrize(("things", "typed", "backed_up"), [
    ((LEASE, RECORD, KEYS), False, False), ((KEYS, DATABASE), True, True), ((WORKSPACE,), True, True),
    ((Thing(kinds.CLIENT, "gone", "client airflow-gone", "1"),), True, False),
])  # fmt: skip
def test_a_name_is_typed_where_data_go(things: tuple[Thing, ...], typed: bool, backed_up: bool) -> None:
    (found,) = _plan(*things)
    assert (found.name, found.data, found.database) == ("gone", typed, backed_up)


def test_keys_stay_with_a_database_that_stays() -> None:
    (found,) = _plan(LEASE, KEYS, databases=frozenset({"gone"}))
    assert found.going == (LEASE,)
    assert (
        found.lines(True)[1]
        == "Secret keys-gone: stays, the database gone, which bears no mark of fleet's, may need it"
    )
    (whole,) = _plan(KEYS, DATABASE, databases=frozenset({"gone"}))
    assert whole.going == (KEYS, DATABASE)


def test_where_only_a_state_is_left_it_is_destroyed_as_a_team_of_that_name() -> None:
    (found,) = _plan(WORKSPACE)
    variables = cast(dict[str, Any], found.holding.variables)
    assert (variables["instance"], variables["database"]["name"]) == ("gone", "gone")


def test_what_a_killed_run_left_beside_a_database_is_not_taken_away() -> None:
    assert _plan(Thing(kinds.ASIDE, "gone", "database before_gone_0a1b2c3d")) == []


@pytest.mark.parametrize(("name", "said"), [("stranger", "bears fleet's mark"), ("nobody", "is an orphan")])
def test_whoever_has_no_orphan_is_refused(name: str, said: str) -> None:
    with pytest.raises(FleetError, match=said):
        _plan(LEASE, STRANGER, names=(name,))
