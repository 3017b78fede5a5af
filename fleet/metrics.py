"""The fleet in Prometheus' words: takes status rows and a difference, gives text, never reads the world.

Names and units follow https://prometheus.io/docs/practices/naming/; the text is for a textfile collector or a push gateway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fleet.diff import Difference
from fleet.report import Row, is_fine


@dataclass(frozen=True)
class Metric:
    """One gauge: its name, the labels that it has, and what it says."""

    name: str
    labels: tuple[str, ...]
    meaning: str


FINE = Metric("fleet_instance_fine", ("instance",), "1 when the instance is as the inventory says, 0 when it is not.")
INFO = Metric(
    "fleet_instance_info",
    ("instance", "state", "version", "owner"),
    "Always 1; the labels say what `fleet status` shows of the instance.",
)
CHANGES = Metric(
    "fleet_instance_changes", ("instance",), "Number of changes that `fleet apply` would make to the instance now."
)
ORPHANS = Metric("fleet_orphans", (), "Number of instances in the cluster that no entry of the inventory explains.")
METRICS = (FINE, INFO, CHANGES, ORPHANS)


def text(rows: Sequence[Row], difference: Difference) -> str:
    """Every metric in the text format, ending with a line break.

    Args:
        rows: of `fleet status`, orphans included.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    gauges = {metric: Gauge(metric.name, metric.meaning, metric.labels, registry=registry) for metric in METRICS}
    changes = Counter(change.instance for change in difference.changes)
    for row in rows:
        name = str(row["instance"])
        gauges[FINE].labels(name).set(is_fine(row))
        gauges[INFO].labels(*(str(row[label]) for label in INFO.labels)).set(1)
        if name not in difference.orphans:
            gauges[CHANGES].labels(name).set(changes[name])
    gauges[ORPHANS].set(len(difference.orphans))
    return generate_latest(registry).decode()
