"""What the API server admits to a team's namespace: takes a cluster, gives what became of what it must refuse.

Dry runs, made with fleet's own rights: what is refused to fleet is refused to everybody, whatever their role.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fleet.drivers.kubernetes import ApiError, Cluster, core
from fleet.errors import FleetError
from fleet.verify.matrix import Cell, Try, cell
from fleet.verify.scene import Team

_RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_POD_SECURITY, _QUOTA = "violates PodSecurity", "exceeded quota"


def _pod(
    security: Mapping[str, Any] | None = None, resources: Mapping[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    """A pod that is admitted, but for what is given."""
    amount = resources or {"cpu": "1m", "memory": "1Mi"}
    container = {
        "name": "verify",
        "image": "verify",
        "securityContext": {**_RESTRICTED, **(security or {})},
        "resources": {"requests": amount, "limits": amount},
    }
    return {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container], **spec}}


def _service(kind: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "spec": {"type": kind, "ports": [{"port": 80}]}}


# Attempt → the object, and the words of the wall that must refuse it: a refusal by another one proves nothing of this one.
_OBJECTS: dict[str, tuple[dict[str, Any], str]] = {
    "admit-privileged": (_pod({"privileged": True, "allowPrivilegeEscalation": True}), _POD_SECURITY),
    "admit-host-path": (_pod(volumes=[{"name": "node", "hostPath": {"path": "/"}}]), _POD_SECURITY),
    "admit-host-network": (_pod(hostNetwork=True), _POD_SECURITY),
    "admit-host-pid": (_pod(hostPID=True), _POD_SECURITY),
    "admit-root": (_pod({"runAsNonRoot": False, "runAsUser": 0}), _POD_SECURITY),
    "admit-unconfined": (_pod({"seccompProfile": {"type": "Unconfined"}}), _POD_SECURITY),
    "admit-quota-memory": (_pod(resources={"cpu": "1m", "memory": "1Pi"}), _QUOTA),
    "admit-quota-cpu": (_pod(resources={"cpu": "1M", "memory": "1Mi"}), _QUOTA),
    "admit-load-balancer": (_service("LoadBalancer"), _QUOTA),
    "admit-node-port": (_service("NodePort"), _QUOTA),
}


async def attempts(team: Team, cluster: Cluster) -> list[Cell]:
    """Every object, tried in one team's namespace."""
    return list(await asyncio.gather(*(_try(name, team, cluster) for name in _OBJECTS)))


async def _try(attempt: str, team: Team, cluster: Cluster) -> Cell:
    manifest, wall = _OBJECTS[attempt]
    kind = "services" if manifest["kind"] == "Service" else "pods"
    named = {**manifest, "metadata": {"name": "fleet-verify", "namespace": team.namespace}}
    tried = Try(attempt, team.name)
    try:
        await cluster.create(core(kind, team.namespace), named, dry_run=True)
    except ApiError as error:
        return cell(tried, "refused" if wall in error.what else "unknown", error.what)
    except FleetError as error:
        return cell(tried, "unknown", str(error))
    return cell(tried, "hole", "the API server would take it")
