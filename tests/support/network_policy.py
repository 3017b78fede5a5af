"""Takes NetworkPolicies and two ends, gives whether Kubernetes would let the one open a connection to the other.

Written from the API's definition (kubernetes.io/docs/reference, NetworkPolicy v1): policies only add; a pod that no policy
selects for a direction is open in that direction; a connection needs the source's egress and the destination's ingress.
The sandbox's network does not enforce policies, so this is where they are proven. It never asks a cluster.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or (with an empty namespace) an address outside of all pods."""

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    address: str = "10.1.0.1"


def allowed(policies: list[Policy], source: End, destination: End, port: int, protocol: str = "TCP") -> bool:
    """Whether ``source`` may open a connection to ``destination`` at ``port``."""
    out = _open(policies, "Egress", source, destination, port, protocol)
    return out and _open(policies, "Ingress", destination, source, port, protocol)


def _open(policies: list[Policy], direction: str, subject: End, other: End, port: int, protocol: str) -> bool:
    selecting = [policy for policy in policies if _selects(policy, direction, subject)]
    if not selecting:
        return True
    peers = "to" if direction == "Egress" else "from"
    return any(
        _rule(rule, peers, policy, other, port, protocol)
        for policy in selecting
        for rule in policy["spec"].get(direction.lower(), [])
    )


def _selects(policy: Policy, direction: str, subject: End) -> bool:
    if not subject.namespace or policy["metadata"]["namespace"] != subject.namespace:
        return False
    return direction in policy["spec"]["policyTypes"] and matches(policy["spec"]["podSelector"], subject.labels)


def _rule(rule: Policy, peers: str, policy: Policy, other: End, port: int, protocol: str) -> bool:
    # No list of peers, or of ports, means all of them.
    peer_fits = not rule.get(peers) or any(_peer(peer, policy, other) for peer in rule[peers])
    port_fits = not rule.get("ports") or any(
        one.get("port", port) == port and one.get("protocol", "TCP") == protocol for one in rule["ports"]
    )
    return peer_fits and port_fits


def _peer(peer: Policy, policy: Policy, other: End) -> bool:
    if "ipBlock" in peer:
        return _within(peer["ipBlock"], other.address)
    if not other.namespace:
        return False
    if "namespaceSelector" in peer:
        here = matches(peer["namespaceSelector"], other.namespace_labels)
    else:
        here = other.namespace == policy["metadata"]["namespace"]
    return here and matches(peer.get("podSelector", {}), other.labels)


def _within(block: Policy, address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return ip in ipaddress.ip_network(block["cidr"]) and not any(
        ip in ipaddress.ip_network(hole) for hole in block.get("except", [])
    )


def matches(selector: Policy, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (matchLabels, matchExpressions with In or Exists) selects these labels; an empty one all."""
    named = selector.get("matchLabels", {}).items() <= labels.items()
    return named and all(_holds(one, labels) for one in selector.get("matchExpressions", []))


def _holds(expression: Policy, labels: Mapping[str, str]) -> bool:
    if expression["operator"] == "Exists":
        return expression["key"] in labels
    return labels.get(expression["key"]) in expression["values"]
