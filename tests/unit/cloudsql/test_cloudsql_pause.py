"""An instance that a killed backup left stopped is seen, and `apply` starts it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleet.diff import diff
from fleet.observe import PAUSED, Component, component
from tests.golden.test_plans import CASES, desired, observed

CASE = next(case for case in CASES if case.name == "a-newer-airflow")


def _manifest(replicas: int, **annotations: str) -> dict[str, Any]:
    metadata = {"name": "airflow-scheduler", "generation": 1, "labels": {"component": "scheduler"}}
    container = {"image": "fleet.local/airflow:3.3.2"}
    return {
        "metadata": {**metadata, "annotations": annotations},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}},
        "status": {},
    }


@pytest.mark.parametrize(
    ("replicas", "annotations", "paused"), [(0, {PAUSED: "1"}, True), (1, {PAUSED: "1"}, False), (0, {}, False)]
)
def test_only_a_stopped_component_with_the_mark_is_paused(
    replicas: int, annotations: dict[str, str], paused: bool
) -> None:
    assert component(_manifest(replicas, **annotations)).paused is paused


def test_a_paused_airflow_is_repaired() -> None:
    before = CASE / "before.yaml"
    world = observed(before, {})
    stopped = Component("scheduler", "fleet.local/airflow:3.2.2", 0, 0, True, paused=True)
    instances = {name: replace(each, components=(stopped,)) for name, each in world.instances.items()}
    (change,) = diff(desired(before), replace(world, instances=instances)).changes
    assert (change.part, change.action) == ("airflow", "repair")
    assert change.reasons == ("stopped for a backup or a restore that did not end",)
