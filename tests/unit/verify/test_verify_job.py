"""The Job that tries the walls from inside is a copy of what really runs, and its program needs nothing but Python."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.verify.inside import read
from fleet.verify.job import job
from fleet.verify.probe import AIRFLOW
from tests.support.rendering import render

ORDERS: dict[str, Any] = {
    "place": "task", "team": {"name": "a", "namespace": "airflow-a"}, "others": [], "enforced": False,
    "workload_identity": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def worker() -> dict[str, Any]:
    config = next(
        item
        for item in render("airflow", {"executor": "KubernetesExecutor"})
        if "pod_template_file.yaml" in item.get("data", {})
    )
    template: dict[str, Any] = yaml.safe_load(config["data"]["pod_template_file.yaml"])
    return template


def test_account_image_environment_and_security_are_the_tasks_own(worker: dict[str, Any]) -> None:
    made = job("a", "task", worker, ORDERS)
    pod = made["spec"]["template"]["spec"]
    (container,), (original,) = pod["containers"], worker["spec"]["containers"]
    for key in ("serviceAccountName", "securityContext", "volumes"):
        assert pod[key] == worker["spec"][key]
    for key in ("image", "securityContext", "volumeMounts"):
        assert container[key] == original[key]
    assert container["env"][: len(original["env"])] == original["env"]
    assert made["metadata"]["namespace"] == "airflow-a"


def test_no_deployment_and_no_service_takes_its_pod_for_its_own(worker: dict[str, Any]) -> None:
    labels = job("a", "task", worker, ORDERS)["spec"]["template"]["metadata"]["labels"]
    assert labels["component"] == "worker"  # network policies choose by it
    assert "release" not in labels  # every selector of the chart asks for it


def test_it_goes_by_itself_where_fleet_cannot_delete_it(worker: dict[str, Any]) -> None:
    spec = job("a", "task", worker, ORDERS)["spec"]
    assert spec["ttlSecondsAfterFinished"] and spec["activeDeadlineSeconds"] and spec["backoffLimit"] == 0


def test_its_program_runs_alone_and_answers_every_attempt(worker: dict[str, Any], tmp_path: Path) -> None:
    other = {"name": "b", "namespace": "airflow-b", "airflow": "http://127.0.0.1:1", "log_servers": ["127.0.0.1"]}
    orders = {**ORDERS, "place": "airflow", "others": [other]}
    container = job("a", "airflow", worker, orders)["spec"]["template"]["spec"]["containers"][0]
    start = container["command"][-1].replace("/tmp/fleet-verify", str(tmp_path))
    environment = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    environment |= {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1", "FLEET_VERIFY_NODE": "::1"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", start], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    cells = {(each.attempt, each.against): each for each in read(done.stdout, "a")}
    alone, against = AIRFLOW
    assert set(cells) == {(name, "") for name in alone} | {(name, "b") for name in against}
    # Nobody answered, and there are no keys: that proves no wall.
    assert {each.verdict for each in cells.values()} == {"unknown"}


def test_no_secret_is_in_the_orders(worker: dict[str, Any]) -> None:
    container = job("a", "task", worker, ORDERS)["spec"]["template"]["spec"]["containers"][0]
    own = {each["name"]: each.get("value", "") for each in container["env"] if each["name"].startswith("FLEET_VERIFY")}
    assert json.loads(own["FLEET_VERIFY"]) == ORDERS
    assert base64.b64decode(own["FLEET_VERIFY_PROGRAM"])[:2] == b"PK"
