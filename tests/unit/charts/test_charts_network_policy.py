"""The evaluator of NetworkPolicies agrees with the API's definition."""

from __future__ import annotations

from typing import Any

from tests.support.network_policy import End, allowed

A, B = End("a", {"app": "a"}, {"name": "a"}), End("b", {"app": "b"}, {"name": "b"})


def policy(namespace: str, types: list[str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace}, "spec": {"podSelector": {}, "policyTypes": types, **spec}}


def test_without_policies_everything_is_open() -> None:
    assert allowed([], A, B, 80)


def test_a_policy_of_one_direction_leaves_the_other_open() -> None:
    deny = policy("a", ["Ingress"])
    assert allowed([deny], A, B, 80)
    assert not allowed([deny], B, A, 80)


def test_policies_add_and_both_ends_must_agree() -> None:
    out = policy("a", ["Egress"], egress=[{"to": [{"namespaceSelector": {"matchLabels": {"name": "b"}}}]}])
    deny = policy("b", ["Ingress"])
    into = policy("b", ["Ingress"], ingress=[{"from": [{"namespaceSelector": {}}], "ports": [{"port": 80}]}])
    assert not allowed([out, deny], A, B, 80)
    assert allowed([out, deny, into], A, B, 80)
    assert not allowed([out, deny, into], A, B, 81)


def test_a_pod_selector_alone_means_the_policys_own_namespace() -> None:
    into = policy("b", ["Ingress"], ingress=[{"from": [{"podSelector": {}}]}])
    assert not allowed([into], A, B, 80)
    assert allowed([into], End("b"), B, 80)


def test_two_selectors_in_one_peer_must_both_match() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"name": "a"}}, "podSelector": {"matchLabels": {"app": "x"}}}
    assert not allowed([policy("b", ["Ingress"], ingress=[{"from": [peer]}])], A, B, 80)


def test_addresses_have_holes_and_protocols_differ() -> None:
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}
    out = policy("a", ["Egress"], egress=[{"to": [block], "ports": [{"port": 53, "protocol": "UDP"}]}])
    assert allowed([out], A, End(address="10.2.0.1"), 53, "UDP")
    assert not allowed([out], A, End(address="10.1.0.1"), 53, "UDP")
    assert not allowed([out], A, End(address="10.2.0.1"), 53, "TCP")
