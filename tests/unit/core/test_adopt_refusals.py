"""What stands against an adoption is said before anything is changed: what it is, what it has to be, what removes it."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from fleet.adopt import imports, ownership, refusals
from fleet.adopt.look import Address, Found, path_of
from fleet.adopt.release import Release, decoded
from fleet.desired import secrets
from fleet.drivers.handmade import CLIENT_ROLES, Client, Database, Mapper
from fleet.drivers.terraform_import import Planned, cleaned
from tests.unit.core.test_adopt_values import INVENTORY

PLATFORM = INVENTORY.platform
URL = "https://data-science.example.com"
HOME = "https://airflow.apache.org/"
PASSWORD = "a password with / in it"
CLIENT = Client(
    id="c", secret="a secret of sixteen", redirects=(f"{URL}/auth/oauth-authorized/keycloak",), pkce="S256",
    roles={"admin": "r"}, mappers=(Mapper("m", "roles", CLIENT_ROLES, "roles", "x"),), groups={}, users={},
    own_groups={"/data-science": "g", "/data-science/admin": "ga"},
)  # fmt: skip
DATABASE = Database(
    name="data_science", role="data_science", owner="data_science", admin="boss", may_give=True,
    connections=4,
    homes={"data_science": "data_science"},
)  # fmt: skip
KEYS = {
    "fernet-key": "fernet key that is long", "api-secret-key": "api key that is long", "jwt-secret": "jwt key that is long",
    "database-password": PASSWORD, "sso-client-secret": "a secret of sixteen",
}  # fmt: skip
INPUTS = {
    "database": {
        "host": "10.0.0.3",
        "port": 5432,
        "sslmode": "require",
        "name": "data_science",
        "role": "data_science",
    },
    "client_id": "airflow-data-science",
}
CONTENTS = secrets.contents(INPUTS, KEYS)


def release(**values: Any) -> Release:
    given = {"config": {"api": {"base_url": f"{URL}/"}}, "apiServer": {"apiServerConfig": "code_challenge_method"}}
    return Release("airflow", "airflow-data-science", 1, "airflow", "0.1.0", False, {}, {**given, **values}, ())


FOUND = Found(
    name="data-science", release=release(), workloads=(), pods=(), sources={"connection": "airflow-metadata"},
    address=Address("data_science", "data_science", "10.0.0.3", 5432, PASSWORD), keys=KEYS,
    secrets={secrets.METADATA: CONTENTS[secrets.METADATA]}, database=DATABASE, client=CLIENT, strangers=(),
)  # fmt: skip


def test_what_is_as_fleet_would_have_it_is_not_refused() -> None:
    problems = [
        *refusals.names(FOUND, PLATFORM), *refusals.keys(FOUND, CONTENTS), *refusals.chart(FOUND),
        *refusals.sign_on(FOUND, CLIENT, URL), *refusals.pods({}, ()), *refusals.lost([]),
    ]  # fmt: skip
    assert problems == []


@pytest.mark.parametrize(
    ("changed", "what", "hint"),
    [
        (
            {"address": replace(FOUND.address, database="science")},
            "database is science",
            'ALTER DATABASE "science" RENAME TO',
        ),
        ({"address": replace(FOUND.address, role="sci")}, "role is sci", 'ALTER ROLE "sci" RENAME TO data_science'),
        ({"database": None}, "none called data_science on 10.0.0.3:5432", "pg_dump"),
        (
            {"database": replace(DATABASE, homes={"public": "x"})},
            "schema public",
            'ALTER SCHEMA "public" RENAME TO data_science',
        ),
        ({"database": replace(DATABASE, homes={})}, "no tables", "airflow db migrate"),
        ({"database": replace(DATABASE, homes={"data_science": "postgres"})}, "role postgres", "REASSIGN OWNED"),
        ({"database": replace(DATABASE, may_give=False)}, "belongs to data_science", 'OWNER TO "boss"'),
        ({"client": None}, "has no client airflow-data-science", "make it"),
        ({"client": None, "strangers": ("science",)}, "client is science", "kcadm.sh update clients/"),
        ({"release": release(config={})}, "URL is not set", "base_url"),
    ],
)
def test_other_names_are_refused_with_the_command_that_renames(changed: dict[str, Any], what: str, hint: str) -> None:
    (problem,) = refusals.names(replace(FOUND, **changed), PLATFORM)
    assert what in problem.what and hint in problem.hint


def _metadata(**changed: str) -> dict[str, Any]:
    return {"secrets": {secrets.METADATA: {**CONTENTS[secrets.METADATA], **changed}}}


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (_metadata(connection="postgresql+psycopg2://elsewhere"), "Secret airflow-metadata holds another connection "),
        ({"secrets": {secrets.SIGN_ON: {"client-secret": "other"}}}, "Secret airflow-sso holds another client-secret "),
        ({"keys": {**KEYS, "database-password": "short"}}, "fewer than 16"),
        ({"release": release(extra=f"it is {PASSWORD}")}, "values hold secrets, and an inventory must not: extra"),
        ({"release": release(data={"metadataConnection": {"pass": "x"}})}, "data.metadataConnection.pass"),
    ],
)
def test_keys_that_would_not_stay_as_they_are_are_refused(changed: dict[str, Any], what: str) -> None:
    (problem,) = refusals.keys(replace(FOUND, **changed), CONTENTS)
    assert what in problem.what
    assert not any(key in f"{problem.what} {problem.hint}" for key in KEYS.values())


@pytest.mark.parametrize(
    ("client", "values", "what"),
    [
        ({"redirects": (f"{URL}/auth/oauth-authorized/sso",)}, {}, "oauth-authorized/sso, and after"),
        ({"pkce": ""}, {"apiServer": {}}, "without PKCE"),
        ({"roles": {"boss": "r"}}, {}, "none of the roles"),
        ({"mappers": (Mapper("m", "roles", "oidc-hardcoded-claim-mapper", "x", ""),)}, {}, "mapper `roles`"),
    ],
)
def test_a_sign_on_that_would_end_is_refused(client: dict[str, Any], values: dict[str, Any], what: str) -> None:
    found = replace(FOUND, release=release(**values))
    (problem,) = refusals.sign_on(found, replace(CLIENT, **client), URL)
    assert what in problem.what


def test_a_wildcard_leads_there_as_well() -> None:
    assert not list(refusals.sign_on(FOUND, replace(CLIENT, redirects=(f"{URL}/*",)), URL))


def test_a_mapper_that_does_the_same_is_known() -> None:
    same, other = (Mapper(each, each, CLIENT_ROLES, "roles", each) for each in ("mine", "theirs"))
    assert replace(CLIENT, mappers=(*CLIENT.mappers, same, other)).like_roles("mine") == [same]


def test_pods_that_would_change_and_things_that_would_go_are_refused() -> None:
    (rolled,) = refusals.pods({"Deployment airflow-scheduler": ["spec.replicas"]}, ())
    assert "Deployment airflow-scheduler would change" in rolled.what and "spec.replicas" in rolled.what
    (unsafe,) = refusals.pods({}, ["a pod: runAsNonRoot != true"])
    assert "runAsNonRoot" in unsafe.what
    (lost,) = refusals.lost([Planned("x.y", ("delete", "create"), True, {"encoding": ("LATIN1", "UTF8")})])
    assert "x.y" in lost.what and "encoding" in lost.what


def test_another_chart_is_refused() -> None:
    (problem,) = refusals.chart(replace(FOUND, release=replace(FOUND.release, version="8.9.0")))
    assert "airflow 8.9.0" in problem.what


# What is imported.


def test_ids_are_the_official_providers() -> None:
    blocks = {each["to"].split("module.instance.module.")[1]: each["id"] for each in imports.blocks(
        "data-science", {"realm": "fleet"}, DATABASE, CLIENT
    )}  # fmt: skip
    assert blocks == {
        "database.postgresql_role.this": "data_science",
        "database.postgresql_database.this": "data_science",
        "database.postgresql_schema.this": "data_science.data_science",
        "sso.keycloak_openid_client.this": "fleet/c",
        'sso.keycloak_role.this["admin"]': "fleet/r",
        "sso.keycloak_openid_user_client_role_protocol_mapper.roles": "fleet/client/c/m",
        "sso.keycloak_group.instance": "fleet/g",
        'sso.keycloak_group.role["admin"]': "fleet/ga",
    }


def test_a_state_is_cleaned_of_what_an_import_reads() -> None:
    attributes: dict[str, Any] = {"id": "c", "client_secret": "x", "client_secret_wo_version": "1"}
    state = {"resources": [{"type": "keycloak_openid_client", "instances": [{"attributes": dict(attributes)}]}]}
    (resource,) = cleaned(state)["resources"]
    assert resource["instances"] == [{"attributes": {**attributes, "client_secret": ""}}]


# What Helm wrote down.


def test_a_release_is_read_as_helm_wrote_it() -> None:
    held = {
        "name": "airflow", "namespace": "airflow-x", "version": 3, "config": {"a": 1},
        "chart": {"metadata": {"name": "airflow", "version": "1.22.0", "home": HOME}, "values": {"b": 2}},
        "manifest": "---\n# Source: x\nkind: Service\n---\n",
    }  # fmt: skip
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(held).encode()))).decode()
    found = decoded({"data": {"release": packed}})
    assert (found.revision, found.official, found.shipped) == (3, True, False)
    assert (found.values, found.defaults, found.manifest) == ({"a": 1}, {"b": 2}, ({"kind": "Service"},))


def test_the_chart_that_comes_with_fleet_is_known() -> None:
    assert FOUND.release.shipped


# Whose a field is.


def _entry(manager: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "fieldsV1": fields, **more}


def _object(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "7", "managedFields": list(entries)}}


def test_helm_gets_what_others_have_but_for_controllers() -> None:
    controller = _entry("kube-controller-manager", {"f:status": {}}, subresource="status")
    change = ownership.taken(
        _object(_entry("helm", {"f:spec": {"f:a": {}}}), controller, _entry("kubectl-edit", {"f:spec": {"f:b": {}}})),
        ownership.HELM,
    )
    assert change is not None
    assert change["metadata"]["resourceVersion"] == "7"
    assert change["metadata"]["managedFields"] == [controller, _entry("helm", {"f:spec": {"f:a": {}, "f:b": {}}})]


def test_fleet_gets_what_it_applies_and_the_rest_stays() -> None:
    ours = _entry("fleet", {"f:data": {"f:a": {}}})
    change = ownership.taken(_object(_entry("kubectl-create", {"f:data": {"f:a": {}, "f:b": {}}}), ours), "fleet")
    assert change is not None
    assert change["metadata"]["managedFields"] == [_entry("kubectl-create", {"f:data": {"f:b": {}}}), ours]


@pytest.mark.parametrize("manager", [ownership.HELM, "fleet"])
def test_what_nobody_else_has_is_left_alone(manager: str) -> None:
    assert ownership.taken(_object(_entry(manager, {"f:a": {}})), manager) is None
    assert ownership.taken(_object(_entry("kubectl-create", {"f:a": {}})), manager) is None


def test_paths_of_objects() -> None:
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "n"}}
    assert path_of(policy, "ns") == "/apis/networking.k8s.io/v1/namespaces/ns/networkpolicies/n"
    assert path_of({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}) == "/api/v1/namespaces/n"
