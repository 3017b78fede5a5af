"""Drift on the real node: what a cluster, its controllers and Airflow do by themselves is none; what a person does is, and is
put right."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Demo
from tests.support.waiting import eventually

pytestmark = pytest.mark.together("demo")
TEAM, NEIGHBOUR = "marketing", "finance"
SPACE = f"airflow-{TEAM}"
AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "api", "namespace": SPACE},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "airflow-api-server"},
        # Below the minimum the controller scales whatever the metrics say, and here nobody measures.
        "minReplicas": 2, "maxReplicas": 3,
    },
}  # fmt: skip


def look(demo: Demo, *words: str) -> list[dict[str, Any]]:
    """Findings of the demo's own; other tests' things on the same servers are orphans to it."""
    done = demo.fleet("drift", "--output", "json", *words, check=False)
    assert done.returncode in (0, 2), done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["errors"] == []
    return [each for each in report["findings"] if each["team"] in (TEAM, NEIGHBOUR, "platform")]


def ready(demo: Demo, deployment: str) -> int:
    found = json.loads(demo.sandbox.kubectl("get", "deployment", deployment, "-n", SPACE, "--output", "json"))
    return int(found["status"].get("readyReplicas", 0))


@pytest.fixture
def scaled(demo: Demo) -> Iterator[None]:
    """A real autoscaler has made two of one."""
    manifest = json.dumps(AUTOSCALER)
    program = [demo.sandbox.kubectl_program, "apply", "--filename=-"]
    subprocess.run(program, env=demo.sandbox.environment, input=manifest, text=True, check=True, capture_output=True)
    try:
        eventually(lambda: ready(demo, "airflow-api-server") == 2)
        yield
    finally:
        demo.sandbox.kubectl("delete", "hpa", "api", "-n", SPACE)
        demo.sandbox.kubectl("scale", "deployment", "airflow-api-server", "--replicas=1", "-n", SPACE)


def test_what_the_cluster_does_by_itself_is_no_drift(demo: Demo, scaled: None) -> None:
    kubectl = demo.sandbox.kubectl
    kubectl("delete", "pod", "--selector=component=triggerer", "--wait=false", "-n", SPACE)
    kubectl("rollout", "restart", "deployment/airflow-dag-processor", "-n", SPACE)
    kubectl("create", "token", "airflow-scheduler", "-n", SPACE)
    for _ in range(3):
        assert look(demo) == []
    eventually(lambda: all(ready(demo, f"airflow-{each}") for each in ("triggerer", "dag-processor")))
    assert look(demo) == []


def test_a_scheduler_taken_away_is_found_with_who_did_it_and_comes_back(demo: Demo) -> None:
    change = json.dumps({"spec": {"replicas": 0}})
    demo.sandbox.kubectl("patch", "deployment", "airflow-scheduler", "--patch", change, "-n", SPACE)
    (found,) = look(demo, "--team", TEAM)
    assert (found["kind"], found["severity"], found["field"]) == ("helm.stopped", "critical", "spec.replicas")
    assert (found["expected"], found["found"], found["heals"]) == ("1", "0", True)
    assert "kubectl" in found["who"] and found["when"]
    done = demo.fleet("drift", "--heal", "--team", TEAM, "--yes", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    eventually(lambda: ready(demo, "airflow-scheduler") == 1)
    assert look(demo) == []
    assert "drift --heal" in demo.fleet("history").stdout
