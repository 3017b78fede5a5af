"""Makes the attempts from inside: takes a team, gives what its pods said, leaves no Job behind."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from fleet.desired import naming
from fleet.drivers.kubernetes import Cluster, Manifest, core, group
from fleet.errors import FleetError
from fleet.model import Platform
from fleet.verify.attempts import BY_ID
from fleet.verify.job import DEADLINE_SECONDS, LABEL, Inside, job
from fleet.verify.matrix import Cell, Try, cell
from fleet.verify.probe import MARK
from fleet.verify.scene import Scene, Team, expected

_PAUSE_SECONDS = 0.5
_GONE_SECONDS = 120.0


async def attempts(scene: Scene, team: Team, platform: Platform, cluster: Cluster) -> list[Cell]:
    """All attempts from a task's pod, then those from Airflow's: a quota may have room for one pod more, and not for two."""
    # With the LocalExecutor a task runs inside the scheduler: its pod is the scheduler's.
    task = team.worker if team.executor == "KubernetesExecutor" else team.scheduler
    first = await _made(scene, team, "task", task, platform, cluster)
    return first + await _made(scene, team, "airflow", team.scheduler, platform, cluster)


async def _made(
    scene: Scene, team: Team, inside: Inside, template: Manifest | None, platform: Platform, cluster: Cluster
) -> list[Cell]:
    """What one Job's log says; where there is no log, why not, for each attempt that it was to make."""
    if template is None:
        return _none(scene, team, inside, "no Airflow is installed there")
    try:
        log = await _run(cluster, job(team.name, inside, template, orders(scene, team, inside, platform)))
    except FleetError as error:
        return _none(scene, team, inside, str(error))
    return list(read(log, team.name))


def _none(scene: Scene, team: Team, inside: Inside, why: str) -> list[Cell]:
    return [cell(each, "unknown", why) for each in expected(scene, team) if BY_ID[each.attempt].place == inside]


def orders(scene: Scene, team: Team, inside: Inside, platform: Platform) -> dict[str, Any]:
    """What the probes are told; no secret is in it: keys they find in their own environment or not at all."""
    return {
        "place": inside,
        "team": place(team),
        "others": [place(other) for other in scene.others(team.name)],
        "enforced": bool(scene.plugin),
        "workload_identity": platform.cloud == "gcp",
    }


def place(team: Team) -> dict[str, Any]:
    """Where one team's things are."""
    prefix = urlsplit(team.desired.url).path.rstrip("/")
    return {
        "name": team.name,
        "namespace": team.namespace,
        "database": team.desired.database,
        "role": team.desired.database,
        # In the cluster, whatever the scheme of the front's URLs: a network policy is no reason to go round.
        "airflow": f"http://{naming.API_SERVER}.{team.namespace}.svc:{naming.API_PORT}{prefix}",
        "audience": naming.client_id(team.name),
        "issuer": team.desired.url,
        "log_servers": list(team.log_servers),
    }


async def _run(cluster: Cluster, manifest: Manifest) -> str:
    """Run a Job to its end and give its log; it is gone afterwards, whatever happens.

    Raises:
        FleetError: it could not start, or did not end in time.
    """
    namespace, labels = manifest["metadata"]["namespace"], manifest["metadata"]["labels"]
    name = manifest["metadata"]["name"]
    path = group("batch/v1", "jobs", namespace, name)
    await cluster.create(group("batch/v1", "jobs", namespace), manifest)
    try:
        pod = await _ended(cluster, namespace, name)
        return await cluster.text(f"{core('pods', namespace, pod)}/log")
    finally:
        await asyncio.shield(_gone(cluster, namespace, path, labels[LABEL]))


async def _ended(cluster: Cluster, namespace: str, name: str) -> str:
    """Name of the Job's pod, once that has ended."""
    end = time.monotonic() + DEADLINE_SECONDS
    said = "no pod was started"
    while time.monotonic() < end:
        pods = await cluster.list(core("pods", namespace), labels=f"batch.kubernetes.io/job-name={name}")
        for pod in pods:
            if pod["status"].get("phase") in ("Succeeded", "Failed"):
                return str(pod["metadata"]["name"])
            said = f"its pod is {pod['status'].get('phase')}{_why(pod)}"
        if not pods:
            said = await _refusal(cluster, namespace, name) or said
            if "forbidden" in said:
                break
        await asyncio.sleep(_PAUSE_SECONDS)
    raise FleetError(f"the Job {name} did not run: {said}")


def _why(pod: Manifest) -> str:
    for status in pod["status"].get("containerStatuses", []):
        if waiting := status.get("state", {}).get("waiting"):
            return f" ({waiting.get('reason')})"
    return ""


async def _refusal(cluster: Cluster, namespace: str, name: str) -> str:
    """Why the controller could not make the Job's pod."""
    events = await cluster.list(core("events", namespace))
    found = [each for each in events if each["involvedObject"].get("name") == name and each["reason"] == "FailedCreate"]
    return str(found[-1]["message"]) if found else ""


async def _gone(cluster: Cluster, namespace: str, path: str, inside: str) -> None:
    await cluster.delete(path)
    end = time.monotonic() + _GONE_SECONDS
    while time.monotonic() < end:
        if not await cluster.list(core("pods", namespace), labels=f"{LABEL}={inside}", metadata_only=True):
            return
        await asyncio.sleep(_PAUSE_SECONDS)


def read(log: str, team: str) -> Iterator[Cell]:
    """The outcomes among a log's lines; whatever else is in it is passed over."""
    for line in log.splitlines():
        said = _line(line)
        if said.get(MARK) in BY_ID and isinstance(said.get("against"), str):
            yield cell(Try(said[MARK], team, said["against"]), str(said.get("verdict")), str(said.get("how", "")))


def _line(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
