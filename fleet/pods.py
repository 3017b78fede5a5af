"""An instance's pods: takes a cluster and a name, gives their states and what they say, never touches one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime

from fleet.desired import naming
from fleet.drivers.kubernetes import Cluster, Manifest, core
from fleet.report import Row, duration


async def pod_rows(cluster: Cluster, instance: str, now: datetime) -> list[Row]:
    """One row per pod: name, component, state, restarts, age."""
    return [_row(pod, now) for pod in await _pods(cluster, instance, None)]


async def _pods(cluster: Cluster, instance: str, component: str | None) -> list[Manifest]:
    labels = "tier=airflow" + (f",component={component}" if component else "")
    pods = await cluster.list(core("pods", naming.namespace(instance)), labels=labels)
    return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))


def _row(pod: Manifest, now: datetime) -> Row:
    status, containers = pod["status"], pod["status"].get("containerStatuses", [])
    waiting = [reason for each in containers if (reason := each.get("state", {}).get("waiting", {}).get("reason"))]
    ready = sum(bool(each.get("ready")) for each in containers)
    return {
        "pod": pod["metadata"]["name"],
        "component": pod["metadata"]["labels"].get("component", "-"),
        "state": waiting[0]
        if waiting
        else f"{status.get('phase', 'Unknown')} {ready}/{len(pod['spec']['containers'])}",
        "restarts": sum(int(each.get("restartCount", 0)) for each in containers),
        "age": duration(now - datetime.fromisoformat(pod["metadata"]["creationTimestamp"])),
    }


async def log_lines(
    cluster: Cluster, instance: str, component: str | None, tail: int, follow: bool
) -> AsyncIterator[str]:
    """What all containers of an instance's pods say, as `pod/container: line`; followed ones mixed as they come."""
    lines: asyncio.Queue[str | None] = asyncio.Queue(maxsize=1000)
    sources = [
        (pod["metadata"]["name"], container["name"])
        for pod in await _pods(cluster, instance, component)
        for container in pod["spec"]["containers"]
    ]
    if not follow:
        for pod, container in sources:
            for line in await _said(cluster, instance, pod, container, tail):
                yield line
        return
    readers = [
        asyncio.create_task(_follow(cluster, instance, pod, container, tail, lines)) for pod, container in sources
    ]
    try:
        ended = 0
        while ended < len(readers):
            next_line = await lines.get()
            if next_line is None:
                ended += 1
            else:
                yield next_line
    finally:
        for reader in readers:
            reader.cancel()


def _log(instance: str, pod: str) -> str:
    return core("pods", naming.namespace(instance), pod) + "/log"


async def _said(cluster: Cluster, instance: str, pod: str, container: str, tail: int) -> list[str]:
    from fleet.drivers.kubernetes import ApiError

    with suppress(ApiError):  # a container that has not started has said nothing
        text = await cluster.text(_log(instance, pod), container=container, tailLines=str(tail))
        return [f"{pod}/{container}: {line}" for line in text.splitlines()]
    return []


async def _follow(
    cluster: Cluster, instance: str, pod: str, container: str, tail: int, lines: asyncio.Queue[str | None]
) -> None:
    query = {"container": container, "tailLines": str(tail), "follow": "true"}
    async for line in cluster.follow(_log(instance, pod), **query):
        await lines.put(f"{pod}/{container}: {line}")
    await lines.put(None)
