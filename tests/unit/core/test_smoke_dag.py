"""fleet's own DAG in the values of every Airflow, and in what the charts make of them."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
import yaml

from fleet.desired import airflow, migration, smoke
from fleet.desired.resolve import resolve
from fleet.paths import asset
from tests.support.rendering import named, render
from tests.unit.inventory.texts import HEAD, load_text

SOURCE = asset("charts") / "guardrails" / "files" / "fleet_smoke.py"
FILE = "/opt/airflow/fleet-smoke/fleet_smoke.py"


def values(entry: str = "{owner: x}") -> dict[str, Any]:
    inventory = load_text(HEAD + f"teams:\n  a: {entry}\n").inventory
    return airflow.values(inventory.platform, resolve(inventory, "a", inventory.teams["a"]))


def bundles(found: dict[str, Any]) -> list[str]:
    return [each["name"] for each in found["dagProcessor"]["dagBundleConfigList"]]


def test_a_teams_own_volumes_and_bundles_stay_beside_it() -> None:
    own = {
        "volumes": [{"name": "data", "emptyDir": {}}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "dagProcessor": {"dagBundleConfigList": [{"name": "mine", "classpath": "x", "kwargs": {}}]},
    }
    found = values(f"{{owner: x, values: {json.dumps(own)}}}")
    assert [each["name"] for each in found["volumes"]] == ["data", "fleet-smoke"]
    assert [each["mountPath"] for each in found["volumeMounts"]] == ["/data", FILE]
    assert bundles(found) == ["mine", "fleet-smoke"]
    assert bundles(values()) == ["dags-folder", "fleet-smoke"]


@pytest.mark.parametrize("own", [{"volumes": None}, {"volumes": 5}, {"dagProcessor": 5}])
def test_a_mistaken_override_is_left_for_the_schema(own: dict[str, Any]) -> None:
    (key,) = own
    found = values(f"{{owner: x, values: {json.dumps(own)}}}")
    assert found[key] == own[key] or found[key] == values()[key]


def test_whose_own_processor_is_taken_away_has_it_beside_the_charts() -> None:
    assert bundles(values("{owner: x, values: {dagProcessor: null}}")) == ["dags-folder", "fleet-smoke"]


@pytest.mark.parametrize("executor", ["LocalExecutor", "KubernetesExecutor"])
def test_whoever_reads_dags_or_runs_tasks_has_the_file(executor: str) -> None:
    objects = render("airflow", values(f"{{owner: x, executor: {executor}}}"))
    pods = [
        named(objects, "Deployment", f"airflow-{name}")["spec"]["template"] for name in ("scheduler", "dag-processor")
    ]
    if executor == "KubernetesExecutor":
        config = named(objects, "ConfigMap", "airflow-config")["data"]
        pods.append(yaml.safe_load(config["pod_template_file.yaml"]))
    for pod in pods:
        (container,) = pod["spec"]["containers"]
        assert {"name": "fleet-smoke", "configMap": {"name": "fleet-smoke"}} in pod["spec"]["volumes"]
        assert FILE in [each["mountPath"] for each in container["volumeMounts"]]
    listed = named(objects, "ConfigMap", "airflow-config")["data"]["airflow.cfg"]
    assert '"path":"/opt/airflow/fleet-smoke"' in listed and '"name":"dags-folder"' in listed


def test_the_guardrails_bring_the_file_whole() -> None:
    objects = render("guardrails", {"instance": "a", "namespace": "airflow-a"})
    data = named(objects, "ConfigMap", "fleet-smoke")["data"]
    assert data["fleet_smoke.py"].strip() == SOURCE.read_text().strip()


def test_the_file_and_what_is_asked_of_it_agree() -> None:
    words = {node.value for node in ast.walk(ast.parse(SOURCE.read_text())) if isinstance(node, ast.Constant)}
    assert {smoke.DAG, smoke.POOL, smoke.SLOTS} <= words


def test_another_job_is_the_migrations_in_all_but_name_and_command() -> None:
    inventory = load_text(HEAD + "teams:\n  a: {owner: x}\n").inventory
    migrate = migration.job(inventory.platform, resolve(inventory, "a", inventory.teams["a"]))
    before = json.dumps(migrate)
    other = migration.another(migrate, "fleet-smoke-1", ["airflow", "version"])
    assert json.dumps(migrate) == before
    (was,), (now,) = (each["spec"]["template"]["spec"]["containers"] for each in (migrate, other))
    assert now["args"] == ["airflow", "version"] and other["spec"]["backoffLimit"] == 0
    assert {**now, "args": was["args"]} == was
    assert other["metadata"]["labels"] == migrate["metadata"]["labels"]
