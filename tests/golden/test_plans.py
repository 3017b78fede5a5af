"""Golden cases: an inventory and an observed world in, a plan out.

Each folder of `cases` holds `after.yaml` (the inventory), `before.yaml` (the inventory that was applied last; without it the
world is empty), `world.yaml` (what happened behind fleet's back) and `plan.txt` (what `fleet plan` says).
After a wanted change: `python -m tests.golden.test_plans` writes every `plan.txt` anew; read the difference before you commit.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet import charts, inventory
from fleet.desired import Contents, Desired, build, secrets
from fleet.diff import DRIFT, PLATFORM, PORTAL, diff
from fleet.observe import Component, Observed, ObservedInstance
from fleet.plan import plan
from fleet.record import Record, from_config_map, to_config_map
from fleet.report import plan_text, render, status_rows

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())
THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 3, 4, tzinfo=UTC)
CONTENTS = Contents("platform-1", "team-1", "guardrails-1", "airflow-1", "platform-chart-1")


def desired(path: Path, rotated: dict[str, dict[str, int]] | None = None, **contents: str) -> Desired:
    document = inventory.load(path)
    return build(document.inventory, replace(CONTENTS, folders=charts.folders(document), **contents), rotated or {})


def observed(before: Path, world: dict[str, Any]) -> Observed:
    """The world after a faultless `apply` of ``before``, then changed as ``world`` says."""
    if not before.exists():
        return Observed(None, {})
    applied = desired(before)
    done = Record(PLATFORM).with_part(PLATFORM, applied.platform, "2026-01-01T00:00:00+00:00")
    if applied.portal is not None:
        done = done.with_part(PORTAL, applied.portal, "2026-01-01T00:00:00+00:00")
    if applied.drift is not None:
        done = done.with_part(DRIFT, applied.drift, "2026-01-01T00:00:00+00:00")
    platform = _through_the_cluster(done)
    instances = {name: _healthy(applied, name) for name in applied.instances}
    for name, facts in world.get("instances", {}).items():
        instances[name] = _changed(instances.get(name, ObservedInstance(name)), facts)
    portal = world.get("portal", "deployed") if applied.portal is not None else None
    drift = world.get("drift", "deployed") if applied.drift is not None else None
    return Observed(platform, instances, portal, drift)


def _through_the_cluster(record: Record) -> Record:
    return from_config_map(to_config_map(record))


def _healthy(applied: Desired, name: str) -> ObservedInstance:
    record = Record(name, providers=("cyrilgdn/postgresql 1.26.0",))
    for part, inputs in applied.instances[name].parts.items():
        record = record.with_part(part, inputs, "2026-01-01T00:00:00+00:00")
    wanted = 0 if applied.instances[name].suspended else 1
    return ObservedInstance(
        name,
        record=_through_the_cluster(record),
        created=THEN,
        has_keys=True,
        secrets=frozenset(secrets.NAMES),
        releases={"guardrails": "deployed", "airflow": "deployed"},
        components=tuple(
            Component(each, "fleet.local/airflow:3.3.2", wanted, wanted, True)
            for each in ("api-server", "dag-processor", "scheduler", "triggerer")
        ),
    )


def _changed(instance: ObservedInstance, facts: dict[str, Any]) -> ObservedInstance:
    if facts.get("namespace") == "gone":
        instance = replace(instance, created=None, secrets=frozenset(), releases={}, components=())
    gone = set(facts.get("secrets_gone", ()))
    instance = replace(
        instance, secrets=instance.secrets - gone, releases={**instance.releases, **facts.get("releases", {})}
    )
    if "ready" in facts:
        down = facts["ready"]
        components = tuple(
            replace(each, ready=down.get(each.name, each.ready), settled=each.name not in down)
            for each in instance.components
        )
        instance = replace(instance, components=components)
    if facts.get("applied_parts") is not None and instance.record:
        kept = {part: instance.record.parts[part] for part in facts["applied_parts"]}
        instance = replace(instance, record=replace(instance.record, parts=kept))
    return instance


def _answer(case: Path) -> str:
    world = yaml.safe_load((case / "world.yaml").read_text()) if (case / "world.yaml").exists() else {}
    wanted = desired(case / "after.yaml", world.get("rotated"), **world.get("contents", {}))
    found = observed(case / "before.yaml", world)
    made = plan(diff(wanted, found), frozenset(world.get("only", ())))
    status = render(status_rows(wanted, found, NOW), ("instance", "state", "version", "database", "age"), "table")
    return f"{plan_text(made)}\n\n{status}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda path: str(path.name))
def test_plan(case: Path) -> None:
    assert _answer(case) == (case / "plan.txt").read_text()


def test_there_are_cases() -> None:
    assert len(CASES) >= 10


@pytest.mark.parametrize(
    "case", [case for case in CASES if (case / "before.yaml").exists()], ids=lambda path: str(path.name)
)
def test_what_was_applied_needs_nothing(case: Path) -> None:
    before = case / "before.yaml"
    assert plan(diff(desired(before), observed(before, {}))).empty


if __name__ == "__main__":
    for each in CASES:
        (each / "plan.txt").write_text(_answer(each))
