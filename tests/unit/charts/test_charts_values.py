"""The values that charts/airflow accepts are a part of the official chart's, key by key."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from fleet.paths import asset
from tests.support.official_values import schema as official_schema
from tests.support.official_values import violations
from tests.support.schema_fit import misfits

CHARTS = ("airflow", "guardrails", "platform")


def load(chart: str, name: str) -> Any:
    text = (asset("charts") / chart / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)


def objects(node: Any, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of an object in a schema, with where it stands."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from objects(item, f"{path}[{number}]")
    elif isinstance(node, dict):
        if node.get("type") == "object":
            yield path, node
        for key, value in node.items():
            yield from objects(value, f"{path}.{key}")


def paths(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The place of every mapping in some values."""
    if isinstance(values, dict):
        yield path
        for key, value in values.items():
            yield from paths(value, (*path, key))


def test_every_key_is_official_and_of_a_type_that_the_official_chart_accepts() -> None:
    assert misfits(load("airflow", "values.schema.json"), official_schema()) == []


def test_the_comparison_finds_a_key_a_type_and_an_item_that_are_not_official() -> None:
    ours = copy.deepcopy(load("airflow", "values.schema.json"))
    ours["properties"]["scheduler"]["properties"]["replica"] = {"type": "integer"}
    ours["properties"]["dagProcessor"]["properties"]["replicas"] = {"type": "string"}
    ours["definitions"]["plainEnv"]["items"]["properties"]["values"] = {"type": "string"}
    found = {line.split(":")[0] for line in misfits(ours, official_schema())}
    assert found == {
        "scheduler.replica",
        "dagProcessor.replicas",
        "env[].values",
        "dags.gitSync.env[].values",
    }


@pytest.mark.parametrize("chart", CHARTS)
def test_every_object_in_the_schema_is_closed(chart: str) -> None:
    open_ones = [
        path
        for path, node in objects(load(chart, "values.schema.json"))
        if node.get("additionalProperties", True) is True
    ]
    assert open_ones == []


@pytest.mark.parametrize("chart", CHARTS)
def test_the_schema_is_valid_and_lists_every_default(chart: str) -> None:
    schema = load(chart, "values.schema.json")
    Draft7Validator.check_schema(schema)
    values = load(chart, "values.yaml")
    if chart == "guardrails":
        values |= {"instance": "marketing", "namespace": "airflow-marketing"}
    if chart == "platform":
        values["portal"] |= {"url": "https://airflow.example.com", "issuer": "https://sso.example.com/realms/fleet"}
    assert list(Draft7Validator(schema).iter_errors(values)) == []


def test_the_defaults_are_official_values() -> None:
    assert violations(load("airflow", "values.yaml")) == []


DEFAULTS = load("airflow", "values.yaml")
OURS = Draft7Validator(load("airflow", "values.schema.json"))
# Objects with free keys by nature: labels, annotations, airflow.cfg, amounts of resources.
FREE = {
    "requests",
    "limits",
    "labels",
    "podAnnotations",
    "annotations",
    "airflowPodAnnotations",
    "nodeSelector",
    "config",
    "kwargs",
}
CLOSED = [path for path in paths(DEFAULTS) if not FREE & set(path)]


@pytest.mark.parametrize("path", CLOSED, ids=".".join)
def test_an_unknown_key_is_refused_wherever_it_stands(path: tuple[str, ...]) -> None:
    values = copy.deepcopy(DEFAULTS)
    target = values
    for step in path:
        target = target[step]
    target["misspelt"] = "x"
    assert any("'misspelt'" in line for line in violations(values))
    assert not OURS.is_valid(values)


def test_a_violation_names_its_place() -> None:
    found = violations({"scheduler": {"replica": 2}, "executors": "LocalExecutor", "env": [{"name": "A", "value": 1}]})
    assert [line.split(":")[0] for line in found] == ["(top)", "env[0].value", "scheduler"]


def test_guardrails_quota_names_and_places_are_closed() -> None:
    validator = Draft7Validator(load("guardrails", "values.schema.json"))
    base = {"instance": "m", "namespace": "airflow-m"}
    assert validator.is_valid(base | {"quota": {"requests.cpu": "4", "count/jobs.batch": 10}})
    assert not validator.is_valid(base | {"quota": {"request.cpu": "4"}})
    assert not validator.is_valid(base | {"network": {"database": {"host": "db.example.org", "port": 5432}}})
    assert not validator.is_valid(base | {"network": {"extraEgress": [{"ports": [443]}]}})
    assert not validator.is_valid({"instance": "m"})
