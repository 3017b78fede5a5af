"""Where objects of a kind are asked for: takes a cluster and kinds, gives all objects of each in one LIST, never one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from fleet.drift.finding import Unseen
from fleet.drift.helm.manifests import MANAGED_BY, Manifest
from fleet.drivers.kubernetes import ApiError, Cluster
from fleet.errors import FleetError


@dataclass(frozen=True)
class Resource:
    """A kind, as the API has it."""

    api: str  # `v1`, `apps/v1`
    kind: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """Of a collection, or of an object in it."""
        root = f"/api/{self.api}" if "/" not in self.api else f"/apis/{self.api}"
        within = ["namespaces", namespace] if namespace and self.namespaced else []
        return "/".join([root, *within, self.plural, *([name] if name else [])])


_CORE, _APPS, _BATCH, _RBAC, _NETWORK = (
    "v1",
    "apps/v1",
    "batch/v1",
    "rbac.authorization.k8s.io/v1",
    "networking.k8s.io/v1",
)
NAMESPACE = Resource(_CORE, "Namespace", "namespaces", namespaced=False)
NETWORK_POLICY = Resource(_NETWORK, "NetworkPolicy", "networkpolicies")
ROLE_BINDING = Resource(_RBAC, "RoleBinding", "rolebindings")
CLUSTER_ROLE_BINDING = Resource(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False)
RESOURCE_QUOTA = Resource(_CORE, "ResourceQuota", "resourcequotas")
LIMIT_RANGE = Resource(_CORE, "LimitRange", "limitranges")
AUTOSCALER = Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
# Read whole, whoever made them: what nobody declared counts too.
GUARDS = (
    NAMESPACE, NETWORK_POLICY, ROLE_BINDING, CLUSTER_ROLE_BINDING, RESOURCE_QUOTA, LIMIT_RANGE, AUTOSCALER,
)  # fmt: skip
# What the charts make; any other kind is looked up in the API server's own list.
_KNOWN = (
    *GUARDS,
    Resource(_CORE, "ConfigMap", "configmaps"), Resource(_CORE, "Secret", "secrets"), Resource(_CORE, "Service", "services"),
    Resource(_CORE, "ServiceAccount", "serviceaccounts"),
    Resource(_CORE, "PersistentVolumeClaim", "persistentvolumeclaims"),
    Resource(_APPS, "Deployment", "deployments"), Resource(_APPS, "StatefulSet", "statefulsets"),
    Resource(_APPS, "DaemonSet", "daemonsets"),
    Resource(_BATCH, "Job", "jobs"), Resource(_BATCH, "CronJob", "cronjobs"),
    Resource(_RBAC, "Role", "roles"), Resource(_RBAC, "ClusterRole", "clusterroles", namespaced=False),
    Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Resource(_NETWORK, "Ingress", "ingresses"),
    Resource("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes"),
)  # fmt: skip
_BY_KIND = {(each.api, each.kind): each for each in _KNOWN}


class Live:
    """The cluster's objects, kind by kind, each kind asked for once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known = dict(_BY_KIND)
        self._objects: dict[Resource, dict[tuple[str, str], Manifest]] = {}
        self._whole: set[Resource] = set()
        self._blind: set[Resource] = set()
        self.unseen: list[Unseen] = []

    async def resolve(self, kinds: Iterable[tuple[str, str]]) -> None:
        """Learn where kinds are that this module does not know: a request per API group of such."""
        unknown = {each for each in kinds if each not in self._known}
        apis = sorted({api for api, _ in unknown})
        answered = await asyncio.gather(*(self._discover(api) for api in apis))
        asked = {api for api, answer in zip(apis, answered, strict=True) if answer}
        for api, kind in sorted(unknown - self._known.keys()):
            if api in asked:
                what = f"{kind}: the API server serves no such thing of {api}"
                self.unseen.append(Unseen("helm", what, "has its CustomResourceDefinition been deleted?"))

    async def _discover(self, api: str) -> bool:
        """Whether the API server answered."""
        try:
            found = await self._cluster.get(f"/api/{api}" if "/" not in api else f"/apis/{api}")
        except FleetError as error:
            self.unseen.append(Unseen("helm", f"{api}: {error}", error.hint))
            return False
        for each in (found or {}).get("resources", []):
            if "/" not in each["name"]:  # no subresource
                self._known[api, each["kind"]] = Resource(api, each["kind"], each["name"], each["namespaced"])
        return True

    def of(self, manifest: Manifest) -> Resource | None:
        """The resource of an object; None where the API server serves none."""
        return self._known.get((manifest["apiVersion"], manifest["kind"]))

    async def read(self, resources: Collection[Resource], *, whole: bool = False) -> None:
        """LIST each of them: of the guards, or with ``whole`` of any, every object; else those that Helm made."""
        wanted = sorted(set(resources) - self._whole, key=lambda each: (each.api, each.kind))
        await asyncio.gather(*(self._list(each, whole or each in GUARDS) for each in wanted))

    async def _list(self, resource: Resource, whole: bool) -> None:
        try:
            found = await self._cluster.list(resource.path(), labels="" if whole else f"{MANAGED_BY}=Helm")
        except ApiError as error:
            self._blind.add(resource)
            self.unseen.append(Unseen("helm", f"{resource.kind}: {error}", error.hint))
            return
        if whole:
            self._whole.add(resource)
        self._objects[resource] = {
            (each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in found
        }

    def sees(self, resource: Resource) -> bool:
        """Whether objects of a kind could be read."""
        return resource not in self._blind

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest | None:
        """One object, of those that were read."""
        return self._objects.get(resource, {}).get((namespace, name))

    def all(self, resource: Resource) -> Iterable[Manifest]:
        """Every object of a kind, of those that were read."""
        return self._objects.get(resource, {}).values()
