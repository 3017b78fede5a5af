"""Waits for the cluster: takes what should come about, gives nothing when it has, says why when it does not, never mends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

from fleet.desired import DesiredInstance, naming
from fleet.drivers import airflow
from fleet.drivers.kubernetes import Cluster, Manifest, core, group
from fleet.errors import FleetError
from fleet.observe import component, settled

# A cold Airflow on a busy machine: image pulled, four components started, first heartbeats.
HEALTHY_SECONDS = 600.0
JOB_SECONDS = 900.0
# A small server, on a node that has to fetch its image first.
ROLLED_SECONDS = 180.0
# Pods get 60 s at most to end by themselves, Airflow's included.
GONE_SECONDS = 240.0
# A helm upgrade without --wait takes a second or two.
PENDING_SECONDS = 10.0
_PAUSE_SECONDS = 1.0
_BEGINNING = ("ContainerCreating", "PodInitializing")  # what a container waits for that is on its way


async def wait_until_healthy(cluster: Cluster, instance: DesiredInstance, seconds: float = HEALTHY_SECONDS) -> None:
    """Until every component runs at its newest revision and Airflow's own health endpoint calls all of them healthy.

    Raises:
        FleetError: not within ``seconds``.
    """
    said = ""
    async for _ in _until(seconds):
        said = await _unhealthy(cluster, instance)
        if not said:
            return
    raise FleetError(
        f"not healthy after {seconds:.0f} s: {said}", where=instance.name,
        hint=f"`fleet status {instance.name}` shows its pods, `fleet logs {instance.name}` what they say",
    )  # fmt: skip


async def _unhealthy(cluster: Cluster, instance: DesiredInstance) -> str:
    """Why it is not healthy; empty when it is."""
    labels = "tier=airflow,component"
    found = [
        component(manifest)
        for kind in ("deployments", "statefulsets")
        for manifest in await cluster.list(group("apps/v1", kind, instance.namespace), labels=labels)
    ]
    if waiting := [each.name for each in found if not each.settled]:
        troubles = await pod_troubles(cluster, instance.namespace)
        return "; ".join(troubles) or f"still starting: {', '.join(waiting)}"
    prefix, off = urlsplit(instance.url).path, _switched_off(instance)
    health = await airflow.health(cluster, instance.namespace, naming.API_SERVER, naming.API_PORT, prefix, off)
    return "" if health.healthy else str(health)


def _switched_off(instance: DesiredInstance) -> tuple[str, ...]:
    """What it is to do without, by the names that Airflow's health has: a triggerer is all that an Airflow can do without."""
    triggerer = instance.parts["airflow"]["values"].get("triggerer", {})
    return () if triggerer.get("enabled", True) else ("triggerer",)


async def wait_until_rolled(cluster: Cluster, namespace: str, name: str) -> None:
    """Until a Deployment's pods are all of its newest revision, and ready; they have ``app.kubernetes.io/name: <name>``.

    Raises:
        FleetError: not within :data:`ROLLED_SECONDS`.
    """
    path = group("apps/v1", "deployments", namespace, name)
    async for _ in _until(ROLLED_SECONDS):
        found = await cluster.get(path)
        if found and settled(found):
            return
    troubles = await pod_troubles(cluster, namespace, f"app.kubernetes.io/name={name}")
    raise FleetError(
        f"{name} does not run after {ROLLED_SECONDS:.0f} s: {'; '.join(troubles) or 'its pods are not ready'}",
        hint=f"kubectl --namespace {namespace} logs deployment/{name}",
    )


async def pod_troubles(cluster: Cluster, namespace: str, labels: str = "tier=airflow") -> list[str]:
    """What keeps pods of a namespace from running, as `pod: reason`."""
    pods = await cluster.list(core("pods", namespace), labels=labels)
    return sorted({f"{pod['metadata']['name']}: {reason}" for pod in pods if (reason := _trouble(pod))})


def _trouble(pod: Manifest) -> str:
    for container in statuses(pod):
        reason = container.get("state", {}).get("waiting", {}).get("reason")
        if not container.get("ready") and reason not in _BEGINNING and (words := said(container)):
            return words
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message", "not scheduled"))
    return ""


def statuses(pod: Manifest) -> Iterator[Manifest]:
    """How its containers are, in the order in which they start."""
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses", [])
    yield from status.get("containerStatuses", [])


def said(status: Manifest) -> str:
    """What is wrong with a container; empty where it runs, and has not crashed before, or has ended well.

    Between two crashes it runs, too: a moment's look must not call that a start.
    """
    waiting, ended = status.get("state", {}).get("waiting"), status.get("state", {}).get("terminated")
    before = status.get("lastState", {}).get("terminated")
    message = " ".join((waiting or {}).get("message", "").split())
    parts = [f"waits: {waiting.get('reason')} {message}".strip()] if waiting else []
    for words, terminated in (("ended", ended), ("ended before", before)):
        if terminated and terminated.get("exitCode"):
            parts.append(f"{words} with exit code {terminated['exitCode']} ({terminated.get('reason')})")
    if parts and status.get("restartCount"):
        parts.append(f"{status['restartCount']} restarts")
    return ", ".join(parts)


async def wait_until_gone(cluster: Cluster, namespace: str) -> None:
    """Until a namespace and all in it are deleted.

    Raises:
        FleetError: not within :data:`GONE_SECONDS`; the API server's own reasons are in it.
    """
    reasons = ""
    async for _ in _until(GONE_SECONDS):
        found = await cluster.get(core("namespaces", name=namespace))
        if found is None:
            return
        conditions = found.get("status", {}).get("conditions", [])
        reasons = " ".join(each.get("message", "") for each in conditions if each["status"] == "True")
    raise FleetError(
        f"the namespace {namespace} is still Terminating after {GONE_SECONDS:.0f} s: {reasons or 'no reason given'}",
        hint="remove what holds it (a finalizer without its controller, mostly), then run the same command again",
    )


async def wait_while_terminating(cluster: Cluster, namespace: str) -> None:
    """Until a namespace is either there to stay or gone: nothing can be made in one that is being deleted.

    Raises:
        FleetError: as :func:`wait_until_gone`.
    """
    found = await cluster.get(core("namespaces", name=namespace))
    if found and "deletionTimestamp" in found["metadata"]:
        await wait_until_gone(cluster, namespace)


async def wait_while_pending(cluster: Cluster, namespace: str, release: str) -> bool:
    """Whether a release stays pending under the Lease: its fleet was killed, but its Helm may still be about to end."""
    labels = f"owner=helm,name={release},status in (pending-install,pending-upgrade,pending-rollback)"
    async for _ in _until(PENDING_SECONDS):
        if not await cluster.list(core("secrets", namespace), labels=labels, metadata_only=True):
            return False
    return True


async def wait_for_job(cluster: Cluster, namespace: str, name: str) -> None:
    """Until a Job has succeeded.

    Raises:
        FleetError: it failed, with the last words of its pod; or it did not end in time.
    """
    async for _ in _until(JOB_SECONDS):
        job = await cluster.get(group("batch/v1", "jobs", namespace, name)) or {}
        conditions = {
            each["type"]: each for each in job.get("status", {}).get("conditions", []) if each["status"] == "True"
        }
        if "Complete" in conditions:
            return
        if failed := conditions.get("Failed"):
            words = await _last_words(cluster, namespace, name)
            raise FleetError(f"the Job {name} failed: {failed.get('message', '')}", hint=f"its log ends: {words}")
    troubles = "; ".join(await pod_troubles(cluster, namespace))
    raise FleetError(f"the Job {name} did not end within {JOB_SECONDS:.0f} s", hint=troubles)


async def _last_words(cluster: Cluster, namespace: str, job: str) -> str:
    pods = await cluster.list(core("pods", namespace), labels=f"batch.kubernetes.io/job-name={job}")
    if not pods:
        return "(no pod was started)"
    newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    return (await cluster.text(f"{core('pods', namespace, newest['metadata']['name'])}/log", tailLines="5")).strip()


async def _until(seconds: float) -> AsyncIterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        await asyncio.sleep(_PAUSE_SECONDS)
