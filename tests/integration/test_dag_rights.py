"""Rights to some of the DAGs (`access.dags`) at a real Airflow: who has one sees these DAGs and nothing of the others.

Roles come from a real Keycloak, as the stack `team` made them; the DAG processor parses under the policy that fleet renders.
Needs root, as test_sign_on does. Both versions that can be run.
"""

from __future__ import annotations

import json
import re
import shlex
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from fleet.desired import airflow as desired
from fleet.desired import migration, stacks
from fleet.desired.resolve import Resolved
from fleet.model import Platform
from fleet.sandbox import images
from tests.support import airflow_server, airflow_settings
from tests.support.airflow_settings import JWT_SECRET, environment, write_inventory
from tests.support.sandbox import Sandbox
from tests.support.terraform import Team, World
from tests.support.visitor import Visitor

PAYROLL = "payroll: {prefix: payroll_, role: user, users: [dave]}"
FINANCE = "finance: {tag: finance}"
# Each in the instance's group of that role; dave has his right by name.
PEOPLE = {"alice": "admin", "dave": "", "vera": "dags-finance", "carol": "viewer", "mallory": ""}
SETTINGS_FILE = "opt/airflow/config/airflow_local_settings.py"
OPENAPI = "opt/airflow/venv/lib/python3.11/site-packages/airflow/api_fastapi/core_api/openapi"
DAGS = {"payroll_run": [], "payroll_close": ["finance"], "report": ["finance"], "secret_plan": ["other"]}
DAG = """\
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset

with DAG("{name}", schedule=None, tags={tags}):
    EmptyOperator(task_id="only", outlets=[Asset("made-by-{name}")])
"""
OTHER = "secret_plan"


@dataclass(frozen=True)
class Office:
    """One instance's Airflow with DAGs and runs, and the people around it."""

    folder: Path
    team: Team
    base: str
    passwords: dict[str, str]

    def sign_in(self, name: str) -> Person:
        visitor = Visitor(self.base)
        visitor.sign_in(name, self.passwords[name])
        token = visitor.cookies().get("_token")
        return Person(self.base, (token.value or "") if token else "")

    def resolved(self, *rights: str) -> tuple[Platform, Resolved]:
        """The instance with these rights, as fleet understands the inventory."""
        return resolved(self.folder, self.team, *rights)


@dataclass(frozen=True)
class Person:
    """Who signed in, with the token of the browser."""

    base: str
    token: str

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def status(self, method: str, path: str, body: object = None) -> int:
        return self.ask(method, path, body)[0]

    def dags(self) -> list[str]:
        status, text = self.ask("GET", "/api/v2/dags?limit=100")
        return sorted(dag["dag_id"] for dag in json.loads(text)["dags"]) if status == 200 else []

    def trigger(self, dag: str) -> tuple[int, str]:
        status, text = self.ask("POST", f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None})
        return status, json.loads(text).get("dag_run_id", "")


def resolved(folder: Path, team: Team, *rights: str) -> tuple[Platform, Resolved]:
    entry = "{owner: team@example.com, access: {dags: {" + ", ".join(rights) + "}}}"
    return airflow_settings.resolved(write_inventory(folder / "tenants.yaml", team, entry), team.name)


@pytest.fixture(scope="module")
def keycloak(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Team, str, dict[str, str]]]:
    """An instance's client with its rights, the address its Airflow is to have, and people with their passwords."""
    folder = tmp_path_factory.mktemp("world")
    world = World(sandbox, folder, uuid4().hex[:6])
    base = f"http://127.0.0.1:{airflow_server.free_port()}"
    passwords = {name: uuid4().hex for name in PEOPLE}
    try:
        world.begin()
        world.apply_platform()
        world.keycloak.add_user(world.realm, "dave", passwords["dave"])
        team = world.team("one")
        sso = stacks.team(*resolved(folder, team, PAYROLL, FINANCE))["sso"]
        team.apply(base_url=base, **{key: sso[key] for key in ("groups", "users", "dag_roles")})
        for name, role in PEOPLE.items():
            if name != "dave":
                groups = [f"/{team.name}/{role}"] if role else []
                world.keycloak.add_user(world.realm, name, passwords[name], *groups)
        yield team, base, passwords
    finally:
        world.end()


@pytest.fixture(scope="module", params=images.airflow_versions())
def office(
    request: pytest.FixtureRequest,
    keycloak: tuple[Team, str, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Office]:
    team, base, passwords = keycloak
    folder = tmp_path_factory.mktemp("airflow")
    found = Office(folder, team, base, passwords)
    platform, instance = found.resolved(PAYROLL, FINANCE)
    webserver_config = desired.webserver_config(platform, instance)
    settings = environment(platform, instance) | {
        "AIRFLOW__API__BASE_URL": f"{base}/",
        "AIRFLOW__FAB__COOKIE_SECURE": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": JWT_SECRET,
        "AIRFLOW__CORE__DAGS_FOLDER": "/srv/dags",
        "AIRFLOW_SSO_CLIENT_SECRET": team.secrets["sso_client_secret"],
        # The DAG processor comes first: it finds the roles that the migration made.
        "PREPARE": f"{shlex.join(migration.command(instance))} && airflow dag-processor --num-runs 1",
    }
    files = {f"srv/dags/{name}.py": DAG.format(name=name, tags=tags) for name, tags in DAGS.items()}
    files[SETTINGS_FILE] = desired.values(platform, instance)["airflowLocalSettings"]
    port = int(base.rpartition(":")[2])
    with airflow_server.running(folder, request.param, port, settings, webserver_config, files):
        yield found


@pytest.fixture(scope="module")
def runs(office: Office) -> dict[str, str]:
    """A run of each DAG, triggered by the administrator."""
    alice = office.sign_in("alice")
    done = {name: alice.trigger(name) for name in DAGS}
    assert {status for status, _ in done.values()} == {200}, done
    return {name: run for name, (_, run) in done.items()}


def test_who_has_a_right_sees_these_dags_alone(office: Office) -> None:
    assert office.sign_in("alice").dags() == sorted(DAGS)
    assert office.sign_in("dave").dags() == ["payroll_close", "payroll_run"]
    assert office.sign_in("vera").dags() == ["payroll_close", "report"]
    assert office.sign_in("carol").dags() == sorted(DAGS)
    assert office.sign_in("mallory").token == ""
    assert json.loads(office.sign_in("alice").ask("GET", "/api/v2/importErrors")[1])["total_entries"] == 0


def test_a_user_right_is_to_run_these_dags_and_no_other(office: Office, runs: dict[str, str]) -> None:
    dave = office.sign_in("dave")
    status, run = dave.trigger("payroll_run")
    assert status == 200
    at = f"/api/v2/dags/payroll_run/dagRuns/{run}"
    assert dave.status("GET", f"{at}/taskInstances/only") == 200
    assert dave.status("GET", f"{at}/taskInstances/only/logs/1") in (200, 404)  # nothing ran
    assert dave.status("POST", f"{at}/clear", {"dry_run": False}) == 200
    assert dave.status("PATCH", "/api/v2/dags/payroll_run", {"is_paused": False}) == 200
    assert dave.status("DELETE", at) == 204
    assert dave.trigger(OTHER)[0] == dave.trigger("report")[0] == 403


def test_a_viewer_right_is_to_see_alone(office: Office, runs: dict[str, str]) -> None:
    vera, at = office.sign_in("vera"), f"/api/v2/dags/report/dagRuns/{runs['report']}"
    assert vera.status("GET", f"{at}/taskInstances/only") == 200
    assert vera.trigger("report")[0] == vera.trigger("payroll_close")[0] == 403
    assert vera.status("POST", f"{at}/clear", {"dry_run": False}) == 403
    assert vera.status("PATCH", "/api/v2/dags/report", {"is_paused": False}) == 403
    assert vera.status("DELETE", at) == vera.status("DELETE", "/api/v2/dags/report") == 403


def test_a_right_adds_to_a_role(office: Office, runs: dict[str, str]) -> None:
    keycloak, payroll = office.team.world.keycloak, f"/{office.team.name}/dags-payroll"
    keycloak.move(office.team.world.realm, "carol", payroll, into=True)
    try:
        carol = office.sign_in("carol")
        assert carol.dags() == sorted(DAGS)
        assert carol.trigger("payroll_close")[0] == 200
        assert carol.trigger("report")[0] == carol.trigger(OTHER)[0] == 403
        assert carol.status("DELETE", f"/api/v2/dags/{OTHER}/dagRuns/{runs[OTHER]}") == 403
    finally:
        keycloak.move(office.team.world.realm, "carol", payroll, into=False)


def endpoints(folder: Path) -> Iterator[tuple[str, str]]:
    """Method and path of all that Airflow answers, the page's own API too."""
    for file in ("v2-rest-api-generated.yaml", "_private_ui.yaml"):
        for path, methods in yaml.safe_load((folder / "root" / OPENAPI / file).read_text())["paths"].items():
            for method in methods.keys() & {"get", "post", "put", "patch", "delete"}:
                if not path.startswith("/api/v2/auth/"):  # would end the session
                    yield method.upper(), path


def test_nothing_that_lists_tells_of_other_dags(office: Office, runs: dict[str, str]) -> None:
    """Every list there is: of all DAGs where a DAG is to be named, as `~` means it."""
    alice, dave = office.sign_in("alice"), office.sign_in("dave")
    told, tried, known = [], 0, 0
    window = "start_date=2020-01-01T00:00:00Z&end_date=2100-01-01T00:00:00Z"
    for method, path in endpoints(office.folder):
        if method != "GET" and not path.endswith(("/list", "/clear")):
            continue
        filled = re.sub(r"{[^}]*}", "~", path)
        body = {} if method != "GET" else None
        answer = dave.ask(method, f"{filled}?{window}", body)
        tried += answer[0] == 200
        known += OTHER in alice.ask(method, f"{filled}?{window}", body)[1]
        if OTHER in answer[1]:
            told.append((method, path, answer))
    assert told == []
    assert tried > 15 and known > 8, "the attempts are none"


def test_whatever_is_asked_of_another_dag_is_refused(office: Office, runs: dict[str, str]) -> None:
    """Every address in which a DAG is named: read, change, delete."""
    alice, dave = office.sign_in("alice"), office.sign_in("dave")
    names = {"dag_id": OTHER, "dag_run_id": runs[OTHER], "run_id": runs[OTHER], "task_id": "only", "map_index": "-1"}
    let, refused = [], 0
    for method, path in endpoints(office.folder):
        if "{dag_id}" not in path and not path.startswith("/ui/"):
            continue
        filled = re.sub(r"{([^}]*)}", lambda found: names.get(found[1], "1"), path)
        status, text = dave.ask(method, f"{filled}?dag_id={OTHER}", None if method == "GET" else {})
        refused += status == 403
        if (status < 400 and OTHER in text) or (status < 400 and "{dag_id}" in path):
            let.append((method, path, status, text[:200]))
    assert let == []
    assert refused > 40, "the attempts are none"
    assert alice.status("GET", f"/api/v2/dags/{OTHER}/dagRuns/{runs[OTHER]}") == 200


def test_another_dag_is_not_reached_by_way_of_ones_own(office: Office, runs: dict[str, str]) -> None:
    """Addresses that name an own DAG or none, and the other in what is sent."""
    alice, dave = office.sign_in("alice"), office.sign_in("dave")
    own_task = {
        "dag_id": "payroll_close",
        "dag_run_id": runs["payroll_close"],
        "task_id": "only",
        "new_state": "success",
    }
    bulk: dict[str, object] = {"actions": [{"action": "update", "entities": [own_task]}]}
    answer = dave.ask("PATCH", "/api/v2/dags/~/dagRuns/~/taskInstances", bulk)
    assert answer[0] == 200 and "payroll_close" in json.loads(answer[1])["update"]["success"][0], (
        "the attempts are none"
    )
    task = {**own_task, "dag_id": OTHER, "dag_run_id": runs[OTHER]}
    run = {"dag_id": OTHER, "dag_run_id": runs[OTHER], "new_state": "success", "state": "success"}
    for own, own_run in (("~", "~"), ("payroll_run", runs["payroll_run"])):
        bulk = {"actions": [{"action": "update", "entities": [task]}, {"action": "delete", "entities": [task]}]}
        dave.ask("PATCH", f"/api/v2/dags/{own}/dagRuns/{own_run}/taskInstances", bulk)
        bulk = {"actions": [{"action": "update", "entities": [run]}, {"action": "delete", "entities": [run]}]}
        dave.ask("PATCH", f"/api/v2/dags/{own}/dagRuns", bulk)
    window = {"from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-02T00:00:00Z"}
    assert dave.status("POST", "/api/v2/backfills", {"dag_id": OTHER, **window}) == 403
    assert dave.status("POST", "/api/v2/backfills?dag_id=payroll_run", {"dag_id": OTHER, **window}) == 403
    at = f"/api/v2/dags/{OTHER}/dagRuns/{runs[OTHER]}"
    seen = [json.loads(alice.ask("GET", path)[1]) for path in (at, f"{at}/taskInstances/only")]
    assert [each["state"] for each in seen] == ["queued", None]


def test_assets_of_all_are_not_for_who_has_a_right(office: Office) -> None:
    """An asset's event would run DAGs of others, and who has a right sees no DAG by way of an asset."""
    alice, dave = office.sign_in("alice"), office.sign_in("dave")
    found = json.loads(alice.ask("GET", "/api/v2/assets")[1])["assets"]
    (secret,) = (asset["id"] for asset in found if asset["name"] == f"made-by-{OTHER}")
    assert dave.status("GET", "/api/v2/assets") == dave.status("GET", f"/api/v2/assets/{secret}") == 403
    assert dave.status("POST", f"/api/v2/assets/{secret}/materialize") == 403
    assert dave.status("POST", "/api/v2/assets/events", {"asset_id": secret}) == 403
    assert dave.status("GET", "/api/v2/connections") == dave.status("GET", "/api/v2/variables") == 403


def change(office: Office, *rights: str) -> dict[str, set[tuple[str, str]]]:
    """What `fleet apply` of these rights brings about: a parse, and the server's start. Gives FAB's roles and permissions."""
    platform, instance = office.resolved(*rights)
    airflow_server.write(office.folder, SETTINGS_FILE, desired.values(platform, instance)["airflowLocalSettings"])
    airflow_server.errand(office.folder, "airflow dag-processor --num-runs 1")
    airflow_server.write(office.folder, "srv/webserver_config.py", desired.webserver_config(platform, instance))
    start = "cp /srv/webserver_config.py /tmp/home/ && airflow sync-perm"
    said = airflow_server.errand(office.folder, f"{start} && airflow roles list --permission --output json")
    found: dict[str, set[tuple[str, str]]] = {}
    for row in json.loads(said.splitlines()[-2]):
        found.setdefault(row["name"], set()).update((action, row["resource"]) for action in row["action"].split(","))
    return found


def test_a_right_can_become_less_and_end(office: Office, runs: dict[str, str]) -> None:
    """Last, since it changes the instance."""
    assert office.sign_in("dave").dags() == ["payroll_close", "payroll_run"]
    roles = change(office, PAYROLL.replace("role: user", "role: viewer"), FINANCE)
    assert {on for action, on in roles["dags-payroll"] if action not in ("can_read", "menu_access")} == {"My Profile"}
    dave = office.sign_in("dave")
    assert dave.dags() == ["payroll_close", "payroll_run"] and dave.trigger("payroll_run")[0] == 403

    roles = change(office, FINANCE)
    assert "dags-payroll" not in roles
    assert {on for _, on in roles["dags-finance"] if on.startswith("DAG:")} == {"DAG:payroll_close", "DAG:report"}
    dave = office.sign_in("dave")
    assert dave.dags() == [] and dave.status("GET", "/api/v2/dags/payroll_run") == 403
    assert office.sign_in("vera").dags() == ["payroll_close", "report"]
