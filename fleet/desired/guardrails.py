"""The guardrails chart's values: takes the platform and an instance, gives the namespace's
limits, never anything of Airflow."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from fleet.desired import front, gcp, naming
from fleet.desired.resolve import Resolved
from fleet.model import Egress, GitDags, Platform

# Who may open an Airflow from outside its namespace: the front, wherever it runs, and the tunnel through which a managed
# API server reaches Services (GKE's konnectivity), by which fleet asks Airflow how it is.
FRONT: list[dict[str, Any]] = [
    {"namespaceLabels": {"fleet/front": "true"}},
    {"namespaceLabels": {"kubernetes.io/metadata.name": "kube-system"}, "podLabels": {"k8s-app": "konnectivity-agent"}},
]
# The portal asks for an Airflow's health.
_PORTAL = {
    "namespaceLabels": {"kubernetes.io/metadata.name": naming.SYSTEM_NAMESPACE},
    "podLabels": {"app.kubernetes.io/name": naming.PORTAL},
}
# Where clouds have their metadata server: https://www.rfc-editor.org/rfc/rfc3927 and, on AWS, an address of version 6.
_LINK_LOCAL = {4: "169.254.0.0/16", 6: "fd00:ec2::254/128"}
DEFAULT_PORTS = {"http": 80, "https": 443, "git": 9418, "ssh": 22}


def values(platform: Platform, instance: Resolved) -> dict[str, Any]:
    """Values of `charts/guardrails` (its `values.yaml` says what each means)."""
    return {
        "instance": instance.name,
        "namespace": naming.namespace(instance.name),
        "labels": dict(instance.labels),
        "owner": instance.owner,
        "executor": instance.executor,
        "quota": _quota(instance),
        "limitRange": _limit_range(instance),
        "network": _network(platform, instance),
    }


def _quota(instance: Resolved) -> dict[str, str]:
    quota = instance.quota
    hard = {
        "requests.cpu": quota.cpu,
        "requests.memory": quota.memory,
        "limits.memory": quota.memory,
        "pods": quota.pods,
    }
    return {key: str(value) for key, value in hard.items() if value is not None}


def _limit_range(instance: Resolved) -> dict[str, Any]:
    # A pod that says nothing of its resources would be refused under the quota; it gets a worker's.
    worker = instance.size.worker
    return {
        "default": {"memory": worker.memory},
        "defaultRequest": {"cpu": worker.cpu, "memory": worker.memory},
    }


def _network(platform: Platform, instance: Resolved) -> dict[str, Any]:
    portal = [_PORTAL] if naming.portal_url(platform) else []
    return {
        "database": {"port": platform.database.port, "cidrs": cidrs(platform.database.host)},
        "signOn": sign_on(platform),
        "git": _git(instance),
        "front": {
            "peers": [*FRONT, *portal],
            **({"route": route} if (route := front.route(platform, instance)) else {}),
        },
        "extraEgress": gcp.egress(platform) + [rule for each in instance.egress for rule in _egress(each)],
    }


def sign_on(platform: Platform) -> dict[str, Any]:
    """Where Keycloak is, for a network policy."""
    address = urlsplit(platform.sso.url)
    return {"port": address.port or DEFAULT_PORTS[address.scheme], "cidrs": cidrs(address.hostname or "")}


def _egress(egress: Egress) -> list[dict[str, Any]]:
    """What the inventory opens; a range around the link-local addresses, say all, does not mean the metadata server."""
    wide = [cidr for cidr in egress.cidrs if _holds_link_local(cidr)]
    narrow = [cidr for cidr in egress.cidrs if cidr not in wide]
    rules = [{"cidrs": [cidr], "except": [_link_local(cidr)], "ports": egress.ports} for cidr in wide]
    return [*rules, *([{"cidrs": narrow, "ports": egress.ports}] if narrow else [])]


def _holds_link_local(cidr: str) -> bool:
    network, inner = ipaddress.ip_network(cidr), ipaddress.ip_network(_link_local(cidr))
    return network != inner and network.supernet_of(inner)  # type: ignore[arg-type]  # both are of one version


def _link_local(cidr: str) -> str:
    return _LINK_LOCAL[ipaddress.ip_network(cidr).version]


def _git(instance: Resolved) -> dict[str, Any] | None:
    if not isinstance(instance.dags, GitDags):
        return None
    address = urlsplit(instance.dags.repository)
    if not address.scheme:  # git@host:path
        return {"ports": [DEFAULT_PORTS["ssh"]], "cidrs": []}
    return {"ports": [address.port or DEFAULT_PORTS[address.scheme]], "cidrs": cidrs(address.hostname or "")}


def cidrs(host: str) -> list[str]:
    """The one address, or none where ``host`` is a name: a NetworkPolicy knows addresses only, none means any."""
    try:
        return [str(ipaddress.ip_network(host))]
    except ValueError:
        return []
