"""Both charts in a namespace of the sandbox's API server: what admission, quota and RBAC say, without running Airflow."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.paths import asset
from fleet.sandbox.builds import tool
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.teams

COMPONENTS = ("apiServer", "scheduler", "dagProcessor", "triggerer")
AIRFLOW: dict[str, Any] = {
    "dags": {"gitSync": {"enabled": True, "repo": "https://git.example.org/dags.git"}},
    **{component: {"replicas": 0} for component in COMPONENTS},
}


@dataclass(frozen=True)
class Instance:
    """A guarded namespace with an Airflow that is asleep."""

    sandbox: Sandbox
    namespace: str

    def admitted(self, pod: dict[str, Any]) -> str:
        """What the API server says against a pod, without creating it; empty when it would take it."""
        command = [self.sandbox.kubectl_program, "--namespace", self.namespace, "create", "--dry-run=server", "-f", "-"]
        done = subprocess.run(
            command, env=self.sandbox.environment, input=json.dumps(pod), capture_output=True, text=True
        )
        return "" if done.returncode == 0 and "Warning" not in done.stderr else done.stderr

    def may(self, account: str, verb: str, resource: str) -> bool:
        """Whether a service account of the namespace may do this in it."""
        who = f"system:serviceaccount:{self.namespace}:{account}"
        answer = self.sandbox.kubectl(
            "auth", "can-i", verb, resource, "--as", who, "--namespace", self.namespace, check=False
        )
        return answer.strip() == "yes"


@pytest.fixture(scope="module")
def instance(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    name = f"chart-{uuid.uuid4().hex[:8]}"
    found = Instance(sandbox, f"airflow-{name}")
    guardrails = {"instance": name, "namespace": found.namespace, "quota": {"requests.memory": "2Gi"}}
    folder = tmp_path_factory.mktemp("values")
    install(sandbox, f"guardrails-{name}", "guardrails", "fleet-system", guardrails, folder)
    install(sandbox, "airflow", "airflow", found.namespace, AIRFLOW, folder)
    yield found
    helm(sandbox, "uninstall", f"guardrails-{name}", "--namespace", "fleet-system")


def install(sandbox: Sandbox, release: str, chart: str, namespace: str, values: dict[str, Any], folder: Path) -> None:
    file = folder / f"{chart}.yaml"
    file.write_text(yaml.safe_dump(values))
    helm(sandbox, "install", release, str(asset("charts") / chart), "--namespace", namespace, "--values", str(file))


def helm(sandbox: Sandbox, *arguments: str) -> None:
    done = subprocess.run([tool("helm"), *arguments], env=sandbox.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def pods(instance: Instance) -> dict[str, dict[str, Any]]:
    """The pods that the installed release would run, by component, the worker's among them."""
    deployments = instance.sandbox.objects("deployments", instance.namespace)
    found = {item["metadata"]["name"]: item["spec"]["template"] for item in deployments}
    config = instance.sandbox.objects("configmaps", instance.namespace, labels="component=config")
    template = next(item for item in config if "pod_template_file.yaml" in item["data"])["data"]
    found["airflow-worker"] = yaml.safe_load(template["pod_template_file.yaml"])
    return {
        name: {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {**pod["metadata"], "name": "probe"}}
        for name, pod in found.items()
    }


def test_every_pod_is_admitted_under_pod_security_restricted(instance: Instance) -> None:
    found = pods(instance)
    assert set(found) == {
        f"airflow-{one}" for one in ("api-server", "scheduler", "dag-processor", "triggerer", "worker")
    }
    assert {name: instance.admitted(pod) for name, pod in found.items()} == dict.fromkeys(found, "")


def test_a_pod_that_may_become_root_is_refused(instance: Instance) -> None:
    pod = pods(instance)["airflow-worker"]
    del pod["spec"]["securityContext"]["runAsNonRoot"]
    assert "violates PodSecurity" in instance.admitted(pod)


def test_a_container_that_says_nothing_gets_limits_and_the_quota_counts_it(instance: Instance) -> None:
    pod = pods(instance)["airflow-worker"]
    assert instance.admitted(pod) == ""
    pod["spec"]["containers"][0]["resources"] = {"requests": {"memory": "3Gi"}, "limits": {"memory": "3Gi"}}
    assert "exceeded quota: guardrails" in instance.admitted(pod)


def test_load_balancers_lead_past_the_front_and_are_refused(instance: Instance) -> None:
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "past-the-front"}, "spec": spec}
    assert "exceeded quota" in instance.admitted(service)


def test_rights_are_those_of_the_executor_and_no_more(instance: Instance) -> None:
    assert instance.may("airflow-scheduler", "create", "pods")
    assert instance.may("airflow-api-server", "get", "pods/log")
    assert not instance.may("airflow-api-server", "create", "pods")
    assert not instance.may("airflow-worker", "create", "pods")
    for account in ("airflow-scheduler", "airflow-api-server", "airflow-worker", "default"):
        assert not instance.may(account, "get", "secrets")
        assert not instance.may(account, "update", "resourcequotas")
