"""The charts as Helm, kubeconform and helm-unittest see them: real programs, no cluster."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.paths import asset
from fleet.sandbox.builds import tool
from tests.support.kubernetes_schemas import location
from tests.support.rendering import LEAST, RELEASES, helm, named, render, render_text

CHARTS = tuple(RELEASES)
GIT = {"dags": {"gitSync": {"enabled": True, "repo": "https://git.example.org/dags.git", "subPath": "dags"}}}
EVERYTHING: dict[str, Any] = {
    "config": {"api": {"base_url": "https://airflow.example.org/marketing/"}},
    "apiServer": {"replicas": 2, "apiServerConfig": "AUTH_TYPE = 4\n"},
    "ingress": {
        "apiServer": {
            "enabled": True,
            "annotations": {"a": "b"},
            "hosts": [{"name": "airflow.example.org", "tls": {"enabled": True, "secretName": "tls"}}],
            "path": "/marketing",
            "pathType": "Prefix",
        }
    },
    "airflowLocalSettings": "x = 1\n",
    "env": [{"name": "A", "value": "1"}],
    "secret": [{"envName": "B", "secretName": "b", "secretKey": "b"}],
    "workers": {
        "kubernetes": {
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
            "nodeSelector": {"a": "b"},
        }
    },
}
GUARDED: dict[str, Any] = {
    "replicas": {"apiServer": 2, "scheduler": 2, "dagProcessor": 2, "triggerer": 2},
    "podLaunching": {"tasks": True},
    "quota": {"requests.cpu": "4", "requests.memory": "8Gi", "pods": 50},
    "network": {
        "front": {
            "peers": [
                {"namespaceLabels": {"kubernetes.io/metadata.name": "traefik"}},
                {"cidr": "10.0.0.1/32"},
            ]
        },
        "extraEgress": [{"cidrs": ["0.0.0.0/0"], "except": ["169.254.169.254/32"], "ports": [443]}],
    },
}
OPENED: dict[str, Any] = {
    "front": {
        "ingress": {"className": "traefik", "annotations": {"a": "b"}, "tlsSecret": "front-tls"},
        "suspended": [{"host": "one.example.com", "path": "/"}],
        "peers": [{"namespaceLabels": {"fleet/front": "true"}}, {"cidr": "10.0.0.1/32"}],
    },
    "network": {
        "signOn": {"port": 8443, "cidrs": ["10.0.0.9/32"]},
        "extraEgress": [{"cidrs": ["10.0.0.0/8"], "ports": [53]}],
    },
}
LOOKED: dict[str, Any] = {
    "portal": {"enabled": False},
    "drift": {
        "enabled": True,
        "image": "fleet.local/fleet:1",
        "shards": 3,
        "git": {
            "image": "git-sync:4",
            "repository": "https://git.example.org/f.git",
            "ref": "main",
            "path": "tenants.yaml",
        },
        "webhook": {"secretName": "chat", "key": "url"},
        "serviceAccountAnnotations": {"a": "b"},
    },
    "network": {"ways": [{"port": 5432, "cidrs": ["10.0.0.3/32"]}]},
}
CASES = [
    ("airflow", {}),
    ("airflow", {"executor": "LocalExecutor"}),
    ("airflow", GIT),
    ("airflow", GIT | {"executor": "LocalExecutor"}),
    ("airflow", GIT | EVERYTHING),
    ("guardrails", {}),
    ("guardrails", {"executor": "LocalExecutor", "network": {"signOn": None, "git": None}}),
    ("guardrails", GUARDED),
    ("platform", {}),
    ("platform", OPENED),
    ("platform", LOOKED),
]


@pytest.mark.parametrize("chart", CHARTS)
def test_helm_finds_nothing_to_complain_about(chart: str, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(LEAST[chart]))
    helm("lint", "--strict", str(asset("charts") / chart), "--values", str(values))


@pytest.mark.parametrize("chart", CHARTS)
def test_the_templates_do_what_their_suites_say(chart: str) -> None:
    done = subprocess.run([tool("helm-unittest"), asset("charts") / chart], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("chart", "values"), CASES)
def test_kubernetes_would_take_every_object(chart: str, values: dict[str, Any]) -> None:
    assert _refused(render_text(chart, values)) == ""


def test_the_pod_template_is_a_pod() -> None:
    config = named(render("airflow", GIT | EVERYTHING), "ConfigMap", "airflow-config")
    assert _refused(config["data"]["pod_template_file.yaml"]) == ""


def test_kubeconform_sees_a_misspelt_field() -> None:
    assert "replica" in _refused("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replica: 1}\n")


@pytest.mark.parametrize(("chart", "values"), CASES)
def test_rendering_twice_gives_the_same_bytes_and_no_hooks(chart: str, values: dict[str, Any]) -> None:
    once = render_text(chart, values)
    assert once == render_text(chart, values)
    assert "helm.sh/hook" not in once


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("wrong", [{"foo": {}}, {"labels": {"a": 1}}])
def test_helm_refuses_values_that_the_chart_does_not_know(chart: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="specifications of the schema"):
        render_text(chart, wrong)


def test_only_pods_that_read_what_changed_are_rolled() -> None:
    before = _pod_annotations({})
    assert _changed(before, _pod_annotations({"config": {"core": {"parallelism": 5}}})) == set(before)
    assert _changed(before, _pod_annotations({"apiServer": {"apiServerConfig": "A = 1\n"}})) == {"airflow-api-server"}
    resources = {"requests": {"cpu": "1"}}
    assert _changed(before, _pod_annotations({"workers": {"kubernetes": {"resources": resources}}})) == {
        "airflow-scheduler"
    }


def test_tasks_get_none_of_the_instances_keys() -> None:
    config = named(render("airflow", EVERYTHING), "ConfigMap", "airflow-config")
    pod = yaml.safe_load(config["data"]["pod_template_file.yaml"])
    secrets = {
        one["valueFrom"]["secretKeyRef"]["name"] for one in pod["spec"]["containers"][0]["env"] if "valueFrom" in one
    }
    assert secrets == {"b"}


def test_every_object_carries_the_instance() -> None:
    values = {"labels": {"fleet/instance": "marketing"}}
    for item in render("airflow", values) + render("guardrails"):
        assert item["metadata"]["labels"]["fleet/instance"] == "marketing", item["metadata"]["name"]


def _refused(manifest: str) -> str:
    """What kubeconform has against a manifest; empty when it takes all of it."""
    command = [tool("kubeconform"), "-strict", "-schema-location", location()]
    done = subprocess.run(command, input=manifest, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _pod_annotations(values: dict[str, Any]) -> dict[str, Any]:
    deployments = [item for item in render("airflow", values) if item["kind"] == "Deployment"]
    return {item["metadata"]["name"]: item["spec"]["template"]["metadata"]["annotations"] for item in deployments}


def _changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before if before[name] != after[name]}
