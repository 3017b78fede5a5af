"""Who may talk to whom in an instance's namespace, by the policies that the guardrails render."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.network_policy import End, Policy, allowed
from tests.support.rendering import render

NAMESPACE = "airflow-marketing"
DATABASE, SIGN_ON, GIT, KUBERNETES = (End(address=f"10.9.0.{number}") for number in (1, 2, 3, 4))
WORLD = End(address="93.184.216.34")
METADATA = End(address="169.254.169.254")
DNS = End("kube-system", {"k8s-app": "kube-dns"}, {"kubernetes.io/metadata.name": "kube-system"})
FRONT = End("traefik", {"app": "traefik"}, {"kubernetes.io/metadata.name": "traefik"})
SERVERS = {
    "database": (DATABASE, 5432),
    "sign-on": (SIGN_ON, 8443),
    "git": (GIT, 443),
    "kubernetes": (KUBERNETES, 6443),
}
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "run-airflow-migrations")


def airflow(component: str, namespace: str = NAMESPACE) -> End:
    return End(namespace, {"tier": "airflow", "release": "airflow", "component": component})


STRANGER = End(NAMESPACE, {"app": "started-by-a-task"})
NEIGHBOUR = airflow("api-server", "airflow-finance")


def policies(**values: Any) -> list[Policy]:
    """The policies of two instances, `marketing` with these values and `finance`, side by side."""
    network: dict[str, Any] = {
        "database": {"port": 5432, "cidrs": ["10.9.0.1/32"]},
        "signOn": {"port": 8443, "cidrs": ["10.9.0.2/32"]},
        "git": {"ports": [443], "cidrs": ["10.9.0.3/32"]},
        "kubernetesApi": {"ports": [6443], "cidrs": ["10.9.0.4/32"]},
        "front": {"peers": [{"namespaceLabels": {"kubernetes.io/metadata.name": "traefik"}}]},
        **values.pop("network", {}),
    }
    instances = [
        {"network": network, **values},
        {"network": network, "instance": "finance", "namespace": "airflow-finance"},
    ]
    return [item for one in instances for item in render("guardrails", one) if item["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize(
    ("executor", "server", "who"),
    [
        (
            "KubernetesExecutor",
            "database",
            {"api-server", "scheduler", "dag-processor", "triggerer", "run-airflow-migrations"},
        ),
        (
            "LocalExecutor",
            "database",
            {"api-server", "scheduler", "dag-processor", "triggerer", "run-airflow-migrations"},
        ),
        ("KubernetesExecutor", "sign-on", {"api-server"}),
        ("KubernetesExecutor", "git", {"dag-processor", "triggerer", "worker"}),
        ("LocalExecutor", "git", {"dag-processor", "triggerer", "scheduler"}),
        ("KubernetesExecutor", "kubernetes", {"api-server", "scheduler"}),
        ("LocalExecutor", "kubernetes", set()),
    ],
)
def test_each_server_is_open_to_those_who_need_it(executor: str, server: str, who: set[str]) -> None:
    rules = policies(executor=executor)
    end, port = SERVERS[server]
    assert {one for one in COMPONENTS if allowed(rules, airflow(one), end, port)} == who
    assert not allowed(rules, STRANGER, end, port)
    assert not any(allowed(rules, airflow(one), end, port + 1) for one in COMPONENTS)


def test_tasks_that_may_start_pods_reach_the_kubernetes_api() -> None:
    rules = policies(podLaunching={"tasks": True})
    assert allowed(rules, airflow("worker"), KUBERNETES, 6443)
    assert allowed(rules, airflow("triggerer"), KUBERNETES, 6443)


def test_everybody_asks_dns_and_nobody_else_at_that_port() -> None:
    rules = policies()
    for end in (*map(airflow, COMPONENTS), STRANGER):
        assert allowed(rules, end, DNS, 53, "UDP")
        assert allowed(rules, end, DNS, 53, "TCP")
        assert not allowed(rules, end, WORLD, 53, "UDP")
        assert not allowed(rules, end, DNS, 8080)


def test_the_api_server_is_open_to_components_tasks_and_the_front_only() -> None:
    rules = policies()
    server = airflow("api-server")
    assert {one for one in COMPONENTS if allowed(rules, airflow(one), server, 8080)} == {
        "scheduler", "dag-processor", "triggerer", "worker",
    }  # fmt: skip
    assert allowed(rules, FRONT, server, 8080)
    assert not allowed(rules, FRONT, server, 8794)
    assert not allowed(rules, STRANGER, server, 8080)
    assert not allowed(rules, WORLD, server, 8080)


def test_the_front_may_be_an_address_or_nobody() -> None:
    by_address = policies(network={"front": {"peers": [{"cidr": "10.0.0.0/28"}]}})
    assert allowed(by_address, End(address="10.0.0.3"), airflow("api-server"), 8080)
    assert not allowed(by_address, End(address="10.0.1.3"), airflow("api-server"), 8080)
    assert not allowed(policies(network={"front": {"peers": []}}), FRONT, airflow("api-server"), 8080)


def test_instances_do_not_reach_each_other() -> None:
    rules = policies()
    for component in COMPONENTS:
        for port in (8080, 8793, 8794):
            assert not allowed(rules, airflow(component), NEIGHBOUR, port)
            assert not allowed(rules, airflow(component, "airflow-finance"), airflow("api-server"), port)


def test_the_api_server_fetches_logs_where_they_are_served() -> None:
    rules = policies()
    server = airflow("api-server")
    assert allowed(rules, server, airflow("scheduler"), 8793)
    assert allowed(rules, server, airflow("triggerer"), 8794)
    assert not allowed(rules, server, airflow("worker"), 8793)
    assert not allowed(rules, airflow("worker"), airflow("triggerer"), 8794)


def test_a_place_without_an_address_is_anywhere_but_the_metadata_server() -> None:
    rules = policies(network={"git": {"ports": [80, 443], "cidrs": []}})
    for end in (WORLD, DNS, NEIGHBOUR):
        assert allowed(egress_only(rules), airflow("worker"), end, 80)
    assert not any(allowed(rules, airflow(one), METADATA, port) for one in COMPONENTS for port in (80, 443))


def egress_only(rules: list[Policy]) -> list[Policy]:
    return [rule for rule in rules if rule["metadata"]["namespace"] == NAMESPACE]


def test_the_world_is_closed_unless_the_values_open_it() -> None:
    assert not any(allowed(policies(), airflow(one), WORLD, 443) for one in COMPONENTS)
    web = {"cidrs": ["0.0.0.0/0"], "except": ["169.254.169.254/32"], "ports": [443]}
    rules = policies(network={"extraEgress": [web]})
    assert allowed(rules, airflow("worker"), WORLD, 443)
    assert allowed(rules, STRANGER, WORLD, 443)
    assert not allowed(rules, airflow("worker"), WORLD, 80)
    assert not allowed(rules, airflow("worker"), METADATA, 443)


# The portal.

PORTAL = End(
    "fleet-system", {"app.kubernetes.io/name": "fleet-portal"}, {"kubernetes.io/metadata.name": "fleet-system"}
)


def test_the_portal_asks_every_airflow_and_reaches_nothing_else_of_a_team() -> None:
    peer = {
        "namespaceLabels": {"kubernetes.io/metadata.name": "fleet-system"},
        "podLabels": {"app.kubernetes.io/name": "fleet-portal"},
    }
    front = {"peers": [{"namespaceLabels": {"kubernetes.io/metadata.name": "traefik"}}]}
    network = {
        "signOn": {"port": 8443, "cidrs": ["10.9.0.2/32"]},
        "kubernetesApi": {"ports": [6443], "cidrs": ["10.9.0.4/32"]},
    }
    own = render("platform", {"front": front, "network": network})
    rules = policies(network={"front": {"peers": [peer]}}) + [each for each in own if each["kind"] == "NetworkPolicy"]
    marketing = replace(airflow("api-server"), namespace_labels={"fleet/instance": "marketing"})
    assert allowed(rules, PORTAL, marketing, 8080)
    assert not allowed(
        rules, PORTAL, replace(airflow("scheduler"), namespace_labels={"fleet/instance": "marketing"}), 8793
    )
    assert allowed(rules, PORTAL, SIGN_ON, 8443) and allowed(rules, PORTAL, KUBERNETES, 6443)
    assert allowed(rules, PORTAL, DNS, 53, "UDP")
    assert not allowed(rules, PORTAL, DATABASE, 5432) and not allowed(rules, PORTAL, WORLD, 443)
    # And the other way round: the front opens it, no team does.
    assert allowed(rules, FRONT, PORTAL, 8080)
    assert not any(allowed(rules, end, PORTAL, 8080) for end in (*map(airflow, COMPONENTS), STRANGER, WORLD))
    # A pod beside it that only calls itself something else gets nowhere.
    assert not allowed(rules, replace(PORTAL, labels={"app": "other"}), marketing, 8080)
