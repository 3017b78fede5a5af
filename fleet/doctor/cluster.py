"""The cluster: takes a connection, gives findings on what fleet needs there, never changes anything (one dry run is all)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable

from fleet.desired import naming
from fleet.doctor.finding import Finding, guarded
from fleet.drivers import tools
from fleet.drivers.kubernetes import ApiError, Cluster, Manifest, core, group
from fleet.errors import FleetError

# Pod Security admission became stable: https://kubernetes.io/docs/concepts/security/pod-security-admission/
MINIMUM = (1, 25)
_AT_ONCE = 8

# What fleet does itself or has Helm do: (API group, resource, verbs); in all namespaces.
RIGHTS: tuple[tuple[str, str, str], ...] = (
    ("", "namespaces", "list create delete patch"),
    ("", "nodes", "list"),
    ("", "configmaps", "list create patch delete"),
    ("", "secrets", "list create patch delete"),
    ("", "services", "create patch delete"),
    ("", "services/proxy", "get"),
    ("", "serviceaccounts", "create patch delete"),
    ("", "resourcequotas", "create patch delete"),
    ("", "limitranges", "create patch delete"),
    ("", "pods", "list create"),
    ("", "pods/log", "get"),
    ("", "events", "list"),
    ("apps", "daemonsets", "list"),
    ("apps", "deployments", "list create patch delete"),
    ("apps", "statefulsets", "list create patch delete"),
    ("batch", "jobs", "list create delete"),
    ("coordination.k8s.io", "leases", "get list create update delete"),
    ("networking.k8s.io", "ingressclasses", "list"),
    ("networking.k8s.io", "ingresses", "create patch delete"),
    ("networking.k8s.io", "networkpolicies", "list create patch delete"),
    ("policy", "poddisruptionbudgets", "create patch delete"),
    ("rbac.authorization.k8s.io", "roles", "list create patch delete escalate"),
    ("rbac.authorization.k8s.io", "rolebindings", "list create patch delete"),
    ("rbac.authorization.k8s.io", "clusterroles", "list"),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "list"),
)

# DaemonSets of network plug-ins that enforce NetworkPolicy, by name.
_ENFORCING = (
    "calico-node",
    "cilium",
    "anetd",
    "antrea-agent",
    "kube-router",
    "weave-net",
    "azure-npm",
    "canal",
    "ovnkube-node",
)


async def examine(cluster: Cluster) -> list[Finding]:
    """Version, nodes, rights, Pod Security, network; only that the API server is away, if it is."""
    try:
        first = _version(json.loads(await cluster.text("/version")))
    except FleetError as error:
        return [Finding("cluster", "api server", "fail", str(error), error.hint)]
    looks = {
        "nodes": lambda: _nodes(cluster),
        "rights": lambda: _rights(cluster),
        "pod security": lambda: _pod_security(cluster),
        "network policies": lambda: _network(cluster),
    }
    found = await asyncio.gather(*(guarded("cluster", name, look) for name, look in looks.items()))
    return [first, *(finding for findings in found for finding in findings)]


def _version(said: Manifest) -> Finding:
    numbers = tuple(int(re.sub(r"\D", "", str(said[key]))) for key in ("major", "minor"))
    if numbers < MINIMUM:
        least = ".".join(map(str, MINIMUM))
        return Finding(
            "cluster", "api server", "fail", f"{said['gitVersion']}; {least} is needed", "upgrade the cluster"
        )
    return Finding("cluster", "api server", "ok", str(said["gitVersion"]))


async def _nodes(cluster: Cluster) -> list[Finding]:
    manifests = await cluster.list(core("nodes"))
    ill = [each["metadata"]["name"] for each in manifests if not _ready(each)]
    if not manifests or len(ill) == len(manifests):
        return [Finding("cluster", "nodes", "fail", "no node is ready", "kubectl describe nodes")]
    if ill:
        what = f"{len(ill)} of {len(manifests)} are not ready: {', '.join(ill[:5])}{' …' if len(ill) > 5 else ''}"
        return [Finding("cluster", "nodes", "warn", what, f"kubectl describe node {ill[0]}")]
    return [Finding("cluster", "nodes", "ok", f"{len(manifests)} ready")]


def _ready(node: Manifest) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", ()))


async def _rights(cluster: Cluster) -> list[Finding]:
    """One SelfSubjectAccessReview per right, a few at a time."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def lacks(api: str, resource: str, verb: str) -> str:
        async with room:
            return "" if await _may(cluster, api, resource, verb) else f"{verb} {resource}"

    wanted = [(api, resource, verb) for api, resource, verbs in RIGHTS for verb in verbs.split()]
    missing = list(filter(None, await asyncio.gather(*(lacks(*each) for each in wanted))))
    if missing:
        mend = (
            "kubectl create clusterrolebinding fleet --clusterrole=cluster-admin --user=YOU (or a role with just these)"
        )
        return [Finding("cluster", "rights", "fail", f"may not {', '.join(missing)}", mend)]
    return [Finding("cluster", "rights", "ok", f"all {len(wanted)} that fleet uses")]


async def _may(cluster: Cluster, api: str, resource: str, verb: str) -> bool:
    resource, _, part = resource.partition("/")
    asked = {"group": api, "resource": resource, "verb": verb, **({"subresource": part} if part else {})}
    answer = await cluster.ask(
        group("authorization.k8s.io/v1", "selfsubjectaccessreviews"),
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        },
    )
    return bool(answer["status"]["allowed"])


async def _pod_security(cluster: Cluster) -> list[Finding]:
    """The admission plug-in checks its own labels: a level that does not exist is refused where it is at work."""
    labels = {"pod-security.kubernetes.io/enforce": "no-such-level"}
    probe = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fleet-doctor", "labels": labels}}
    try:
        await cluster.create(core("namespaces"), probe, dry_run=True)
    except ApiError as error:
        if error.status == 422:
            return [Finding("cluster", "pod security", "ok", "enforced by the API server")]
        raise
    mend = "enable the admission plug-in PodSecurity of the API server"
    return [Finding("cluster", "pod security", "fail", "not enforced: a team's pods could do anything", mend)]


async def _network(cluster: Cluster) -> list[Finding]:
    if cluster.context == tools.SANDBOX_CONTEXT:
        what = "the sandbox's network does not enforce them: it shows the policies, and is no wall between teams"
        return [Finding("cluster", "network policies", "warn", what, "in production take a network plug-in that does")]
    if by := await network_plugin(cluster):
        return [Finding("cluster", "network policies", "ok", f"enforced by {by}")]
    what = "no network plug-in that is known to enforce them: teams may reach each other"
    return [
        Finding(
            "cluster", "network policies", "warn", what, "install one, such as Calico or Cilium; on GKE Dataplane V2"
        )
    ]


async def network_plugin(cluster: Cluster) -> str:
    """The network plug-in that enforces NetworkPolicy; empty where none is known to."""
    return enforcing(
        each["metadata"]["name"] for each in await cluster.list(group("apps/v1", "daemonsets"), metadata_only=True)
    )


def enforcing(daemon_sets: Iterable[str]) -> str:
    """The network plug-in among some DaemonSets' names that enforces NetworkPolicy; empty where there is none."""
    return next((name for name in daemon_sets if name.startswith(_ENFORCING)), "")


async def system_namespace(cluster: Cluster) -> list[Finding]:
    """Where fleet keeps its records."""
    if await cluster.get(core("namespaces", name=naming.SYSTEM_NAMESPACE)):
        return [Finding("platform", "namespace", "ok", naming.SYSTEM_NAMESPACE)]
    mend = f"kubectl create namespace {naming.SYSTEM_NAMESPACE}"
    return [Finding("platform", "namespace", "fail", f"there is no {naming.SYSTEM_NAMESPACE}", mend)]
