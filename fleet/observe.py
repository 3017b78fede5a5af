"""What is: takes a cluster, gives every instance as it stands, never changes and never judges.

One LIST per kind over all namespaces, whatever the number of instances; what Secrets hold is never read here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fleet.desired import naming
from fleet.desired.secrets import rotated
from fleet.drivers.kubernetes import Cluster, Manifest, core, group
from fleet.record import LABEL, PLATFORM, Record, from_config_map

# On a component that is held still: how many replicas it had.
PAUSED = "fleet/replicas-before-pause"


@dataclass(frozen=True)
class Component:
    """One Deployment or StatefulSet of an Airflow."""

    name: str  # official name of the component: api-server, scheduler, dag-processor, triggerer
    image: str
    wanted: int
    ready: int
    settled: bool  # every pod is of the newest revision and available, and no other is left
    paused: bool = False  # held still for a backup or a restore


@dataclass(frozen=True)
class ObservedInstance:
    """One instance as it stands. Every field is empty where there is nothing."""

    name: str
    record: Record | None = None
    created: datetime | None = None  # of the namespace
    terminating: bool = False
    has_keys: bool = False
    rotated: Mapping[str, int] = field(default_factory=dict)  # key → how often it was changed
    secrets: frozenset[str] = frozenset()
    releases: Mapping[str, str] = field(default_factory=dict)  # release → Helm's status: deployed, failed, pending-…
    components: tuple[Component, ...] = ()


@dataclass(frozen=True)
class Observed:
    """A whole fleet as it stands."""

    platform: Record | None
    instances: Mapping[str, ObservedInstance]
    portal: str | None = None  # Helm's status of its release
    drift: str | None = None  # likewise, of the look at drift


async def observe(cluster: Cluster) -> Observed:
    """Six LISTs.

    Raises:
        FleetError: the cluster does not answer, or a record cannot be read.
    """
    marked = naming.INSTANCE_LABEL
    records, namespaces, secrets, releases, deployments, stateful = await asyncio.gather(
        cluster.list(core("configmaps", naming.SYSTEM_NAMESPACE), labels=LABEL),
        cluster.list(core("namespaces"), labels=marked, metadata_only=True),
        cluster.list(core("secrets"), labels=f"{marked},owner!=helm", metadata_only=True),
        cluster.list(core("secrets"), labels="owner=helm,status!=superseded", metadata_only=True),
        cluster.list(group("apps/v1", "deployments"), labels="tier=airflow,component"),
        cluster.list(group("apps/v1", "statefulsets"), labels="tier=airflow,component"),
    )
    platform, found = _records(records)
    instances = {name: ObservedInstance(name, record=record) for name, record in found.items()}
    _note_namespaces(instances, namespaces)
    _note_secrets(instances, secrets)
    _note_releases(instances, releases)
    _note_components(instances, [*deployments, *stateful])
    shared = [_release(releases, name) for name in (naming.PLATFORM_RELEASE, naming.DRIFT_RELEASE)]
    return Observed(platform, instances, *shared)


def _records(manifests: Iterable[Manifest]) -> tuple[Record | None, dict[str, Record]]:
    platform, instances = None, {}
    for manifest in manifests:
        record = from_config_map(manifest)
        if manifest["metadata"]["labels"][LABEL] == PLATFORM:
            platform = record
        else:
            instances[record.name] = record
    return platform, instances


def _update(instances: dict[str, ObservedInstance], name: str, **facts: Any) -> None:
    instances[name] = replace(instances.get(name, ObservedInstance(name)), **facts)


def _note_namespaces(instances: dict[str, ObservedInstance], manifests: Iterable[Manifest]) -> None:
    for manifest in manifests:
        metadata = manifest["metadata"]
        _update(
            instances, metadata["labels"][naming.INSTANCE_LABEL],
            created=datetime.fromisoformat(metadata["creationTimestamp"]), terminating="deletionTimestamp" in metadata,
        )  # fmt: skip


def _note_secrets(instances: dict[str, ObservedInstance], manifests: Iterable[Manifest]) -> None:
    for manifest in manifests:
        metadata = manifest["metadata"]
        name = metadata["labels"][naming.INSTANCE_LABEL]
        if metadata["namespace"] == naming.SYSTEM_NAMESPACE:
            if metadata["name"] == naming.keys_secret(name):
                _update(instances, name, has_keys=True, rotated=rotated(metadata))
        elif metadata["namespace"] == naming.namespace(name):
            known = instances.get(name, ObservedInstance(name)).secrets
            _update(instances, name, secrets=known | {metadata["name"]})


def _note_releases(instances: dict[str, ObservedInstance], manifests: Iterable[Manifest]) -> None:
    # Helm keeps a release's revision in a Secret with these labels: https://helm.sh/docs/topics/advanced/#storage-backends
    prefix_namespace, prefix_release = naming.namespace(""), naming.guardrails_release("")
    for manifest in manifests:
        namespace, labels = manifest["metadata"]["namespace"], manifest["metadata"]["labels"]
        release = labels["name"]
        if namespace == naming.SYSTEM_NAMESPACE and release.startswith(prefix_release):
            name, part = release.removeprefix(prefix_release), "guardrails"
        elif namespace.startswith(prefix_namespace) and release == naming.AIRFLOW_RELEASE:
            name, part = namespace.removeprefix(prefix_namespace), "airflow"
        else:
            continue
        known = instances.get(name, ObservedInstance(name)).releases
        # A deployed revision and a newer failed or pending one stand side by side: the newer one is the state of things.
        if part not in known or known[part] == "deployed":
            _update(instances, name, releases={**known, part: labels["status"]})


def _release(manifests: Iterable[Manifest], name: str) -> str | None:
    """Status of a release of the platform's own; None where there is none."""
    own = [each["metadata"]["labels"] for each in manifests if each["metadata"]["namespace"] == naming.SYSTEM_NAMESPACE]
    found = {labels["status"] for labels in own if labels["name"] == name}
    return next(iter(sorted(found - {"deployed"})), "deployed" if found else None)


def _note_components(instances: dict[str, ObservedInstance], manifests: Iterable[Manifest]) -> None:
    # An adopted Airflow does not bear the mark: there the namespace tells.
    by_namespace = {naming.namespace(name): name for name in instances}
    for manifest in manifests:
        metadata = manifest["metadata"]
        name = metadata["labels"].get(naming.INSTANCE_LABEL) or by_namespace.get(metadata["namespace"])
        if name is None:  # an Airflow that is none of ours
            continue
        known = instances.get(name, ObservedInstance(name)).components
        found = sorted([*known, component(manifest)], key=lambda each: each.name)
        _update(instances, name, components=tuple(found))


def component(manifest: Manifest) -> Component:
    """A Deployment or StatefulSet, in short."""
    wanted = manifest["spec"].get("replicas", 1)
    return Component(
        name=manifest["metadata"]["labels"]["component"],
        image=manifest["spec"]["template"]["spec"]["containers"][0]["image"],
        wanted=wanted,
        ready=manifest.get("status", {}).get("readyReplicas", 0),
        paused=wanted == 0 and PAUSED in manifest["metadata"].get("annotations", {}),
        settled=settled(manifest),
    )


def settled(manifest: Manifest) -> bool:
    """Whether every pod is of the newest revision and ready, and no other is left."""
    status, wanted = manifest.get("status", {}), manifest["spec"].get("replicas", 1)
    counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")}
    return counts == {wanted} and status.get("observedGeneration", 0) >= manifest["metadata"]["generation"]
