"""The scheduled look can only look: to its identities every write is refused, and a whole look changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from fleet.desired import naming
from fleet.drivers.kubernetes import Cluster
from tests.support.keycloak import _trust, post_form
from tests.support.looker import ACCOUNT, REALM, STATES, SYSTEM, TEAM, Looker, a_fleet_that_is_looked_at
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.apart("open databases", "role of the look")

WRITES = ("create", "update", "patch", "delete", "deletecollection")
# What goes beyond these: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
MORE = {
    "roles": ("bind", "escalate"), "clusterroles": ("bind", "escalate"), "users": ("impersonate",),
    "groups": ("impersonate",), "serviceaccounts": ("impersonate",), "signers": ("sign", "approve"),
}  # fmt: skip
# A review is a question about oneself: it is "created" and not kept. Everybody who is signed in may.
REVIEWS = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}


@pytest.fixture(scope="module")
def looker(sandbox: Sandbox) -> Iterator[Looker]:
    with a_fleet_that_is_looked_at(sandbox) as found:
        yield found


# Kubernetes.


def _resources(looker: Looker) -> list[tuple[str, str, str]]:
    """(API, group, resource or resource/subresource) of all that the API server has."""
    found = [("/api/v1", "")]
    for group in json.loads(looker.kubectl("get", "--raw", "/apis"))["groups"]:
        found += [(f"/apis/{each['groupVersion']}", group["name"]) for each in group["versions"]]
    return [
        (path, group, each["name"])
        for path, group in found
        for each in json.loads(looker.kubectl("get", "--raw", path))["resources"]
    ]


async def _may(cluster: Cluster, group: str, resource: str, verb: str, name: str = "", namespace: str = "") -> bool:
    kind, _, sub = resource.partition("/")
    asked = {"group": group, "resource": kind, "subresource": sub, "verb": verb, "name": name, "namespace": namespace}
    groups = ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{SYSTEM}"]
    answer = await cluster.ask("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {"user": ACCOUNT, "groups": groups, "resourceAttributes": asked},
    })  # fmt: skip
    return bool(answer["status"]["allowed"])


def test_kubernetes_refuses_every_write_of_every_kind_but_the_reports_and_events(looker: Looker) -> None:
    kinds = sorted({(group, resource) for _, group, resource in _resources(looker)})
    assert len(kinds) > 80
    asked = [
        (group, resource, verb, namespace)
        for group, resource in kinds
        for verb in (*WRITES, *MORE.get(resource, ()))
        for namespace in ("", SYSTEM, naming.namespace(TEAM))
    ] + [("", each, "impersonate", "") for each in ("users", "groups")]

    async def work() -> set[tuple[str, ...]]:
        cluster, room = Cluster("fleet-sandbox"), asyncio.Semaphore(8)

        async def one(each: tuple[str, str, str, str]) -> bool:
            async with room:
                return await _may(cluster, *each[:3], namespace=each[3])

        answers = await asyncio.gather(*(one(each) for each in asked))
        return {each for each, allowed in zip(asked, answers, strict=True) if allowed and each[1] not in REVIEWS}

    with patch.dict(os.environ, looker.environment):
        # A report is named: as long as no name is asked for, no ConfigMap may be written.
        assert asyncio.run(work()) == {("", "events", "create", SYSTEM)}


def test_of_config_maps_it_may_change_its_report_and_no_other(looker: Looker) -> None:
    async def work() -> dict[tuple[str, str], bool]:
        cluster = Cluster("fleet-sandbox")
        names = ("drift-report", "drift-report-1", naming.DRIFT_INVENTORY, naming.record(TEAM))
        return {
            (verb, name): await _may(cluster, "", "configmaps", verb, name, SYSTEM) for verb in WRITES for name in names
        }

    with patch.dict(os.environ, looker.environment):
        allowed = {key for key, may in asyncio.run(work()).items() if may}
    assert allowed == {("patch", "drift-report"), ("update", "drift-report")}


def test_it_runs_nothing_in_a_pod_and_is_nobody_else(looker: Looker) -> None:
    """What is read, by its verb, and does more."""
    powers = [
        ("", "pods/exec"), ("", "pods/attach"), ("", "pods/portforward"), ("", "pods/proxy"), ("", "services/proxy"),
        ("", "nodes/proxy"), ("", "nodes"),
    ]  # fmt: skip

    async def work() -> list[bool]:
        cluster = Cluster("fleet-sandbox")
        return [await _may(cluster, *power, "get", namespace=naming.namespace(TEAM)) for power in powers]

    with patch.dict(os.environ, looker.environment):
        assert asyncio.run(work()) == [False] * len(powers)


# PostgreSQL.

STATEMENTS = (
    "create schema intruder",
    "create table public.intruder ()",
    "create role intruder",
    "create database intruder",
    "create extension hstore",
    "alter system set work_mem = '1MB'",
    "drop schema {team} cascade",
    "create table {team}.intruder ()",
    "alter role {team} connection limit 1",
    "grant {team} to fleet_drift",
    "alter database {team} rename to intruder",
    "insert into {team}.alembic_version values ('0')",
    "delete from {team}.alembic_version",
    "select * from {team}.connection",
    "select * from {team}.variable",
    "insert into fleet_team.states (name, data) values ('intruder', '')",
    "update fleet_team.states set data = ''",
    "delete from fleet_platform.states",
    "drop table fleet_team.states",
    "select pg_read_file('/etc/passwd')",
    "copy (select 1) to program 'true'",
    "select rolpassword from pg_authid",
)


# Refused, or not there: a name that is in another database.
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)


def _databases(looker: Looker) -> list[str]:
    with looker.sandbox.admin() as admin:
        return [name for (name,) in admin.execute("select datname from pg_database where datallowconn").fetchall()]


def test_postgresql_refuses_to_write_in_every_database(looker: Looker) -> None:
    entered = set()
    for database in _databases(looker):
        try:
            connection = looker.as_reader(database)
        except psycopg.OperationalError as error:
            # Beside this one, other tests' databases come and go.
            assert "permission denied for database" in str(error) or "does not exist" in str(error), error
            continue
        entered.add(database)
        with connection:
            for statement in STATEMENTS:
                with pytest.raises(REFUSED):
                    connection.execute(statement.format(team=naming.sql(TEAM)).encode())
    assert {naming.sql(TEAM), STATES} <= entered


# Keycloak.


def _token(looker: Looker) -> str:
    found, base = looker.credentials, looker.sandbox.environment["KEYCLOAK_URL"]
    form = {
        "grant_type": "client_credentials", "client_id": found["sso-client-id"], "client_secret": found["sso-client-secret"],
    }  # fmt: skip
    return str(post_form(f"{base}/realms/{REALM}/protocol/openid-connect/token", form)["access_token"])


def _as_client(looker: Looker, token: str, method: str, path: str, body: object) -> int:
    base = looker.sandbox.environment["KEYCLOAK_URL"]
    request = urllib.request.Request(
        f"{base}/admin/realms{path}", method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=60, context=_trust()) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_keycloak_refuses_every_change_of_the_realm_and_shows_it(looker: Looker) -> None:
    admin = looker.sandbox.keycloak
    client = admin.client(REALM, naming.client_id(TEAM))
    group = admin.get(f"/{REALM}/group-by-path/{TEAM}")
    role = admin.get(f"/{REALM}/clients/{client['id']}/roles/admin")
    admin.add_user(REALM, "somebody", "a password of some length")
    (user,) = admin.get(f"/{REALM}/users?username=somebody&exact=true")
    here, token = f"/{REALM}", _token(looker)
    writes: list[tuple[str, str, Any]] = [
        ("PUT", here, {"registrationAllowed": True}), ("DELETE", here, None),
        ("POST", f"{here}/clients", {"clientId": "intruder"}),
        ("PUT", f"{here}/clients/{client['id']}", {"redirectUris": ["https://evil.example.com/*"]}),
        ("DELETE", f"{here}/clients/{client['id']}", None),
        ("POST", f"{here}/clients/{client['id']}/client-secret", None),
        ("POST", f"{here}/clients/{client['id']}/roles", {"name": "intruder"}),
        ("POST", f"{here}/users", {"username": "intruder"}), ("PUT", f"{here}/users/{user['id']}", {"enabled": False}),
        ("DELETE", f"{here}/users/{user['id']}", None),
        ("PUT", f"{here}/users/{user['id']}/reset-password", {"type": "password", "value": "another long one"}),
        ("POST", f"{here}/users/{user['id']}/role-mappings/clients/{client['id']}", [role]),
        ("PUT", f"{here}/users/{user['id']}/groups/{group['id']}", None),
        ("POST", f"{here}/groups", {"name": "intruder"}), ("PUT", f"{here}/groups/{group['id']}", {"name": "intruder"}),
        ("DELETE", f"{here}/groups/{group['id']}", None), ("POST", f"{here}/roles", {"name": "intruder"}),
        ("POST", f"{here}/client-scopes", {"name": "intruder"}), ("POST", f"{here}/authentication/flows", {"alias": "x"}),
        ("POST", f"{here}/identity-provider/instances", {"alias": "x", "providerId": "oidc"}),
        ("POST", f"{here}/components", {"name": "x"}), ("POST", f"{here}/logout-all", None),
        ("DELETE", f"{here}/admin-events", None), ("POST", f"{here}/users/{user['id']}/impersonation", None),
        ("POST", "", {"realm": "intruder"}), ("PUT", "/master", {"enabled": False}),
    ]  # fmt: skip
    assert {(method, path, _as_client(looker, token, method, path, body)) for method, path, body in writes} == {
        (method, path, 403) for method, path, _ in writes
    }
    reads = (here, f"{here}/clients", f"{here}/groups", f"{here}/users", f"{here}/authentication/flows")
    assert [_as_client(looker, token, "GET", path, None) for path in reads] == [200] * len(reads)


# A whole look.


def _versions(looker: Looker) -> dict[str, str]:
    """Every object there is → its version; but for the report and what tells of it."""
    found = {}
    for path, _, resource in _resources(looker):
        if "/" in resource or resource in ("events", "bindings") or resource.endswith(("reviews", "componentstatuses")):
            continue
        listed = json.loads(looker.kubectl("get", "--raw", f"{path}/{resource}"))
        for each in listed.get("items", []):
            meta = each["metadata"]
            found[f"{path}/{resource}/{meta.get('namespace', '')}/{meta['name']}"] = meta["resourceVersion"]
    # The API server's own: it says that it lives.
    return {
        key: value
        for key, value in found.items()
        if "/leases/kube-system/apiserver-" not in key and "/drift-report" not in key
    }


def _written(looker: Looker) -> dict[str, tuple[Any, ...]]:
    """Rows ever written, by table, catalogs included; but for those that the server's own housekeeping writes, and those that
    all databases share: other tests make roles."""
    query = """
        select relid::regclass::text, n_tup_ins, n_tup_upd, n_tup_del from pg_stat_all_tables
        where relid not in ('pg_statistic'::regclass, 'pg_class'::regclass)
          and relid not in (select oid from pg_class where relisshared)
    """
    found: dict[str, tuple[Any, ...]] = {}
    for database in (naming.sql(TEAM), STATES):
        with looker.sandbox.admin(database) as admin:
            found |= {f"{database}.{name}": tuple(counts) for name, *counts in admin.execute(query).fetchall()}
    return found


def _settled(looker: Looker) -> dict[str, tuple[Any, ...]]:
    """Once the server has counted: a connection that ends tells what it did a moment later."""
    before = _written(looker)
    while True:
        time.sleep(1.2)
        if (after := _written(looker)) == before:
            return after
        before = after


def test_a_whole_look_sees_everything_and_changes_nothing(looker: Looker) -> None:
    admin = looker.sandbox.keycloak
    admin.call("PUT", f"/{REALM}", {"adminEventsEnabled": True, "adminEventsDetailsEnabled": True})
    admin.call("DELETE", f"/{REALM}/admin-events")
    before = _versions(looker), _settled(looker)
    looked = looker.look()
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert (_versions(looker), _settled(looker)) == before
    assert admin.get(f"/{REALM}/admin-events") == []
    report = json.loads(looked.stdout)
    assert report["errors"] == [] and set(report["seconds"]) == {"terraform", "helm", "database", "sso", "orphans"}
    assert report["teams"] == [TEAM]


def test_the_report_is_published_and_served_and_events_tell_of_what_is_new(looker: Looker) -> None:
    looker.kubectl(
        "label", "namespace", naming.namespace(TEAM), "pod-security.kubernetes.io/enforce=privileged", "--overwrite"
    )
    assert looker.look().returncode == 0
    published = json.loads(
        looker.kubectl("get", "configmap", "drift-report", "--namespace", SYSTEM, "--output", "json")
    )
    report = json.loads(published["data"]["report.json"])
    assert report["success"] == report["at"]
    assert any(row["address"].endswith(naming.namespace(TEAM)) for row in report["findings"]), report["findings"]
    told = _told(looker)
    assert told and all(each["source"]["component"] == naming.DRIFT for each in told)
    assert looker.look().returncode == 0
    assert _told(looker) == told  # what stands is told once


def _told(looker: Looker) -> list[dict[str, Any]]:
    """The Events about the team; to this fleet other tests' databases are orphans that come and go."""
    found = json.loads(looker.kubectl("get", "events", "--namespace", SYSTEM, "--output", "json"))["items"]
    return [each for each in found if each["involvedObject"]["name"] == "drift-report" and TEAM in each["message"]]


def test_it_shows_how_the_look_is(looker: Looker) -> None:
    if not json.loads(
        looker.kubectl("get", "configmap", "drift-report", "--namespace", SYSTEM, "--output", "json")
    ).get("data"):
        assert looker.look().returncode == 0
    shown = looker.fleet("platform", "status", "--output", "json")
    rows = {row["what"]: row for row in json.loads(shown.stdout)}
    assert shown.returncode == 0, shown.stdout
    assert rows["look at drift"]["state"] == "fine" and rows["portal"]["state"] == "off"
    assert rows["last look"]["detail"].endswith(" ago") and rows["next look"]["detail"].startswith("in ")
    told = looker.fleet("status", "--output", "prometheus").stdout
    assert "fleet_drift_last_success_timestamp" in told and "fleet_instance_fine" in told


def test_a_look_that_fails_or_is_late_shows_in_the_status(looker: Looker) -> None:
    away = looker.inventory.read_text().replace("https://sso.fleet.localhost", "http://10.244.0.1:9")
    elsewhere = looker.server.home / "away.yaml"
    elsewhere.write_text(away)
    done = looker.fleet(
        "drift", "--publish", "--output", "json", environment={**looker.reader(), "FLEET_INVENTORY": str(elsewhere)}
    )
    assert done.returncode == 1 and "sso" in {row["layer"] for row in json.loads(done.stdout)["errors"]}
    status = looker.fleet("status", "--output", "json")
    assert status.returncode == 1 and "could not look at sso" in status.stderr
    assert [row["instance"] for row in json.loads(status.stdout)] == [TEAM, "platform"]


def test_what_an_administrator_does_is_refused_to_the_reader(looker: Looker) -> None:
    done = looker.fleet("apply", "--yes", "--refresh", environment=looker.reader())
    assert done.returncode != 0
    assert "this run may only look" in done.stderr or "Kubernetes" in done.stderr
