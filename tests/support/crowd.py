"""A fleet of any size in an API server of its own: what a faultless `apply` would have left, made directly through the API.

The teams are suspended: every object is there, and no pod would run even if there were controllers.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from fleet import inventory
from fleet.cli.common import desired as desired_of
from fleet.desired import Desired, DesiredInstance, naming, secrets
from fleet.diff import PLATFORM, PORTAL
from fleet.drivers.kubernetes import Cluster, core, group
from fleet.record import PLATFORM as PLATFORM_KIND
from fleet.record import Record, to_config_map
from tests.support.api_server import CONTEXT, ApiServer

_COMPONENTS = ("api-server", "dag-processor", "scheduler", "triggerer")
_AT_ONCE = 8
_THEN = "2026-01-01T00:00:00+00:00"


def name(number: int) -> str:
    """Name of a team of the crowd."""
    return f"scale-{number:03d}"


def write_inventory(path: Path, example: Path, count: int, *more: str) -> Path:
    """An inventory with the platform of ``example`` and ``count`` suspended teams, and some more."""
    entries = yaml.safe_load(example.read_text())
    # A dictionary each: YAML would write one that is shared as an alias.
    entries["teams"] = {
        each: {"owner": "scale@example.com", "suspended": True} for each in (*map(name, range(count)), *more)
    }
    entries.pop("waves", None)
    path.write_text(yaml.safe_dump(entries))
    return path


def populate(server: ApiServer, path: Path) -> None:
    """Make every object of the inventory's teams that is not there yet, and the records that say so."""
    wanted = desired_of(inventory.load(path))
    with connected(server) as cluster:
        asyncio.run(_populate(cluster, wanted))


@contextmanager
def connected(server: ApiServer) -> Iterator[Cluster]:
    """A connection from this process, whose own sandbox is another."""
    with patch.dict(os.environ, {"XDG_STATE_HOME": str(server.home)}):
        yield Cluster(CONTEXT)


async def _populate(cluster: Cluster, wanted: Desired) -> None:
    await cluster.create(core("namespaces"), _namespace(naming.SYSTEM_NAMESPACE))
    platform = Record(PLATFORM).with_part(PLATFORM, wanted.platform, _THEN)
    objects = []
    if wanted.portal is not None:
        platform = platform.with_part(PORTAL, wanted.portal, _THEN)
        objects.append((core("secrets", naming.SYSTEM_NAMESPACE), _release(naming.PLATFORM_RELEASE)))
    objects.append((core("configmaps", naming.SYSTEM_NAMESPACE), to_config_map(platform, PLATFORM_KIND)))
    for instance in wanted.instances.values():
        # The namespace first: all else lies in it.
        await cluster.create(core("namespaces"), _namespace(instance.namespace, instance.name))
        objects += _objects(instance)
    room = asyncio.Semaphore(_AT_ONCE)

    async def make(path: str, manifest: dict[str, Any]) -> None:
        async with room:
            await cluster.create(path, manifest)

    await asyncio.gather(*(make(*each) for each in objects))


def _objects(instance: DesiredInstance) -> list[tuple[str, dict[str, Any]]]:
    record = Record(instance.name)
    for part, inputs in instance.parts.items():
        record = record.with_part(part, inputs, _THEN)
    system, own = naming.SYSTEM_NAMESPACE, instance.namespace
    return [
        (core("configmaps", system), to_config_map(record)),
        (core("secrets", system), _secret(naming.keys_secret(instance.name), instance.name)),
        (core("secrets", system), _release(naming.guardrails_release(instance.name))),
        (core("secrets", own), _release(naming.AIRFLOW_RELEASE)),
        *((core("secrets", own), _secret(each, instance.name)) for each in secrets.NAMES),
        *((group("apps/v1", "deployments", own), _deployment(each, instance)) for each in _COMPONENTS),
    ]


def _namespace(name: str, instance: str = "") -> dict[str, Any]:
    labels = {naming.INSTANCE_LABEL: instance} if instance else {}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _secret(name: str, instance: str) -> dict[str, Any]:
    labels = {naming.INSTANCE_LABEL: instance}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels}}


def _release(release: str) -> dict[str, Any]:
    labels = {"owner": "helm", "name": release, "status": "deployed", "version": "1"}
    metadata = {"name": f"sh.helm.release.v1.{release}.v1", "labels": labels}
    # About as large as a release of the chart `airflow`.
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"release": "x" * 20_000}}


def _deployment(component: str, instance: DesiredInstance) -> dict[str, Any]:
    labels = {"tier": "airflow", "component": component, "release": "airflow", naming.INSTANCE_LABEL: instance.name}
    environment = [{"name": f"AIRFLOW__SECTION__KEY_{number}", "value": "some value"} for number in range(25)]
    container = {"name": component, "image": f"fleet.local/airflow:{instance.version}", "env": environment}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"airflow-{component}", "labels": labels},
        "spec": {
            "replicas": 0, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }  # fmt: skip


def complete_jobs(cluster: Cluster, namespace: str) -> None:
    """Stand for the Job controller and the node: call every Job of a namespace complete."""
    at = "2026-01-01T00:00:00Z"
    done = [{"type": kind, "status": "True", "lastTransitionTime": at} for kind in ("SuccessCriteriaMet", "Complete")]
    status = {"startTime": at, "completionTime": at, "succeeded": 1, "conditions": done}
    asyncio.run(_complete(cluster, namespace, {"status": status}))


async def _complete(cluster: Cluster, namespace: str, change: dict[str, Any]) -> None:
    for job in await cluster.list(group("batch/v1", "jobs", namespace)):
        if not job.get("status", {}).get("completionTime"):
            path = group("batch/v1", "jobs", namespace, job["metadata"]["name"])
            await cluster.patch(f"{path}/status", change)
