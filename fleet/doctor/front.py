"""The front and the portal: takes the platform and a cluster, gives whether they are there, never asks for pages."""

from __future__ import annotations

from fleet.desired import naming
from fleet.doctor.finding import Finding
from fleet.drivers.kubernetes import Cluster, Manifest, group
from fleet.model import Platform
from fleet.observe import settled


async def examine(platform: Platform, cluster: Cluster) -> list[Finding]:
    """What the instances' routes name."""
    wanted = platform.front
    if platform.urls == "service":
        return [Finding("platform", "front", "ok", "none: each Airflow answers at its Service")]
    if wanted.gateway is not None:
        gateway = wanted.gateway
        path = group("gateway.networking.k8s.io/v1", "gateways", gateway.namespace, gateway.name)
        name, there = f"the Gateway {gateway.namespace}/{gateway.name}", await cluster.get(path) is not None
    else:
        classes = await cluster.list(group("networking.k8s.io/v1", "ingressclasses"))
        name = f"the Ingress class {wanted.class_name}" if wanted.class_name else "a default Ingress class"
        there = any(_is_class(each, wanted.class_name) for each in classes)
    if there:
        return [Finding("platform", "front", "ok", f"there is {name}")]
    mend = "install a controller for it, or correct `platform.front`"
    return [Finding("platform", "front", "fail", f"there is not {name}: no page of an Airflow can be reached", mend)]


async def portal(platform: Platform, cluster: Cluster) -> list[Finding]:
    """The door for people."""
    url = naming.portal_url(platform)
    if url is None:
        return [Finding("platform", "portal", "ok", "none")]
    found = await cluster.get(group("apps/v1", "deployments", naming.SYSTEM_NAMESPACE, naming.PORTAL))
    if found is None:
        return [Finding("platform", "portal", "warn", "it is not installed yet", "fleet apply")]
    if not settled(found):
        mend = f"kubectl --namespace {naming.SYSTEM_NAMESPACE} logs deployment/{naming.PORTAL}"
        return [Finding("platform", "portal", "fail", "its pod is not ready", mend)]
    return [Finding("platform", "portal", "ok", f"{url}/")]


def _is_class(manifest: Manifest, name: str | None) -> bool:
    # https://kubernetes.io/docs/concepts/services-networking/ingress/#default-ingress-class
    default = manifest["metadata"].get("annotations", {}).get("ingressclass.kubernetes.io/is-default-class") == "true"
    return bool(manifest["metadata"]["name"] == name) if name else default
