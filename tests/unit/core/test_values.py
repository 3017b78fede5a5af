"""Every values file that fleet makes fits the official chart's schema and our own, key by key, and holds no secret."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from fleet import inventory, paths
from fleet.desired import DesiredInstance, airflow, secrets
from fleet.errors import ExitCode, FleetErrors
from fleet.overrides import check
from tests.golden.test_plans import CASES, desired
from tests.support.official_values import violations

INSTANCES = [
    pytest.param(instance, id=f"{case.name}-{instance.name}")
    for case in CASES
    for instance in desired(case / "after.yaml").instances.values()
]


def _official(case: Any) -> bool:
    return not isinstance(case.values[0].parts["airflow"]["chart"], str)


def _values(instance: DesiredInstance, part: str) -> dict[str, Any]:
    return dict(instance.parts[part]["values"])  # type: ignore[index]


@pytest.mark.parametrize("instance", INSTANCES)
def test_airflow_values_fit_the_official_schema(instance: DesiredInstance) -> None:
    assert violations(_values(instance, "airflow")) == []


@pytest.mark.parametrize("key", ["airflowVersionn", "schedulerr"])
def test_a_misspelt_key_would_be_found(key: str) -> None:
    values = _values(INSTANCES[0].values[0], "airflow")  # type: ignore[arg-type]
    assert violations({**values, key: {}})
    assert violations({**values, "scheduler": {"replicass": 1}})


@pytest.mark.parametrize(
    ("instance", "chart"),
    [pytest.param(*each.values, "guardrails", id=f"{each.id}-guardrails") for each in INSTANCES]
    + [pytest.param(*each.values, "airflow", id=f"{each.id}-airflow") for each in INSTANCES if not _official(each)],
)
def test_values_fit_our_charts_schema(instance: DesiredInstance, chart: str) -> None:
    schema = json.loads((paths.asset("charts") / chart / "values.schema.json").read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(_values(instance, chart))] == []


def _by_keycloak(case: Any) -> bool:
    return "manager" in case.values[0].parts["terraform"]["variables"]["sso"]


@pytest.mark.parametrize("instance", [each for each in INSTANCES if not _by_keycloak(each)])
def test_webserver_config_is_python_without_a_template_left(instance: DesiredInstance) -> None:
    text = _values(instance, "airflow")["apiServer"]["apiServerConfig"]
    ast.parse(text)
    assert "{{" not in text  # the official chart would evaluate it
    assert f"airflow-{instance.name}" in text


@pytest.mark.parametrize("instance", [each for each in INSTANCES if _by_keycloak(each)])
def test_the_keycloak_manager_is_told_all_but_the_secret(instance: DesiredInstance) -> None:
    values = _values(instance, "airflow")
    assert "apiServerConfig" not in values["apiServer"]
    assert values["config"]["core"]["auth_manager"].endswith(".KeycloakAuthManager")
    told = {"server_url": "https://sso.example.com", "realm": "fleet", "client_id": f"airflow-{instance.name}"}
    assert values["config"]["keycloak_auth_manager"] == told
    variables = {each["name"]: each.get("valueFrom") for each in values["apiServer"]["env"]}
    assert variables["AIRFLOW__KEYCLOAK_AUTH_MANAGER__CLIENT_SECRET"] == {
        "secretKeyRef": {"name": secrets.SIGN_ON, "key": "client-secret"}
    }
    assert "AIRFLOW_SSO_CLIENT_SECRET" not in variables
    # A worker's pod, and what parses DAGs, have no business at Keycloak.
    others = [values[part]["env"] for part in ("scheduler", "dagProcessor", "triggerer")]
    assert not [each for env in others for each in env if "KEYCLOAK" in each["name"]]
    (container,) = instance.migration_job["spec"]["template"]["spec"]["containers"]
    assert container["env"][0]["value"] == values["config"]["core"]["auth_manager"]


def test_merge_is_helms() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert airflow.merge(base, {"a": {"c": [3]}, "e": None}) == {"a": {"b": 1, "c": [3]}, "d": 1, "e": None}


def test_the_connections_quote_what_needs_quoting() -> None:
    case = next(case for case in CASES if case.name == "a-first-fleet")
    inputs = desired(case / "after.yaml").instances["data-science"].parts["secrets"]
    keys = dict.fromkeys(secrets.KEYS, "k") | {"database-password": "p@ss/w:rd"}
    made = secrets.contents(inputs, keys)[secrets.METADATA]
    assert made["connection"] == "postgresql://data_science:p%40ss%2Fw%3Ard@10.1.2.3:5432/data_science?sslmode=require"
    assert made["connection_async"].startswith("postgresql+asyncpg://")
    assert made["connection_async"].endswith("?ssl=require")
    assert set(secrets.contents(inputs, keys)) == set(secrets.NAMES)


def test_a_wrong_override_is_refused_with_its_line(tmp_path: Path) -> None:
    text = (CASES[0].parent / "suspended" / "before.yaml").read_text()
    path = tmp_path / "tenants.yaml"
    path.write_text(text + "    values:\n      scheduler:\n        replicass: 2\n")
    with pytest.raises(FleetErrors) as refused:
        check(inventory.load(path), desired(path))
    assert refused.value.exit_code is ExitCode.REFUSED
    (error,) = refused.value.errors
    assert "replicass" in error.what
    assert error.where.rpartition(":")[2] in (str(len(text.splitlines()) + line) for line in (2, 3))
