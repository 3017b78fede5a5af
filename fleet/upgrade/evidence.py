"""What went wrong in a namespace: takes a cluster, gives lines for a reader, never a password and never a judgement."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from fleet.drivers.kubernetes import Cluster, Manifest, core
from fleet.errors import FleetError
from fleet.wait import said, statuses

_EVENTS = 10
_TELLING = ("Pod", "ReplicaSet", "StatefulSet", "Job")  # a quota that is used up is told of what would make the pod
_CONTAINERS = 8
_LOG_LINES = 5
# A connection's address with a password in it. The password of another's making may hold any character but a space.
_PASSWORD = re.compile(r"://[^\s/:@]*:\S+@")


async def evidence(cluster: Cluster, namespace: str) -> list[str]:
    """Warnings about pods, the newest first; then each container that waits or has crashed, and its last words.

    Raises:
        FleetError: the cluster does not answer.
    """
    events, pods = await asyncio.gather(
        cluster.list(core("events", namespace)), cluster.list(core("pods", namespace), labels="tier=airflow")
    )
    lines = warnings(events)[:_EVENTS]
    troubled = [(pod, status) for pod in pods for status in statuses(pod) if said(status)]
    words = await asyncio.gather(*(_words(cluster, pod, status) for pod, status in troubled[:_CONTAINERS]))
    for (pod, status), log in zip(troubled, words, strict=False):
        lines += [f"{pod['metadata']['name']}/{status['name']}: {said(status)}", *(f"  {line}" for line in log)]
    if len(troubled) > _CONTAINERS:
        lines.append(f"and {len(troubled) - _CONTAINERS} more containers that wait or have crashed")
    return [masked(line) for line in lines]


def masked(text: str) -> str:
    """The text without the passwords of connections."""
    return _PASSWORD.sub("://***@", text)


def warnings(events: list[Manifest]) -> list[str]:
    """The warnings about pods and what makes them, the newest first, each once."""
    found = [
        each for each in events if each.get("type") == "Warning" and each["involvedObject"].get("kind") in _TELLING
    ]
    found.sort(key=_moment, reverse=True)
    lines = (f"{each['involvedObject']['name']}: {each.get('reason')}: {_line(each.get('message'))}" for each in found)
    return list(dict.fromkeys(lines))


def _moment(event: Manifest) -> str:
    """Of its last time: the API has two generations of events, and RFC 3339 sorts as text to the second."""
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(event.get("lastTimestamp") or series or event.get("eventTime") or event["metadata"]["creationTimestamp"])


def _line(message: str | None) -> str:
    return " ".join((message or "").split())


async def _words(cluster: Cluster, pod: Manifest, status: Manifest) -> list[str]:
    """Its last lines; those of the container before it too, where it was started again."""
    path = core("pods", pod["metadata"]["namespace"], pod["metadata"]["name"]) + "/log"
    lines = []
    for previous in ("true", "false") if status.get("restartCount") else ("false",):
        with suppress(FleetError):  # a container that never started has said nothing
            query = {"container": status["name"], "tailLines": str(_LOG_LINES), "previous": previous}
            lines += (await cluster.text(path, **query)).splitlines()
    return list(dict.fromkeys(line.rstrip() for line in lines if line.strip()))
