"""What the cluster remembers of upgrades, the way down by Alembic's revisions, and the report."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.drivers.kubernetes import Cluster
from fleet.errors import FleetError
from fleet.upgrade import memory, report
from fleet.upgrade.back import commands
from fleet.upgrade.memory import Memory, Origin, Underway
from fleet.upgrade.report import Rollout
from fleet.upgrade.rollout import Result

ORIGIN = Origin(
    "3.2.2",
    "a:1",
    {"airflow": 3, "guardrails": 1},
    {"airflow": "abc", "fab": "def"},
    {"secrets": {"inputs": {}, "at": ""}},
)
UNDERWAY = Underway(
    "Airflow 3.3.2, a:2", "a:2", "2026-01-01T00:00:00+00:00", "me", ORIGIN, "saved", {"default_pool": 128}, "gs://b/a"
)


class Store:
    """A ConfigMap's place."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}

    async def get(self, path: str) -> dict[str, Any] | None:
        return self.found.get(path)

    async def list(self, path: str, **_: Any) -> list[dict[str, Any]]:
        return [each for where, each in self.found.items() if where.startswith(path)]

    async def apply(self, path: str, manifest: dict[str, Any]) -> None:
        self.found[path] = json.loads(json.dumps(manifest))


def kept(given: Memory) -> Memory:
    store = cast(Cluster, Store())
    asyncio.run(memory.write(store, given))
    assert asyncio.run(memory.read_all(store)) == {given.instance: asyncio.run(memory.read(store, given.instance))}
    return asyncio.run(memory.read(store, given.instance))


@given(st.integers(0, 25), st.booleans())
def test_what_is_remembered_comes_back_and_the_oldest_goes(count: int, open_end: bool) -> None:
    found = Memory("a")
    for number in range(count):
        found = Memory("a", UNDERWAY, found.past).ended("upgraded", f"moment {number}")
    found = Memory("a", UNDERWAY if open_end else None, found.past)
    assert kept(found) == found
    assert [past.number for past in found.past] == list(range(max(0, count - 10) + 1, count + 1))
    assert len(memory.rows(found)) == len(found.past) + open_end


def test_an_end_without_a_beginning_is_none() -> None:
    assert Memory("a").ended("upgraded", "now") == Memory("a")


def test_what_somebody_edited_is_said_with_what_to_do() -> None:
    store = Store()
    asyncio.run(memory.write(cast(Cluster, store), Memory("a", UNDERWAY)))
    (path,) = store.found
    store.found[path]["data"]["upgrades.json"] = '{"underway": 3}'
    with pytest.raises(FleetError, match="upgrades-a cannot be read"):
        asyncio.run(memory.read(cast(Cluster, store), "a"))


@pytest.mark.parametrize(("now", "wanted", "expected"), [
    ({"airflow": "b", "fab": "y"}, {"airflow": "a", "fab": "y"}, ["airflow db downgrade --yes --to-revision a"]),
    ({"airflow": "b", "fab": "y"}, {"airflow": "a", "fab": "x"},
     ["airflow fab-db downgrade --yes --to-revision x", "airflow db downgrade --yes --to-revision a"]),
    ({"airflow": "a"}, {"airflow": "a"}, []),
])  # fmt: skip
def test_the_way_down_names_what_has_moved(now: dict[str, str], wanted: dict[str, str], expected: list[str]) -> None:
    assert commands(now, wanted) == expected


@pytest.mark.parametrize("wanted", [{"airflow": "a"}, {"airflow": "a", "fab": "x,y"}, {"airflow": "a", "fab": "; rm"}])
def test_there_is_no_way_down_to_where_nothing_was(wanted: dict[str, str]) -> None:
    with pytest.raises(FleetError, match="there is no way down for fab"):
        commands({"airflow": "a", "fab": "z"}, wanted)


def test_the_report_says_the_same_in_both_forms() -> None:
    results = [Result("a", "canary", "upgraded", "", 60.2), Result("b", "rest", "failed", "gate\nevidence", 9)]
    moves = {"a": ("Airflow 1", "Airflow 2"), "b": ("Airflow 1", "Airflow 2")}
    given = Rollout(
        "fleet upgrade --all",
        "me",
        "2026-01-01T00:00:00+00:00",
        70,
        moves,
        {"b": ["setting: x"]},
        {"a": "ALTER"},
        results,
    )
    data, text = report.data(given), report.markdown(given)
    assert data["counts"] == {"upgraded": 1, "failed": 1} and json.loads(json.dumps(data)) == data
    assert data["instances"][0]["sql"] == "ALTER" and data["instances"][1]["checks"] == ["setting: x"]
    assert "| rest | b | Airflow 1 | Airflow 2 | not upgraded: as it was before | 9 |" in text
    assert text.endswith("## b: failed\n\n    setting: x\n    gate\n    evidence")
