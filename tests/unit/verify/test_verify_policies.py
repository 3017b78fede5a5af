"""The product's judge of network policies agrees with the tests' own evaluator, which was written apart from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.verify.policies import End, allowed, matches, open_ports
from tests.support import network_policy as independent

NAMESPACES = ("a", "b")
LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["x", "y"]), max_size=2)
PORTS = (80, 443, 5432)
ADDRESSES = ("10.1.0.1", "10.2.0.1", "169.254.169.254")


def selectors() -> st.SearchStrategy[dict[str, Any]]:
    one_of = st.fixed_dictionaries({
        "key": st.sampled_from(["app", "tier"]), "operator": st.just("In"),
        "values": st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=2),
    })  # fmt: skip
    return st.fixed_dictionaries({}, optional={"matchLabels": LABELS, "matchExpressions": st.lists(one_of, max_size=2)})


def peers() -> st.SearchStrategy[dict[str, Any]]:
    block = st.sampled_from([
        {"cidr": "0.0.0.0/0"}, {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}, {"cidr": "10.1.0.1/32"},
        {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]},
    ])  # fmt: skip
    pods = st.fixed_dictionaries({"podSelector": selectors()}, optional={"namespaceSelector": selectors()})
    return st.one_of(st.fixed_dictionaries({"ipBlock": block}), pods)


def rules(key: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    port = st.fixed_dictionaries(
        {"port": st.sampled_from(PORTS)}, optional={"protocol": st.sampled_from(["TCP", "UDP"])}
    )
    rule = st.fixed_dictionaries({}, optional={key: st.lists(peers(), max_size=2), "ports": st.lists(port, max_size=2)})
    return st.lists(rule, max_size=2)


POLICIES = st.lists(
    st.fixed_dictionaries({
        "metadata": st.fixed_dictionaries({"namespace": st.sampled_from(NAMESPACES)}),
        "spec": st.fixed_dictionaries({
            "podSelector": selectors(),
            "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
            "ingress": rules("from"), "egress": rules("to"),
        }),
    }),
    max_size=4,
)  # fmt: skip
PODS = st.builds(
    lambda namespace, labels, address: End(namespace, labels, {"app": namespace}, address),
    st.sampled_from(NAMESPACES), LABELS, st.sampled_from(ADDRESSES),
)  # fmt: skip
ENDS = st.one_of(PODS, st.builds(lambda address: End(address=address), st.sampled_from(ADDRESSES)))


@given(POLICIES, ENDS, ENDS)
def test_both_judges_agree(policies: list[dict[str, Any]], source: End, destination: End) -> None:
    ends = [
        independent.End(end.namespace, end.labels, end.namespace_labels, end.address) for end in (source, destination)
    ]
    for protocol in ("TCP", "UDP"):
        for port in (*PORTS, 1, 81, 65535):
            expected = independent.allowed(policies, ends[0], ends[1], port, protocol)
            assert allowed(policies, source, destination, port, protocol) == expected


@given(POLICIES, ENDS, ENDS, st.integers(1, 65535), st.sampled_from(["TCP", "UDP", "SCTP"]))
def test_no_open_port_is_overlooked(
    policies: list[dict[str, Any]], source: End, destination: End, port: int, protocol: str
) -> None:
    found = [(kind, int(number)) for kind, number in map(str.split, open_ports(policies, source, destination))]
    assert all(allowed(policies, source, destination, number, kind) for kind, number in found)
    if allowed(policies, source, destination, port, protocol):
        assert any(kind == protocol and number <= port for kind, number in found)


def test_ranges_and_named_ports() -> None:
    def into(**port: Any) -> list[dict[str, Any]]:
        spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [port]}]}
        return [{"metadata": {"namespace": "b"}, "spec": spec}]

    server = End("b", ports={"web": 8080})
    assert open_ports(into(port=8000, endPort=8100), End("a"), server) == ["TCP 8000"]
    assert allowed(into(port=8000, endPort=8100), End("a"), server, 8100, "TCP")
    assert not allowed(into(port=8000, endPort=8100), End("a"), server, 8101, "TCP")
    assert open_ports(into(port="web"), End("a"), server) == ["TCP 8080"]
    assert open_ports(into(port="other"), End("a"), server) == []


def test_without_types_a_policy_is_one_of_ingress_and_of_egress_where_it_has_rules() -> None:
    closed = [{"metadata": {"namespace": "b"}, "spec": {"podSelector": {}}}]
    assert open_ports(closed, End("a"), End("b")) == []
    assert open_ports(closed, End("b"), End("a")) != []
    out = [{"metadata": {"namespace": "b"}, "spec": {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}}]
    assert open_ports(out, End("b"), End("a")) == ["TCP 53"]


def test_an_address_that_is_not_known_lies_in_the_range_of_all_only() -> None:
    def out(cidr: str) -> list[dict[str, Any]]:
        spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": cidr}}]}]}
        return [{"metadata": {"namespace": "a"}, "spec": spec}]

    assert open_ports(out("0.0.0.0/0"), End("a"), End()) != []
    assert open_ports(out("10.0.0.0/8"), End("a"), End()) == []


@pytest.mark.parametrize(
    ("operator", "there", "absent"),
    [("In", True, False), ("NotIn", False, True), ("Exists", True, False), ("DoesNotExist", False, True)],
)
def test_expressions(operator: str, there: bool, absent: bool) -> None:
    selector = {"matchExpressions": [{"key": "app", "operator": operator, "values": ["x"]}]}
    assert matches(selector, {"app": "x"}) == there
    assert matches(selector, {}) == absent
