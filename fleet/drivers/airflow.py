"""Asks a running Airflow how it is: takes where it runs, gives its health, never signs in."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from fleet.drivers.kubernetes import Cluster, core
from fleet.errors import FleetError


@dataclass(frozen=True)
class Health:
    """What `/api/v2/monitor/health` said, component by component; empty where Airflow did not answer."""

    components: dict[str, str]  # metadatabase, scheduler, triggerer, dag_processor → healthy, unhealthy or absent

    @property
    def healthy(self) -> bool:
        """All components are there and healthy."""
        return bool(self.components) and all(status == "healthy" for status in self.components.values())

    def __str__(self) -> str:
        ill = [f"{name} is {status}" for name, status in self.components.items() if status != "healthy"]
        return ", ".join(ill) or ("healthy" if self.components else "no answer")


async def health(
    cluster: Cluster, namespace: str, service: str, port: int, prefix: str = "", without: Collection[str] = ()
) -> Health:
    """Health through the API server's Service proxy, so that it works wherever `kubectl` does.

    The endpoint answers 200 even when a component is unhealthy (facts of the design), so its answer is read.

    Args:
        prefix: path of the base URL.
        without: components that are not to run. Airflow tells of them all the same: absent, or unhealthy since they ended.
    """
    path = f"{core('services', namespace, f'http:{service}:{port}')}/proxy{prefix}/api/v2/monitor/health"
    try:
        answer = json.loads(await cluster.text(path))
        return Health({name: part.get("status") or "absent" for name, part in answer.items() if name not in without})
    except (FleetError, ValueError, AttributeError):
        return Health({})
