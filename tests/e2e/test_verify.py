"""`fleet verify` on a fleet of three: all is refused; and each hole that is made by hand is found and named."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest

from tests.e2e.conftest import Demo
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.together("demo"), pytest.mark.apart("open databases")]

TEAM, OTHER, THIRD = "marketing", "finance", "analytics"
REALM = "fleet"
Report = dict[str, Any]
Hole = Callable[[Sandbox], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def fleet(demo: Demo) -> Iterator[Demo]:
    """The demo's two teams, with somebody in each, and a third one, with the other executor."""
    text = demo.inventory.read_text()
    demo.fleet("add-team", THIRD, "--owner", f"{THIRD}@example.com", "--executor", "LocalExecutor", "--yes")
    for team in (TEAM, OTHER):
        person = ("--role", "Admin", "--email", f"{team}@example.com", "--firstname", "A", "--lastname", "Person")
        _users(demo.sandbox, team, "create", *person, "--use-random-password")
    yield demo
    for team in (TEAM, OTHER):
        _users(demo.sandbox, team, "delete")
    demo.fleet("remove-team", THIRD, "--yes", "--confirm", THIRD)
    demo.inventory.write_text(text)


def _users(sandbox: Sandbox, team: str, verb: str, *options: str) -> None:
    scheduler = ("--namespace", f"airflow-{team}", "deployment/airflow-scheduler", "--container", "scheduler")
    sandbox.kubectl("exec", *scheduler, "--", "airflow", "users", verb, "--username", f"verify-{team}", *options)


def verify(fleet: Demo, *arguments: str) -> tuple[int, list[Report]]:
    """Once all Airflows are well: of one that is just starting nothing can be said."""
    end = time.monotonic() + 300
    while fleet.fleet("status", check=False).returncode and time.monotonic() < end:
        time.sleep(5)
    done = fleet.fleet("verify", *arguments, "--output", "json", check=False)
    assert done.stdout, done.stderr
    cells: list[Report] = json.loads(done.stdout)["attempts"]
    return done.returncode, cells


def left_behind(sandbox: Sandbox) -> list[str]:
    return [item["metadata"]["name"] for item in sandbox.objects("jobs,pods", labels="fleet/verify")]


def test_on_a_healthy_fleet_every_cell_is_refused(fleet: Demo) -> None:
    code, cells = verify(fleet)
    assert [each for each in cells if each["verdict"] != "refused"] == []
    assert code == 0
    assert len({each["attempt"] for each in cells}) >= 25
    for team in (TEAM, OTHER, THIRD):
        mine = [each for each in cells if each["team"] == team]
        assert {each["against"] for each in mine} == {"", TEAM, OTHER, THIRD} - {team}
    assert all(each["how"] for each in cells)
    assert left_behind(fleet.sandbox) == []


def test_the_matrix_is_a_table_and_markdown_and_says_what_was_only_judged(fleet: Demo) -> None:
    done = fleet.fleet("verify", TEAM)
    assert "db-connect" in done.stdout
    assert "0 holes, 0 unknown" in done.stdout
    assert "not known to enforce them" in done.stderr
    assert "| db-connect | " in fleet.fleet("verify", TEAM, "--output", "markdown").stdout


# Holes, by hand. Each takes the sandbox and leaves it as it was.


def _apply(sandbox: Sandbox, manifest: dict[str, Any]) -> None:
    subprocess.run(
        [sandbox.kubectl_program, "apply", "-f", "-"], env=sandbox.environment, input=json.dumps(manifest),
        text=True, check=True, capture_output=True,
    )  # fmt: skip


def _saved(sandbox: Sandbox, kind: str, name: str, namespace: str) -> dict[str, Any]:
    """An object, fit to be made again."""
    found: dict[str, Any] = json.loads(sandbox.kubectl("get", kind, name, "--namespace", namespace, "--output", "json"))
    for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        found["metadata"].pop(key, None)
    found.pop("status", None)
    return found


@contextmanager
def role_binding(sandbox: Sandbox) -> Iterator[None]:
    account = f"--serviceaccount=airflow-{TEAM}:airflow-scheduler"
    sandbox.kubectl("create", "rolebinding", "oops", "--clusterrole=view", account, "--namespace", f"airflow-{OTHER}")
    try:
        yield
    finally:
        sandbox.kubectl("delete", "rolebinding", "oops", "--namespace", f"airflow-{OTHER}")


@contextmanager
def cluster_role_binding(sandbox: Sandbox) -> Iterator[None]:
    everybody = "--group=system:serviceaccounts"
    sandbox.kubectl("create", "clusterrole", "oops", "--verb=get,list", "--resource=secrets")
    sandbox.kubectl("create", "clusterrolebinding", "oops", "--clusterrole=oops", everybody)
    try:
        yield
    finally:
        sandbox.kubectl("delete", "clusterrolebinding,clusterrole", "oops")


def _sql(*make_and_mend: str, database: str = "postgres") -> Hole:
    @contextmanager
    def hole(sandbox: Sandbox) -> Iterator[None]:
        with sandbox.admin(database) as connection:
            connection.execute(make_and_mend[0])
            try:
                yield
            finally:
                connection.execute(make_and_mend[1])

    return hole


def _client(**change: Any) -> Hole:
    @contextmanager
    def hole(sandbox: Sandbox) -> Iterator[None]:
        keycloak = sandbox.keycloak
        client = keycloak.client(REALM, f"airflow-{TEAM}")
        client.pop("roles")
        keycloak.call("PUT", f"/{REALM}/clients/{client['id']}", {**client, **change})
        try:
            yield
        finally:
            keycloak.call("PUT", f"/{REALM}/clients/{client['id']}", client)

    return hole


@contextmanager
def realm_role(sandbox: Sandbox) -> Iterator[None]:
    keycloak = sandbox.keycloak
    keycloak.call("POST", f"/{REALM}/roles", {"name": "Admin"})
    try:
        yield
    finally:
        keycloak.call("DELETE", f"/{REALM}/roles/Admin")


def _without(kind: str, name: str, team: str = TEAM) -> Hole:
    @contextmanager
    def hole(sandbox: Sandbox) -> Iterator[None]:
        namespace = f"airflow-{team}"
        saved = _saved(sandbox, kind, name, namespace)
        sandbox.kubectl("delete", kind, name, "--namespace", namespace)
        try:
            yield
        finally:
            _apply(sandbox, saved)

    return hole


@contextmanager
def pod_security(sandbox: Sandbox) -> Iterator[None]:
    label = "pod-security.kubernetes.io/enforce"
    sandbox.kubectl("label", "namespace", f"airflow-{TEAM}", "--overwrite", f"{label}=privileged")
    try:
        yield
    finally:
        sandbox.kubectl("label", "namespace", f"airflow-{TEAM}", "--overwrite", f"{label}=restricted")


@contextmanager
def token_in_tasks(sandbox: Sandbox) -> Iterator[None]:
    account = ("serviceaccount", "airflow-worker", "--namespace", f"airflow-{TEAM}")
    sandbox.kubectl("patch", *account, "--patch", '{"automountServiceAccountToken": true}')
    try:
        yield
    finally:
        sandbox.kubectl("patch", *account, "--patch", '{"automountServiceAccountToken": false}')


@contextmanager
def metadata_server(sandbox: Sandbox) -> Iterator[None]:
    way = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"protocol": "TCP", "port": 80}]}
    spec = {"podSelector": {"matchLabels": {"component": "worker"}}, "policyTypes": ["Egress"], "egress": [way]}
    metadata = {"name": "oops", "namespace": f"airflow-{TEAM}"}
    _apply(sandbox, {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
    try:
        yield
    finally:
        sandbox.kubectl("delete", "networkpolicy", "oops", "--namespace", f"airflow-{TEAM}")


@contextmanager
def one_key_for_two(sandbox: Sandbox) -> Iterator[None]:
    """The other team's Airflow takes this team's signature."""
    keys = [sandbox.secret(f"airflow-{team}", "airflow-jwt-secret")["jwt-secret"] for team in (TEAM, OTHER)]
    _give(sandbox, keys[0])
    try:
        yield
    finally:
        _give(sandbox, keys[1])


def _give(sandbox: Sandbox, key: str) -> None:
    scope = ("--namespace", f"airflow-{OTHER}")
    change = json.dumps({"stringData": {"jwt-secret": key}})
    sandbox.kubectl("patch", "secret", "airflow-jwt-secret", "--patch", change, *scope)
    sandbox.kubectl("rollout", "restart", "deployment/airflow-api-server", *scope)
    sandbox.kubectl("rollout", "status", "deployment/airflow-api-server", "--timeout=300s", *scope)


HOLES: dict[str, tuple[Hole, set[str], str]] = {
    "a role binding": (role_binding, {"k8s-pods", "k8s-logs", "k8s-bindings"}, "RoleBinding airflow-finance/oops"),
    "a role for all accounts": (
        cluster_role_binding, {"k8s-secrets", "k8s-own-secrets", "k8s-fleet", "k8s-bindings"}, "ClusterRoleBinding oops"),
    "a database open to all": (
        _sql(f"grant connect on database {TEAM} to public", f"revoke connect on database {TEAM} from public"),
        {"db-grants", "db-open"}, "open to"),
    "the other's database open to all": (
        _sql(f"grant connect on database {OTHER} to public", f"revoke connect on database {OTHER} from public"),
        {"db-connect"}, "signed in"),
    "a grant on public": (
        _sql("grant usage, create on schema public to public", "revoke all on schema public from public", database=TEAM),
        {"db-public"}, "the table was made"),
    "a role in another's": (
        _sql(f"grant {OTHER} to {TEAM}", f"revoke {OTHER} from {TEAM}"), {"db-become", "db-connect", "db-queries"}, ""),
    "a wildcard redirect": (
        _client(redirectUris=["*"]), {"sso-elsewhere", "sso-redirect", "sso-client"}, "it trusts *"),
    "passwords at the client": (
        _client(directAccessGrantsEnabled=True), {"sso-password", "sso-client"}, "it takes passwords"),
    "full scope": (_client(fullScopeAllowed=True), {"sso-client"}, "full scope"),
    "a realm role": (realm_role, {"sso-realm-roles"}, "realm role Admin"),
    "no closed door": (
        _without("networkpolicy", "default-deny"), {"net-strangers"}, "any pod → dag-processor"),
    "a way to the metadata server": (metadata_server, {"net-metadata"}, "worker → 169.254.169.254 at TCP 80"),
    "no Pod Security": (
        pod_security,
        {"admit-privileged", "admit-host-path", "admit-host-network", "admit-host-pid", "admit-root", "admit-unconfined"},
        "would take it"),
    "no quota": (
        _without("resourcequota", "guardrails"),
        {"admit-quota-memory", "admit-quota-cpu", "admit-load-balancer", "admit-node-port"},
        "would take it"),
    "a token in tasks": (token_in_tasks, {"task-account"}, "serviceaccount"),
    "one key for two": (one_key_for_two, {"web-forged", "web-worker"}, ""),
}  # fmt: skip


def _rounds() -> list[tuple[str, ...]]:
    """The holes, as many at once as have no attempt in common: what is found then tells which of them it is."""
    rounds: list[list[str]] = []
    for name, (_, attempts, _) in HOLES.items():
        free = [each for each in rounds if not any(attempts & HOLES[other][1] for other in each)]
        if free:
            free[0].append(name)
        else:
            rounds.append([name])
    return [*map(tuple, rounds)]


@pytest.mark.parametrize("names", _rounds(), ids=", ".join)
def test_holes_made_by_hand_are_found_and_named(fleet: Demo, names: tuple[str, ...]) -> None:
    with ExitStack() as made:
        for name in names:
            made.enter_context(HOLES[name][0](fleet.sandbox))
        code, cells = verify(fleet, TEAM)
    found = [each for each in cells if each["verdict"] == "hole"]
    assert {each["attempt"] for each in found} == {attempt for name in names for attempt in HOLES[name][1]}
    for name in names:
        _, attempts, words = HOLES[name]
        assert any(words in each["how"] for each in found if each["attempt"] in attempts), name
    assert [each for each in cells if each["verdict"] == "unknown"] == []
    assert code == 2
    assert left_behind(fleet.sandbox) == []


def test_what_could_not_be_tried_is_not_refused(fleet: Demo) -> None:
    """With its quota used up, no pod can be started to try anything."""
    quota = ("resourcequota", "guardrails", "--namespace", f"airflow-{TEAM}")
    saved = _saved(fleet.sandbox, "resourcequota", "guardrails", f"airflow-{TEAM}")["spec"]["hard"]["pods"]
    fleet.sandbox.kubectl("patch", *quota, "--patch", '{"spec": {"hard": {"pods": "1"}}}')
    try:
        code, cells = verify(fleet, TEAM)
    finally:
        fleet.sandbox.kubectl("patch", *quota, "--patch", json.dumps({"spec": {"hard": {"pods": saved}}}))
    unknown = [each for each in cells if each["verdict"] == "unknown"]
    assert {each["attempt"] for each in unknown} >= {"db-connect", "pod-root"}
    assert all("exceeded quota" in each["how"] for each in unknown if each["attempt"] == "db-connect")
    assert code == 1
