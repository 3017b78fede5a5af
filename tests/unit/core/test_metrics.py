"""What Prometheus reads, read by Prometheus' own parser."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from fleet import metrics
from fleet.diff import Change, Difference
from fleet.report import Row

ROWS: list[Row] = [
    {"instance": "marketing", "state": "healthy", "version": "3.3.2", "owner": 'the "best"\n\\team', "age": "3s"},
    {
        "instance": "finance",
        "state": "not ready: scheduler 0/1",
        "version": "3.2.2",
        "owner": "f@example.com",
        "age": "3s",
    },
    {"instance": "gone", "state": "orphan: not in the inventory", "version": "-", "owner": "-", "age": "3s"},
]
DIFFERENCE = Difference(
    (Change("finance", "airflow", "update", ("size",)), Change("finance", "guardrails", "update", ("size",))), ("gone",)
)


def _samples(text: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("instance", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_instance_and_the_fleet() -> None:
    assert _samples(metrics.text(ROWS, DIFFERENCE)) == {
        ("fleet_instance_fine", "marketing"): 1,
        ("fleet_instance_fine", "finance"): 0,
        ("fleet_instance_fine", "gone"): 0,
        ("fleet_instance_info", "marketing"): 1,
        ("fleet_instance_info", "finance"): 1,
        ("fleet_instance_info", "gone"): 1,
        ("fleet_instance_changes", "marketing"): 0,
        ("fleet_instance_changes", "finance"): 2,
        ("fleet_orphans", ""): 1,
    }


def test_labels_survive_any_character() -> None:
    families = text_string_to_metric_families(metrics.text(ROWS, DIFFERENCE))
    (info,) = [family for family in families if family.name == metrics.INFO.name]
    assert [sample.labels["owner"] for sample in info.samples if sample.labels["instance"] == "marketing"] == [
        'the "best"\n\\team'
    ]


def test_an_empty_fleet_has_no_orphans() -> None:
    assert _samples(metrics.text([], Difference((), ()))) == {("fleet_orphans", ""): 0}
