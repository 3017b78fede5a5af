"""The official chart: what fleet adds to the values for it, which chart Helm gets, and what is refused.

That the values fit the official schema is in test_values.py, for every golden case. To render the official chart itself needs
its source, which is not here; docs/how-to/official-chart.md says what was tried with it.
"""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet import charts, inventory, overrides
from fleet.desired import Contents, Desired, DesiredInstance, build
from fleet.drivers import tools
from fleet.drivers.helm import Helm
from fleet.errors import ExitCode, FleetError, FleetErrors

HEAD = """version: 1
platform:
  domain: airflow.example.com
  kubernetes: {context: test}
  database: {host: 10.1.2.3}
  sso: {url: "https://sso.example.com"}
"""
REMOTE = "{source: official, version: 1.22.0, repository: 'https://airflow.apache.org'}"
COMPONENTS = ("apiServer", "scheduler", "dagProcessor", "triggerer")
KEYS = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
}


def _chart(folder: Path, name: str = "airflow", version: str = "1.22.0") -> Path:
    folder.mkdir(parents=True)
    (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: {version}\n")
    return folder


def _desired(tmp_path: Path, *lines: str, chart: str = REMOTE) -> Desired:
    path = tmp_path / "tenants.yaml"
    entry = ["owner: x", f"chart: {chart}", *lines]
    path.write_text(HEAD + "teams:\n  research:\n" + "".join(f"    {line}\n" for line in entry))
    document = inventory.load(path)
    wanted = build(document.inventory, Contents("p", "t", "g", "a", "c", charts.folders(document)))
    overrides.check(document, wanted)
    return wanted


def _research(tmp_path: Path, *lines: str, chart: str = REMOTE) -> DesiredInstance:
    return _desired(tmp_path, *lines, chart=chart).instances["research"]


def _values(instance: DesiredInstance) -> dict[str, Any]:
    return dict(instance.parts["airflow"]["values"])


def test_nothing_comes_from_the_chart_that_fleet_makes_itself(tmp_path: Path) -> None:
    values = _values(_research(tmp_path))
    for part in ("createUserJob", "migrateDatabaseJob", "statsd", "redis", "postgresql", "pgbouncer"):
        assert values[part]["enabled"] is False
    for part in ("createUserJob", "migrateDatabaseJob"):
        assert values[part]["serviceAccount"]["create"] is False
    assert values["rbac"] == {"create": False}
    assert all(values[name]["waitForMigrations"] == {"enabled": False} for name in COMPONENTS)
    # Without these names the chart makes Secrets: at random, anew at each render, by hooks.
    for secret in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName"):
        assert values[secret]
    assert {"metadataSecretName", "brokerUrlSecretName"} <= set(values["data"])


def test_only_the_components_get_the_keys(tmp_path: Path) -> None:
    values = _values(_research(tmp_path))
    assert {name for name, on in values["enableBuiltInSecretEnvVars"].items() if on is False} >= KEYS
    for name in COMPONENTS:
        assert {entry["name"] for entry in values[name]["env"]} >= KEYS
        assert all("valueFrom" in entry for entry in values[name]["env"] if entry["name"] in KEYS)
    assert "env" not in values["workers"]["kubernetes"]
    assert "AIRFLOW_SSO_CLIENT_SECRET" in {entry["name"] for entry in values["apiServer"]["env"]}


def test_the_keycloak_manager_gets_its_secret_by_the_environment_and_no_file_of_fabs(tmp_path: Path) -> None:
    values = _values(_research(tmp_path, "sso: {manager: keycloak}"))
    assert "apiServerConfig" not in values["apiServer"]
    names = {entry["name"] for entry in values["apiServer"]["env"]}
    assert {"AIRFLOW__KEYCLOAK_AUTH_MANAGER__CLIENT_SECRET", *KEYS} <= names
    assert not {
        name for part in COMPONENTS[1:] for entry in values[part]["env"] if "KEYCLOAK" in (name := entry["name"])
    }


@pytest.mark.parametrize("executor", ["KubernetesExecutor", "LocalExecutor"])
@pytest.mark.parametrize("dags", ["{source: baked}", "{source: git, repository: 'https://git.example.com/x.git'}"])
def test_every_container_is_restricted(tmp_path: Path, executor: str, dags: str) -> None:
    values = _values(_research(tmp_path, f"executor: {executor}", f"dags: {dags}"))
    pod = values["securityContexts"]["pod"]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] > 0
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    containers = [values["securityContexts"]["containers"]]
    if "git" in dags:
        # The chart gives git-sync a securityContext of its own, so the general one does not reach it.
        containers.append(values["dags"]["gitSync"]["securityContexts"]["container"])
        assert values["dags"]["gitSync"]["resources"]["limits"]["memory"]
    for container in containers:
        assert container["allowPrivilegeEscalation"] is False
        assert container["capabilities"] == {"drop": ["ALL"]}


def test_the_scheduler_stays_a_deployment(tmp_path: Path) -> None:
    values = _values(_research(tmp_path, "executor: LocalExecutor"))
    assert values["workers"]["celery"]["persistence"] == {"enabled": False}
    assert values["triggerer"]["persistence"] == {"enabled": False}


def test_a_teams_values_go_over_what_the_chart_needs(tmp_path: Path) -> None:
    lines = ("values:", "  securityContexts:", "    pod: {runAsUser: 1000}")
    pod = _values(_research(tmp_path, *lines))["securityContexts"]["pod"]
    assert pod["runAsUser"] == 1000
    assert pod["runAsNonRoot"] is True


def test_the_repository_is_recorded_and_no_folder_is_used(tmp_path: Path) -> None:
    instance = _research(tmp_path)
    assert instance.chart_folder is None
    assert instance.parts["airflow"]["chart"] == {
        "source": "official",
        "version": "1.22.0",
        "repository": "https://airflow.apache.org",
    }


def test_a_folder_is_found_from_the_inventory_and_recorded_by_its_content(tmp_path: Path) -> None:
    folder = _chart(tmp_path / "vendor" / "airflow")
    there = "{source: official, version: 1.22.0, path: vendor/airflow}"
    first = _research(tmp_path, chart=there)
    assert first.chart_folder == folder
    recorded = first.parts["airflow"]["chart"]
    assert recorded["path"] == "vendor/airflow"
    assert str(tmp_path) not in str(recorded)
    (folder / "values.yaml").write_text("executor: x\n")
    assert _research(tmp_path, chart=there).parts["airflow"]["chart"]["content"] != recorded["content"]


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("airflow", "1.21.0", "holds version 1.21.0, not 1.22.0"),
        ("airflow-ha", "1.22.0", "holds the chart `airflow-ha`"),
        (None, "", "holds no Helm chart"),
    ],
)
def test_a_folder_without_that_chart_is_refused_with_its_line(
    tmp_path: Path, name: str | None, version: str, said: str
) -> None:
    if name:
        _chart(tmp_path / "chart", name, version)
    with pytest.raises(FleetErrors) as refused:
        _desired(tmp_path, chart="{source: official, version: 1.22.0, path: chart}")
    (error,) = refused.value.errors
    assert said in error.what
    assert error.where == f"{tmp_path / 'tenants.yaml'}:{len(HEAD.splitlines()) + 4}"
    assert error.exit_code is ExitCode.REFUSED


def test_overrides_are_held_against_the_folders_own_schema(tmp_path: Path) -> None:
    schema = '{"properties": {"scheduler": {"properties": {"replicas": {"type": "integer"}}}}}'
    (_chart(tmp_path / "chart") / "values.schema.json").write_text(schema)
    there = "{source: official, version: 1.22.0, path: chart}"
    _desired(tmp_path, "values: {scheduler: {safeToEvict: true}}", chart=there)  # ours would refuse it
    with pytest.raises(FleetErrors) as refused:
        _desired(tmp_path, "values: {scheduler: {replicas: two}}", chart=there)
    (error,) = refused.value.errors
    assert "is not of type 'integer'" in error.what


@pytest.fixture
def helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in Helm's place: writes its arguments down, and the archive that it is asked for. Gives the notes' path."""
    notes, program = tmp_path / "arguments", tmp_path / "helm"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {notes}\n'
        'while [ $# -gt 0 ]; do [ "$1" = --destination ] && echo x > "$2/airflow-1.22.0.tgz"; shift; done\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(tools, "find", lambda _: program)
    monkeypatch.setattr(tools, "kubeconfig", lambda _: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return notes


def test_a_chart_is_pulled_once_in_its_exact_version(helm: Path) -> None:
    first, second = (
        asyncio.run(Helm("test").pull("airflow", "https://airflow.apache.org", "1.22.0")) for _ in range(2)
    )
    assert first == second
    assert first.name == "airflow-1.22.0.tgz"
    assert first.read_text() == "x\n"
    (arguments,) = helm.read_text().splitlines()
    assert arguments.startswith("pull airflow --repo https://airflow.apache.org --version 1.22.0 --destination ")


def test_another_repositorys_chart_of_that_version_is_another(helm: Path) -> None:
    official, mirror = (
        asyncio.run(Helm("test").pull("airflow", url, "1.22.0")) for url in ("https://a.example", "https://b.example")
    )
    assert official != mirror
    assert len(helm.read_text().splitlines()) == 2


def test_a_pull_that_brings_nothing_leaves_nothing(helm: Path, tmp_path: Path) -> None:
    (tmp_path / "helm").write_text("#!/bin/sh\necho 'Error: no such version' >&2\nexit 1\n")
    with pytest.raises(FleetError, match="no such version"):
        asyncio.run(Helm("test").pull("airflow", "https://airflow.apache.org", "1.22.0"))
    assert not list((tmp_path / "cache").rglob("*.tgz"))


def test_the_values_are_plain_yaml(tmp_path: Path) -> None:
    values = _values(_research(tmp_path))
    assert yaml.safe_load(yaml.safe_dump(values)) == values
