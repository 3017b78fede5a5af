"""What the attempts are made on: takes a cluster, gives each team's live pod templates, policies and rights, never judges them.

One LIST per kind over all namespaces, whatever the number of teams.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from fleet.desired import Desired, DesiredInstance, naming, signon
from fleet.doctor.cluster import network_plugin
from fleet.drivers.kubernetes import Cluster, Manifest, core, group
from fleet.model import Executor, Manager
from fleet.verify.attempts import ATTEMPTS
from fleet.verify.matrix import Try

_POD_TEMPLATE = "pod_template_file.yaml"


@dataclass(frozen=True)
class Team:
    """One instance as it stands."""

    desired: DesiredInstance
    executor: Executor
    namespace_labels: Mapping[str, str]
    scheduler: Manifest | None  # the pod template of its Deployment or StatefulSet
    worker: Manifest | None  # what the executor makes of a task
    addresses: tuple[str, ...]  # of its pods
    log_servers: tuple[str, ...]  # of those that serve logs

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.desired.name

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.desired.namespace

    @property
    def manager(self) -> Manager:
        """Its auth manager."""
        return signon.manager(self.desired.parts["terraform"]["variables"])


@dataclass(frozen=True)
class Scene:
    """A fleet as it stands, as far as walls go."""

    teams: Mapping[str, Team]
    plugin: str  # the network plug-in that enforces policies; empty where none is known to
    policies: Sequence[Manifest]
    bindings: Sequence[Manifest]  # RoleBindings and ClusterRoleBindings
    roles: Sequence[Manifest]  # Roles and ClusterRoles

    def others(self, team: str) -> list[Team]:
        """All teams but one."""
        return [each for name, each in self.teams.items() if name != team]


def expected(scene: Scene, team: Team) -> Iterator[Try]:
    """Every try that a team is to make, in the order of the attempts."""
    for attempt in ATTEMPTS:
        if attempt.executor not in (None, team.executor) or attempt.manager not in (None, team.manager):
            continue
        if not attempt.each:
            yield Try(attempt.id, team.name)
            continue
        for other in scene.others(team.name):
            if not (attempt.awake and other.desired.suspended):
                yield Try(attempt.id, team.name, other.name)


async def look(cluster: Cluster, desired: Desired) -> Scene:
    """Read it all once; instances that are not applied are left out."""
    marked = "tier=airflow,component=scheduler"  # an adopted one has no mark of fleet's
    rbac = "rbac.authorization.k8s.io/v1"
    found = await asyncio.gather(
        cluster.list(core("namespaces"), labels=naming.INSTANCE_LABEL, metadata_only=True),
        cluster.list(group("apps/v1", "deployments"), labels=marked),
        cluster.list(group("apps/v1", "statefulsets"), labels=marked),
        cluster.list(core("configmaps"), labels="tier=airflow,component=config"),
        cluster.list(core("pods"), labels="tier=airflow"),
        cluster.list(group("networking.k8s.io/v1", "networkpolicies")),
        *(cluster.list(group(rbac, kind)) for kind in ("rolebindings", "clusterrolebindings", "roles", "clusterroles")),
    )
    namespaces, deployments, stateful, configs, pods, policies, *rights = found
    labels = {each["metadata"]["name"]: each["metadata"].get("labels") or {} for each in namespaces}
    schedulers = {each["metadata"]["namespace"]: each["spec"]["template"] for each in [*deployments, *stateful]}
    teams = {
        name: _team(instance, labels[instance.namespace], schedulers, configs, pods)
        for name, instance in desired.instances.items()
        if instance.namespace in labels
    }
    return Scene(teams, await network_plugin(cluster), policies, [*rights[0], *rights[1]], [*rights[2], *rights[3]])


def _team(
    instance: DesiredInstance,
    labels: Mapping[str, str],
    schedulers: Mapping[str, Manifest],
    configs: Sequence[Manifest],
    pods: Sequence[Manifest],
) -> Team:
    mine = [pod for pod in pods if pod["metadata"]["namespace"] == instance.namespace and pod["status"].get("podIP")]
    return Team(
        desired=instance,
        executor=instance.parts["guardrails"]["values"]["executor"],
        namespace_labels=labels,
        scheduler=schedulers.get(instance.namespace),
        worker=_worker(instance.namespace, configs),
        addresses=tuple(pod["status"]["podIP"] for pod in mine),
        log_servers=tuple(
            pod["status"]["podIP"] for pod in mine if pod["metadata"]["labels"]["component"] == "triggerer"
        ),
    )


def _worker(namespace: str, configs: Sequence[Manifest]) -> Manifest | None:
    for each in configs:
        text = (each.get("data") or {}).get(_POD_TEMPLATE)
        if each["metadata"]["namespace"] == namespace and text:
            template: dict[str, Any] = yaml.safe_load(text)
            return template
    return None
