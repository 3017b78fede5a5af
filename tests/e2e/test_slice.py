"""From one line in tenants.yaml to a real Airflow: what the first slice must show, on the real node."""

from __future__ import annotations

import base64
import gzip
import json
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from fleet import paths
from tests.e2e.conftest import TEAMS, Demo

pytestmark = pytest.mark.together("demo")

# Kinds that nobody but their owner writes: no controller keeps a status in them.
QUIET = "configmaps,secrets,services,serviceaccounts,roles,rolebindings,networkpolicies,limitranges"
BUSY = "deployments,pods,resourcequotas"


def _status(demo: Demo) -> dict[str, dict[str, str]]:
    rows = json.loads(demo.fleet("status", "--output", "json", check=False).stdout)
    return {row["instance"]: row for row in rows}


# 1. Two real Airflows; in each a DAG run whose task ran in a pod of that team's namespace.


def test_status_shows_both_healthy(demo: Demo) -> None:
    status = _status(demo)
    assert set(status) == set(TEAMS)
    for name, row in status.items():
        assert row["state"] == "healthy"
        assert row["version"] == "3.3.2"
        assert row["url"] == f"https://{name}.fleet.localhost"
        assert row["database"] == name
        assert row["age"] != "-"


@pytest.mark.parametrize("team", TEAMS)
def test_tasks_ran_in_pods_of_the_team(demo: Demo, team: str) -> None:
    with demo.sandbox.team(team) as connection:
        runs = connection.execute("select state from dag_run where dag_id = 'fleet_hello'").fetchall()
        tasks = connection.execute("select task_id, state from task_instance where dag_id = 'fleet_hello'").fetchall()
        said = connection.execute("select value from xcom where dag_id = 'fleet_hello' and key = 'host'").fetchall()
        reports = connection.execute(
            "select value from xcom where task_id = 'report' and key = 'return_value'"
        ).fetchall()
    assert runs and all(state == "success" for (state,) in runs)
    assert {task for task, _ in tasks} == {"where", "report"}
    assert all(state == "success" for _, state in tasks)
    events = demo.sandbox.objects("events", f"airflow-{team}")
    started = {event["involvedObject"]["name"] for event in events if event["reason"] == "Started"}
    # The tasks said where they ran: each in a pod of its own, and the cluster started those pods in this namespace.
    first, second = {host for (host,) in said}, {report.rpartition(" ")[2] for (report,) in reports}
    assert first and second and not first & second
    assert first | second <= started


@pytest.mark.parametrize("team", TEAMS)
def test_every_pod_is_on_the_real_node_and_restricted(demo: Demo, team: str) -> None:
    (namespace,) = [
        each
        for each in json.loads(demo.sandbox.kubectl("get", "namespaces", "--output", "json"))["items"]
        if each["metadata"]["name"] == f"airflow-{team}"
    ]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = demo.sandbox.objects(
        "pods", f"airflow-{team}", "tier=airflow,component in (api-server,scheduler,triggerer,dag-processor)"
    )
    assert len(pods) == 4
    assert {pod["spec"]["nodeName"] for pod in pods} == {"fleet-node"}


def test_git_and_baked_dags_are_both_there(demo: Demo) -> None:
    def containers(team: str) -> set[str]:
        (pod,) = demo.sandbox.objects("pods", f"airflow-{team}", "component=dag-processor")
        return {each["name"] for each in pod["spec"]["containers"]}

    assert "git-sync" in containers("finance")
    assert "git-sync" not in containers("marketing")


# 3. PostgreSQL.


@pytest.mark.parametrize("team", TEAMS)
def test_tables_lie_in_the_teams_own_schema(demo: Demo, team: str) -> None:
    with demo.sandbox.team(team) as connection:
        tables = connection.execute(
            "select schemaname, tableowner, count(*) from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema') group by 1, 2"
        ).fetchall()
    ((schema, owner, count),) = tables
    assert (schema, owner) == (team, team)
    assert count > 50


@pytest.mark.parametrize("team", TEAMS)
def test_a_role_is_refused_at_the_others_database(demo: Demo, team: str) -> None:
    (other,) = set(TEAMS) - {team}
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        demo.sandbox.team(team, database=other)


@pytest.mark.parametrize("team", TEAMS)
def test_public_is_not_writable(demo: Demo, team: str) -> None:
    with demo.sandbox.team(team) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("create table public.intruder (id int)")


@pytest.mark.parametrize("team", TEAMS)
def test_the_connection_limit_is_set(demo: Demo, team: str) -> None:
    with demo.sandbox.admin() as connection:
        (row,) = connection.execute("select rolconnlimit, rolsuper from pg_roles where rolname = %s", [team]).fetchall()
    assert row == (30, False)


# 4. No secret anywhere but in Secrets.


@pytest.fixture(scope="module")
def secrets(demo: Demo) -> dict[str, str]:
    """Every secret value there is, by what it is."""
    found = {f"fleet-platform {key}": value for key, value in demo.sandbox.platform_secrets.items()}
    found["fleet-platform portal"] = demo.sandbox.secret("fleet-system", "fleet-portal")["client-secret"]
    for team in TEAMS:
        keys = demo.sandbox.secret("fleet-system", f"keys-{team}")
        assert len(keys) == 5
        found |= {f"{team} {key}": value for key, value in keys.items()}
    return found


def _leaks(secrets: dict[str, str], text: str) -> list[str]:
    return [
        what for what, value in secrets.items() if value in text or base64.b64encode(value.encode()).decode() in text
    ]


def test_no_two_teams_share_a_key(secrets: dict[str, str]) -> None:
    values = [value for what, value in secrets.items() if not what.startswith("fleet-platform")]
    assert len(set(values)) == len(values) == 10


def test_no_secret_in_any_terraform_state(demo: Demo, secrets: dict[str, str]) -> None:
    with psycopg.connect(demo.sandbox.platform["terraform-backend-conn-str"]) as connection:
        schemas = connection.execute("select table_schema from information_schema.tables where table_name = 'states'")
        states = [
            row
            for (schema,) in schemas.fetchall()
            for row in connection.execute(f'select name, data from "{schema}".states').fetchall()
        ]
    assert {"marketing", "finance", "default"} <= {name for name, _ in states}
    assert all(
        "postgresql_role" in data for name, data in states if name in TEAMS
    )  # it is the states that are searched
    for name, data in states:
        assert _leaks(secrets, data) == [], name


def test_no_secret_in_any_helm_release(demo: Demo, secrets: dict[str, str]) -> None:
    releases = demo.sandbox.objects("secrets", labels="owner=helm")
    assert len(releases) >= 4
    for release in releases:
        payload = gzip.decompress(base64.b64decode(base64.b64decode(release["data"]["release"]))).decode()
        assert '"manifest"' in payload
        assert _leaks(secrets, payload) == [], release["metadata"]["name"]


def test_no_secret_in_any_object_but_secrets(demo: Demo, secrets: dict[str, str]) -> None:
    kinds = "configmaps,pods,deployments,jobs,events,serviceaccounts,networkpolicies"
    text = json.dumps(demo.sandbox.objects(kinds))
    assert "applied-marketing" in text
    assert _leaks(secrets, text) == []


def _written_files(demo: Demo) -> Iterator[Path]:
    state = paths.state_dir()
    for root in (state / "terraform", state / "sandbox" / "logs", demo.inventory.parent):
        for path in root.rglob("*"):
            # A provider's own program is no rendered file.
            if path.is_file() and not path.is_symlink() and not path.stat().st_mode & stat.S_IXUSR:
                yield path


def test_no_secret_in_any_rendered_file_or_log(demo: Demo, secrets: dict[str, str]) -> None:
    files = list(_written_files(demo))
    assert any(path.name == "backend.tf.json" for path in files)
    assert any("kube-apiserver" in path.name for path in files)
    leaks = {str(path): found for path in files if (found := _leaks(secrets, path.read_text(errors="replace")))}
    assert leaks == {}


def test_no_secret_in_the_demos_output_or_in_what_airflow_says(demo: Demo, secrets: dict[str, str]) -> None:
    assert _leaks(secrets, demo.output) == []
    for team in TEAMS:
        said = demo.fleet("logs", team, "--tail", "2000").stdout
        assert "scheduler" in said
        assert _leaks(secrets, said) == []


# 5. Nothing to do starts nothing; one changed team starts each program once.


@pytest.fixture
def counted(tmp_path: Path, demo: Demo) -> tuple[str, Path]:
    """A folder with a terraform and a helm that write each call down and then are the real ones."""
    from fleet.drivers import tools

    log, folder = tmp_path / "calls", tmp_path / "bin"
    folder.mkdir()
    log.touch()
    for name in ("terraform", "helm"):
        shim = folder / name
        shim.write_text(f'#!/bin/sh\necho {name} "$1" >> {log}\nexec {tools.find(name, "tofu")} "$@"\n')
        shim.chmod(0o755)
    return str(folder), log


def test_the_fleet_as_metrics(demo: Demo) -> None:
    said = demo.fleet("status", "--output", "prometheus").stdout.splitlines()
    assert {f'fleet_instance_fine{{instance="{team}"}} 1.0' for team in TEAMS} <= set(said)
    assert "fleet_orphans 0.0" in said


def test_apply_again_has_nothing_to_do_and_starts_nothing(demo: Demo, counted: tuple[str, Path]) -> None:
    folder, log = counted
    done = demo.fleet("apply", path=folder)  # no --yes: there is nothing to ask
    assert "nothing to do" in done.stdout
    assert log.read_text() == ""


def _edit(demo: Demo, change: Any) -> None:
    data = yaml.safe_load(demo.inventory.read_text())
    change(data)
    demo.inventory.write_text(yaml.safe_dump(data, sort_keys=False))


def test_one_changed_team_starts_each_program_once(demo: Demo, counted: tuple[str, Path]) -> None:
    folder, log = counted
    before = demo.inventory.read_text()
    small = json.loads(json.dumps(_default_size()))
    small["connections"] = 31

    def change(data: dict[str, Any]) -> None:
        data["sizes"] = {"wider": small}
        data["teams"]["finance"] |= {"size": "wider", "quota": {"pods": 25}}

    try:
        _edit(demo, change)
        plan = demo.fleet("plan", path=folder).stdout
        assert "database.connection_limit: 30 → 31" in plan
        assert "quota.pods: 20 → 25" in plan
        assert "marketing" not in plan
        # The program's path is part of what `init` depends on: the shim's first call makes a working directory of its own.
        log.write_text("")
        done = demo.fleet("apply", "--yes", path=folder)
        assert sorted(log.read_text().splitlines()) == ["helm upgrade", "terraform apply"]
        assert "(stand-in)" in done.stderr or "providers:" in done.stderr
    finally:
        demo.inventory.write_text(before)
        demo.fleet("apply", "--yes")


def _default_size() -> dict[str, Any]:
    from fleet.model import DEFAULT_SIZES

    return DEFAULT_SIZES["small"].model_dump()


# 6. A third team touches only its own things.


def _fingerprints(demo: Demo, namespace: str) -> dict[str, object]:
    """What would change if anybody wrote to the namespace."""

    def key(item: dict[str, Any]) -> str:
        return f"{item['kind']}/{item['metadata']['name']}"

    quiet = {key(item): item["metadata"]["resourceVersion"] for item in demo.sandbox.objects(QUIET, namespace)}
    # Controllers and the kubelet go on writing the status of these: all other writers are compared.
    busy = {
        key(item): (
            item["metadata"]["uid"],
            item["metadata"].get("generation"),
            [
                (field["manager"], field["time"])
                for field in item["metadata"].get("managedFields", [])
                if field.get("subresource") != "status" and field["manager"] != "kube-controller-manager"
            ],
        )
        for item in json.loads(
            demo.sandbox.kubectl("get", BUSY, "--namespace", namespace, "--show-managed-fields", "--output", "json")
        )["items"]
    }
    return {**quiet, **busy}


def test_a_third_team_touches_only_its_own_things(demo: Demo) -> None:
    namespaces = [f"airflow-{team}" for team in TEAMS]
    before = {namespace: _fingerprints(demo, namespace) for namespace in namespaces}
    text = demo.inventory.read_text()
    added = demo.fleet(
        "add-team", "analytics", "--owner", "analytics@example.com", "--executor", "LocalExecutor", "--yes"
    )
    assert added.stdout.splitlines()[-1] == "https://analytics.fleet.localhost"
    assert _status(demo)["analytics"]["state"] == "healthy"
    assert {namespace: _fingerprints(demo, namespace) for namespace in namespaces} == before

    # And a removal takes away all of it, and nothing else.
    refused = demo.fleet("remove-team", "analytics", "--yes", check=False)
    assert refused.returncode == 2 and "--confirm analytics" in refused.stderr
    demo.fleet("remove-team", "analytics", "--yes", "--confirm", "analytics")
    assert demo.inventory.read_text() == text
    assert set(_status(demo)) == set(TEAMS)
    assert "analytics" not in demo.sandbox.kubectl("get", "namespaces,secrets,configmaps", "--all-namespaces")
    with demo.sandbox.admin() as connection:
        assert connection.execute("select 1 from pg_database where datname = 'analytics'").fetchall() == []
        assert connection.execute("select 1 from pg_roles where rolname = 'analytics'").fetchall() == []
    assert {namespace: _fingerprints(demo, namespace) for namespace in namespaces} == before


# Nothing but the health endpoint answers without signing in.


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v2/monitor/health", {200}),
        ("/api/v2/dags", {401}),
        ("/api/v2/version", {401}),
        ("/openapi.json", {401}),
        ("/docs", {401}),
        ("/ui/config", {401}),
        ("/", {401, 302, 307}),
        ("/execution/health", {401, 403}),
        ("/users/list/", {401, 302, 307, 404}),
    ],
)
@pytest.mark.parametrize("team", TEAMS)
def test_strangers_get_the_health_endpoint_only(demo: Demo, team: str, path: str, allowed: set[int]) -> None:
    (service,) = demo.sandbox.objects("services", f"airflow-{team}", "component=api-server")

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    opener = urllib.request.build_opener(Stay, urllib.request.ProxyHandler({}))
    try:
        status = opener.open(f"http://{service['spec']['clusterIP']}:8080{path}", timeout=20).status
    except urllib.error.HTTPError as error:
        status = error.code
    assert status in allowed


# 7. Which provider ran is visible.


def test_the_output_says_which_provider_ran(demo: Demo) -> None:
    stand_ins = "STAND-IN" in "".join(path.name for path in (paths.state_dir() / "terraform").rglob("STAND-IN.txt"))
    for provider in ("cyrilgdn/postgresql 1.26.0", "keycloak/keycloak 5.9.0"):
        assert (f"{provider} (stand-in)" if stand_ins else provider) in demo.output
