"""Judges NetworkPolicies: takes live policies and two ends, gives the ports at which the one may connect to the other, never
asks a cluster.

By the API's definition: policies only add; a pod that no policy selects for a direction is open in that direction; a connection
needs the source's way out and the destination's way in. Where Kubernetes leaves a choice to the network (whether an address
range means pods too), it is judged the open way: a wall must stand on every network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Policy = Mapping[str, Any]
Direction = Literal["Ingress", "Egress"]

PROTOCOLS = ("TCP", "UDP", "SCTP")
_HIGHEST = 65535


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or (with an empty namespace) an address outside of all pods."""

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""  # empty: not known; it is then in the range of all addresses, and in no other
    ports: Mapping[str, int] = field(default_factory=dict)  # the names of its containers' ports


def open_ports(policies: Sequence[Policy], source: End, destination: End) -> list[str]:
    """`TCP 8080` for every port and protocol that is open; of ports that no rule names, one stands for all.

    Empty where nothing may pass.
    """
    return [
        f"{protocol} {port}"
        for protocol in PROTOCOLS
        for port in _candidates(policies, destination)
        if allowed(policies, source, destination, port, protocol)
    ]


def allowed(policies: Sequence[Policy], source: End, destination: End, port: int, protocol: str) -> bool:
    """Whether the one may open a connection to the other."""
    out = [policy for policy in policies if _selects(policy, "Egress", source)]
    into = [policy for policy in policies if _selects(policy, "Ingress", destination)]
    return _passes(out, "Egress", destination, destination, port, protocol) and _passes(
        into, "Ingress", source, destination, port, protocol
    )


def _candidates(policies: Iterable[Policy], destination: End) -> list[int]:
    """Every port at which some rule changes its mind: between two of them all ports are alike."""
    bounds = {1}
    for policy in policies:
        for rule in [*(policy["spec"].get("ingress") or []), *(policy["spec"].get("egress") or [])]:
            for one in rule.get("ports") or []:
                first = _number(one.get("port"), destination)
                if first is not None:
                    bounds |= {first, one.get("endPort", first) + 1}
    return sorted(bound for bound in bounds if bound <= _HIGHEST)


def _number(port: int | str | None, destination: End) -> int | None:
    return destination.ports.get(port) if isinstance(port, str) else port


def _selects(policy: Policy, direction: Direction, pod: End) -> bool:
    spec = policy["spec"]
    # Without types a policy is one of ingress, and of egress too where it has rules for that.
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    here = bool(pod.namespace) and policy["metadata"]["namespace"] == pod.namespace
    return here and direction in types and matches(spec.get("podSelector") or {}, pod.labels)


def _passes(
    policies: Sequence[Policy], direction: Direction, other: End, destination: End, port: int, protocol: str
) -> bool:
    if not policies:
        return True
    return any(
        _port_fits(rule, destination, port, protocol) and _peer_fits(rule, direction, policy, other)
        for policy in policies
        for rule in policy["spec"].get(direction.lower()) or []
    )


def _port_fits(rule: Policy, destination: End, port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    return not ports or any(_one_port_fits(one, destination, port, protocol) for one in ports)


def _one_port_fits(one: Policy, destination: End, port: int, protocol: str) -> bool:
    if one.get("protocol", "TCP") != protocol:
        return False
    if one.get("port") is None:
        return True
    first = _number(one["port"], destination)
    return first is not None and first <= port <= one.get("endPort", first)


def _peer_fits(rule: Policy, direction: Direction, policy: Policy, other: End) -> bool:
    peers = rule.get("to" if direction == "Egress" else "from")
    return not peers or any(_is(peer, policy, other) for peer in peers)


def _is(peer: Policy, policy: Policy, other: End) -> bool:
    if "ipBlock" in peer:
        return _within(peer["ipBlock"], other)
    if not other.namespace:
        return False
    if peer.get("namespaceSelector") is not None:
        here = matches(peer["namespaceSelector"], other.namespace_labels)
    else:
        here = other.namespace == policy["metadata"]["namespace"]
    return here and matches(peer.get("podSelector") or {}, other.labels)


def _within(block: Policy, other: End) -> bool:
    cidr = ipaddress.ip_network(block["cidr"])
    if not other.address:
        return cidr.prefixlen == 0
    address = ipaddress.ip_address(other.address)
    return address in cidr and not any(address in ipaddress.ip_network(hole) for hole in block.get("except") or [])


def matches(selector: Policy, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels; an empty one selects all."""
    named = (selector.get("matchLabels") or {}).items() <= labels.items()
    return named and all(_holds(one, labels) for one in selector.get("matchExpressions") or [])


def _holds(expression: Policy, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":  # a label that is not there is in no list
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case unknown:
            raise ValueError(f"there is no operator {unknown}")
