"""Every pod that the charts and fleet make, for every instance of the golden inventories, before the real API server under Pod
Security `restricted`."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from fleet.desired import Desired
from tests.golden.test_plans import CASES, desired
from tests.support.rendering import render
from tests.support.sandbox import Sandbox

Pod = dict[str, Any]
LABEL = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="module")
def namespace(sandbox: Sandbox) -> Iterator[str]:
    """One that enforces `restricted` and holds nothing."""
    name = f"restricted-{uuid.uuid4().hex[:8]}"
    sandbox.kubectl("create", "namespace", name)
    sandbox.kubectl("label", "namespace", name, LABEL)
    sandbox.kubectl("wait", "--for=create", "serviceaccount/default", "--namespace", name, "--timeout=60s")
    yield name
    sandbox.kubectl("delete", "namespace", name, "--wait=false")


def refusals(sandbox: Sandbox, namespace: str, pods: list[Pod]) -> str:
    """What the API server says against the pods, without creating any."""
    items = {"apiVersion": "v1", "kind": "List", "items": pods}
    command = [sandbox.kubectl_program, "--namespace", namespace, "create", "--dry-run=server", "-f", "-"]
    done = subprocess.run(command, env=sandbox.environment, input=json.dumps(items), capture_output=True, text=True)
    assert done.stdout.count("created (server dry run)") + done.stderr.count("Error from server") == len(pods)
    return done.stderr


def _pods(wanted: Desired) -> Iterator[tuple[str, Pod]]:
    if wanted.portal is not None:
        yield from _templates("portal", render("platform", dict(wanted.portal["values"])))
    for instance in wanted.instances.values():
        yield f"{instance.name}-migration", dict(instance.migration_job["spec"]["template"])
        if isinstance(instance.parts["airflow"]["chart"], str):  # the official one is not on this machine
            yield from _templates(instance.name, render("airflow", dict(instance.parts["airflow"]["values"])))


def _templates(owner: str, objects: list[dict[str, Any]]) -> Iterator[tuple[str, Pod]]:
    for each in objects:
        if each["kind"] == "Deployment":
            yield f"{owner}-{each['metadata']['name']}", each["spec"]["template"]
        for text in (each.get("data") or {}).values() if each["kind"] == "ConfigMap" else ():
            if "kind: Pod" in text:  # what the KubernetesExecutor makes workers of
                yield f"{owner}-worker", yaml.safe_load(text)


def _standing_alone(name: str, template: Mapping[str, Any]) -> Pod:
    """The template as a pod that could be created here, where its service account is not."""
    spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"restartPolicy": "Always", **spec}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_pod_of_a_fleet_is_admitted(sandbox: Sandbox, namespace: str, case: Any) -> None:
    pods = {name: _standing_alone(name, template) for name, template in _pods(desired(case / "after.yaml"))}
    assert pods
    assert refusals(sandbox, namespace, list(pods.values())) == ""


def test_the_cases_hold_every_kind_of_pod() -> None:
    names = {name.rpartition("airflow-")[2] for case in CASES for name, _ in _pods(desired(case / "after.yaml"))}
    kinds = {"api-server", "scheduler", "dag-processor", "triggerer", "worker", "migration", "portal"}
    assert {kind for kind in kinds if any(name.endswith(kind) for name in names)} == kinds
    values = [
        instance.parts["airflow"]["values"]
        for case in CASES
        for instance in desired(case / "after.yaml").instances.values()
    ]
    assert {each["executor"] for each in values} == {"KubernetesExecutor", "LocalExecutor"}
    assert {each["dags"]["gitSync"]["enabled"] for each in values} == {True, False}


def test_one_that_could_become_root_is_not(sandbox: Sandbox, namespace: str) -> None:
    name, template = next(_pods(desired(CASES[0] / "after.yaml")))
    pod = _standing_alone(name, template)
    for each in (pod["spec"], *pod["spec"]["containers"]):
        each.get("securityContext", {}).pop("runAsNonRoot", None)
    assert "violates PodSecurity" in refusals(sandbox, namespace, [pod])
