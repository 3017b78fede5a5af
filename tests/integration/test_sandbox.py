"""The running sandbox: what it promises to whoever uses it, and that `up` mends the node's parts when they are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fleet import sandbox as api
from fleet.sandbox import layout
from fleet.sandbox.process import Register, start_time
from tests.support.keycloak import post_form
from tests.support.sandbox import FLEET, Sandbox
from tests.support.waiting import eventually

pytestmark = pytest.mark.alone

NAMESPACE = "sandbox-test"
NODE_PARTS = ("containerd", "kubelet", "kube-proxy", "coredns")
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def fleet(sandbox: Sandbox, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FLEET, "sandbox", *words], env=sandbox.environment, capture_output=True, text=True, check=False
    )


def git_image(sandbox: Sandbox) -> str:
    from fleet.sandbox import images

    return images.GIT_SYNC


def pod(sandbox: Sandbox, name: str, script: str) -> dict[str, Any]:
    """A pod under the strictest Pod Security level that runs a shell script."""
    container = {
        "name": "main",
        "image": git_image(sandbox),
        "imagePullPolicy": "Never",
        "command": ["bash", "-c", script],
        "securityContext": RESTRICTED,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]},
    }


def apply(sandbox: Sandbox, *objects: dict[str, Any]) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    done = subprocess.run(
        [sandbox.kubectl_program, "apply", "-f", "-"],
        env=sandbox.environment, input=text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def phase(sandbox: Sandbox, name: str) -> str:
    return sandbox.kubectl("get", "pod", name, "-n", NAMESPACE, "-o", "jsonpath={.status.phase}")


@pytest.fixture(scope="module")
def namespace(sandbox: Sandbox) -> Iterator[str]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    apply(sandbox, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})
    eventually(lambda: "default" in sandbox.kubectl("get", "serviceaccounts", "-n", NAMESPACE))
    yield NAMESPACE
    sandbox.kubectl("delete", "namespace", NAMESPACE, "--wait=true")


def test_status_shows_every_part_up(sandbox: Sandbox) -> None:
    done = fleet(sandbox, "status", "--output", "json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 0
    assert {row["state"] for row in rows.values()} == {"up"}
    assert {"etcd", "kube-apiserver", "kubelet", "postgresql", "keycloak", "git-daemon"} <= rows.keys()
    assert all(row["version"] and row["address"] and row["memory_mib"] > 0 for row in rows.values())
    assert rows["kube-apiserver"]["version"] == "v1.34.4"


def test_up_again_changes_nothing(sandbox: Sandbox) -> None:
    before = {row.name: row.pid for row in api.status()}
    done = fleet(sandbox, "up")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert {row.name: row.pid for row in api.status()} == before


def test_two_at_once_do_not_collide(sandbox: Sandbox) -> None:
    before = {row.name: row.pid for row in api.status()}
    command = [FLEET, "sandbox", "up"]
    both = [subprocess.Popen(command, env=sandbox.environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate()[1] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sum("waiting for it" in text for text in said) == 1
    assert {row.name: row.pid for row in api.status()} == before


def test_the_environment_is_usable_by_a_shell(sandbox: Sandbox) -> None:
    script = f'eval "$({FLEET} sandbox env)" && kubectl config current-context && helm version --short'
    bare = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    done = subprocess.run(["bash", "-c", script], env=bare, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "fleet-sandbox"
    assert done.stdout.splitlines()[1].startswith("v3.19.4")


def test_a_restricted_pod_reaches_names_services_and_the_database(sandbox: Sandbox, namespace: str) -> None:
    server = pod(sandbox, "server", "git daemon --export-all --reuseaddr --base-path=/tmp --port=8000")
    ports = [{"port": 8000, "targetPort": 8000}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "server", "namespace": namespace},
        "spec": {"selector": {"app": "server"}, "ports": ports},
    }
    reach = " && ".join(
        f"echo > /dev/tcp/{where}"
        for where in (
            f"server.{namespace}.svc.cluster.local/8000",
            "kubernetes.default/443",
            "10.244.0.1/5432",
            "10.244.0.1/8180",
            "sso.fleet.localhost/443",
            "any-team.fleet.localhost/443",
        )
    )
    apply(sandbox, server, service)
    eventually(lambda: phase(sandbox, "server") == "Running")
    apply(sandbox, pod(sandbox, "client", f"for i in 1 2 3 4 5 6 7 8 9; do ({reach}) && exit 0; sleep 1; done; exit 1"))
    eventually(lambda: phase(sandbox, "client") in ("Succeeded", "Failed"))
    assert phase(sandbox, "client") == "Succeeded", sandbox.kubectl("logs", "client", "-n", namespace)


def test_a_privileged_pod_is_refused_there(sandbox: Sandbox, namespace: str) -> None:
    bad = pod(sandbox, "bad", "true")
    bad["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        apply(sandbox, bad)


def test_fleets_database_account_is_no_superuser_and_may_create(sandbox: Sandbox) -> None:
    with sandbox.admin() as connection:
        row = connection.execute(
            "select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user"
        ).fetchone()
        assert row == (False, True, True)
        assert connection.execute("show max_connections").fetchone() == ("1200",)
        assert connection.execute("show password_encryption").fetchone() == ("scram-sha-256",)


def test_nobody_gets_into_the_database_without_a_password(sandbox: Sandbox) -> None:
    for host in (sandbox.environment["PGHOST"], str(layout.current().postgres)):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=host, user="postgres", dbname="postgres", password="wrong")


def test_the_platforms_other_databases_are_their_owners_alone(sandbox: Sandbox) -> None:
    with psycopg.connect(sandbox.platform["terraform-backend-conn-str"]) as connection:
        assert connection.execute("select current_user, current_database()").fetchone() == ("terraform", "terraform")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        sandbox.admin("keycloak")


def test_keycloaks_administrator_signs_in(sandbox: Sandbox) -> None:
    secret = sandbox.platform
    form = {
        "grant_type": "password",
        "client_id": "admin-cli",
        "username": secret["sso-admin-username"],
        "password": secret["sso-admin-password"],
    }
    assert post_form(f"{sandbox.environment['KEYCLOAK_URL']}/realms/master/protocol/openid-connect/token", form)


def test_a_bare_repository_is_served(sandbox: Sandbox, tmp_path: Path) -> None:
    bare = layout.current().git / "sandbox-test.git"
    try:
        subprocess.run(["git", "init", "--quiet", "--bare", bare], check=True)
        url = f"{sandbox.environment['FLEET_SANDBOX_GIT']}/sandbox-test.git"
        subprocess.run(["git", "clone", "--quiet", url, tmp_path / "clone"], check=True, capture_output=True)
    finally:
        subprocess.run(["rm", "-r", bare], check=True)


def test_no_log_holds_a_secret_and_nothing_is_readable_by_others(sandbox: Sandbox) -> None:
    here = layout.current()
    secrets = [path.read_text() for path in here.secrets.iterdir()]
    for log in here.logs.glob("*.log"):
        text = log.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], log.name
    assert here.root.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o077 for path in here.secrets.iterdir()} == {0}


def test_who_changed_what_is_in_the_audit_log(sandbox: Sandbox, namespace: str) -> None:
    lines = (layout.current().logs / "audit.log").read_text().splitlines()
    seen = [event for event in map(json.loads, lines) if event["objectRef"].get("namespace") == namespace]
    assert {event["level"] for event in seen} == {"Metadata"}
    assert any(
        event["verb"] in ("create", "patch") and event["user"]["username"] == "fleet-sandbox-admin" for event in seen
    )


def test_the_cluster_holds_nothing_but_what_a_cluster_needs(sandbox: Sandbox) -> None:
    assert sandbox.objects("deployments,daemonsets,statefulsets", "kube-system") == []
    assert {item["metadata"]["name"] for item in sandbox.objects("nodes")} >= {layout.REAL_NODE}


def test_killed_parts_of_the_node_come_back_and_pods_outlive_them(sandbox: Sandbox, namespace: str) -> None:
    apply(sandbox, pod(sandbox, "survivor", "sleep 600"))
    eventually(lambda: phase(sandbox, "survivor") == "Running")
    container = "jsonpath={.status.containerStatuses[0].containerID}"
    before = sandbox.kubectl("get", "pod", "survivor", "-n", namespace, "-o", container)
    register = Register(layout.current().run)
    records = {name: register.read(name) for name in NODE_PARTS}
    for record in records.values():
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
    eventually(lambda: all(record and start_time(record.pid) is None for record in records.values()))
    assert fleet(sandbox, "status").returncode == 1
    done = fleet(sandbox, "up")
    assert done.returncode == 0, done.stderr
    assert fleet(sandbox, "status").returncode == 0
    assert sandbox.kubectl("get", "pod", "survivor", "-n", namespace, "-o", container) == before
    apply(sandbox, pod(sandbox, "after", "true"))
    eventually(lambda: phase(sandbox, "after") == "Succeeded")
