"""Holds an instance's Airflow still: takes a cluster and a name, gives it stopped or as it was before, never changes a release.

How many replicas there were is kept on each object itself, so that whoever comes next, after whatever end, can start them.
"""

from __future__ import annotations

import asyncio
import time

from fleet.desired import naming
from fleet.drivers.kubernetes import Cluster, Manifest, core, group
from fleet.errors import FleetError
from fleet.observe import PAUSED

# Longer than the chart's terminationGracePeriodSeconds of any component.
_STOP_SECONDS = 300.0
# Airflow's components end within a few seconds, as a rule.
_END_SECONDS = 60.0
_KINDS = ("deployments", "statefulsets")
_LABELS = "tier=airflow,component"
# Those that may hold a connection to the database: a task's reaches the API server only.
_ALL_BUT_TASKS = f"{_LABELS},component!=worker"


async def stop(cluster: Cluster, instance: str) -> int:
    """Scale every component to zero and wait until its pods are gone; those of tasks go on, they reach no database.

    Returns:
        How many components were stopped.

    Raises:
        FleetError: pods are left after :data:`_STOP_SECONDS`.
    """
    stopped = 0
    for kind, manifest in await _components(cluster, instance):
        replicas = manifest["spec"].get("replicas", 1)
        if replicas:
            await _scale(cluster, kind, manifest, 0, str(replicas))
            stopped += 1
    if left := await _still_running(cluster, instance, _ALL_BUT_TASKS, _STOP_SECONDS):
        raise FleetError(f"pods do not stop: {', '.join(left)}", where=instance)
    return stopped


async def stop_all(cluster: Cluster, instance: str) -> int:
    """As :func:`stop`, and the pods of tasks are deleted: the database that is about to come knows nothing of them."""
    stopped = await stop(cluster, instance)
    await _end_tasks(cluster, instance)
    return stopped


async def start(cluster: Cluster, instance: str) -> int:
    """Scale every component that was stopped to what it was. Does not wait for the pods."""
    started = 0
    for kind, manifest in await _components(cluster, instance):
        before = manifest["metadata"].get("annotations", {}).get(PAUSED)
        if before is not None:
            # A release that was rolled meanwhile has said itself how many there are to be.
            replicas = manifest["spec"].get("replicas", 1) or int(before)
            await _scale(cluster, kind, manifest, replicas, None)
            started += 1
    return started


async def is_stopped(cluster: Cluster, instance: str) -> bool:
    """Whether no component is to run."""
    return all(manifest["spec"].get("replicas", 1) == 0 for _, manifest in await _components(cluster, instance))


async def _end_tasks(cluster: Cluster, instance: str) -> None:
    namespace = naming.namespace(instance)
    for pod in await cluster.list(core("pods", namespace), labels="component=worker", metadata_only=True):
        await cluster.delete(core("pods", namespace, pod["metadata"]["name"]))


async def _components(cluster: Cluster, instance: str) -> list[tuple[str, Manifest]]:
    namespace = naming.namespace(instance)
    return [
        (kind, manifest)
        for kind in _KINDS
        for manifest in await cluster.list(group("apps/v1", kind, namespace), labels=_LABELS)
    ]


async def _scale(cluster: Cluster, kind: str, manifest: Manifest, replicas: int, before: str | None) -> None:
    metadata = manifest["metadata"]
    path = group("apps/v1", kind, metadata["namespace"], metadata["name"])
    change = {"metadata": {"annotations": {PAUSED: before}}, "spec": {"replicas": replicas}}
    await cluster.patch(path, change)


async def let_end(cluster: Cluster, instance: str) -> None:
    """Wait for the pods of a release that was taken away, tasks included; those that take long are left to the namespace.

    A namespace that is deleted while pods end is looked at again only after half their longest grace period (Kubernetes,
    pkg/controller/namespace: ResourcesRemainingError), when they are long gone.
    """
    await _end_tasks(cluster, instance)
    await _still_running(cluster, instance, _LABELS, _END_SECONDS)


async def _still_running(cluster: Cluster, instance: str, labels: str, seconds: float) -> list[str]:
    """Wait until no such pod runs any more; those that do after so many seconds."""
    end = time.monotonic() + seconds
    while (left := await _running(cluster, instance, labels)) and time.monotonic() < end:
        await asyncio.sleep(0.5)
    return left


async def _running(cluster: Cluster, instance: str, labels: str) -> list[str]:
    """Pods that have not ended."""
    pods = await cluster.list(core("pods", naming.namespace(instance)), labels=labels)
    return [
        str(pod["metadata"]["name"])
        for pod in pods
        if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
    ]
