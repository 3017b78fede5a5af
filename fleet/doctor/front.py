"""The front: takes the platform and a cluster, gives whether there is what the instances' routes name, never asks for pages."""

from __future__ import annotations

from fleet.doctor.finding import Finding
from fleet.drivers.kubernetes import Cluster, Manifest, group
from fleet.model import Platform


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


def _is_class(manifest: Manifest, name: str | None) -> bool:
    # https://kubernetes.io/docs/concepts/services-networking/ingress/#default-ingress-class
    default = manifest["metadata"].get("annotations", {}).get("ingressclass.kubernetes.io/is-default-class") == "true"
    return bool(manifest["metadata"]["name"] == name) if name else default
