"""Rights to some of the DAGs: what Terraform, the migration and Airflow are told; the policy itself, on DAGs that are none.

What Airflow makes of it is in tests/integration/test_dag_rights.py.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.access import means
from fleet.desired import airflow, migration, naming, rights, stacks
from fleet.desired.resolve import Resolved, resolve
from fleet.model import Access, DagRight, Platform
from tests.unit.inventory.texts import HEAD, load_text

NONE: dict[str, Any] = {}
BOTH = {
    "payroll": {"prefix": "payroll_", "role": "user", "groups": ["payroll-people"], "users": ["dave"]},
    "audit": {"tag": "audit & tax", "groups": ["/company/auditors"]},
}
ALL = {"can_read", "can_edit", "can_delete"}


@dataclass
class Dag:
    """What the policy looks at."""

    dag_id: str
    tags: set[str] = field(default_factory=set)
    access_control: dict[str, Any] | None = None


def made(dags: dict[str, Any]) -> tuple[Platform, Resolved]:
    rights = json.dumps(dags, ensure_ascii=False)
    inventory = load_text(
        HEAD + f"teams:\n  a: {{owner: x, access: {{users: {{op: [erin]}}, dags: {rights}}}}}\n"
    ).inventory
    return inventory.platform, resolve(inventory, "a", inventory.teams["a"])


def policy(dags: dict[str, Any]) -> Callable[[Dag], None]:
    """The function that Airflow would find in the rendered file."""
    names: dict[str, Any] = {}
    exec(airflow.values(*made(dags))["airflowLocalSettings"], names)
    found: Callable[[Dag], None] = names["dag_policy"]
    return found


def test_without_rights_nothing_is_said_of_them() -> None:
    platform, instance = made(NONE)
    told = [airflow.values(platform, instance), stacks.team(platform, instance), migration.job(platform, instance)]
    assert "dag_roles" not in json.dumps(told) and "LocalSettings" not in json.dumps(told)
    assert "DAG_ROLES" not in airflow.webserver_config(platform, instance)
    assert "roles" not in migration.command(instance)[-1]


def test_keycloak_has_a_role_per_right_and_its_members() -> None:
    sso = stacks.team(*made(BOTH))["sso"]
    assert sso["dag_roles"] == ["dags-audit", "dags-payroll"]
    assert sso["groups"] == {"dags-audit": ["/company/auditors"], "dags-payroll": ["payroll-people"]}
    assert sso["users"] == {"op": ["erin"], "dags-payroll": ["dave"]}


def test_the_platform_makes_the_groups_that_have_a_plain_name() -> None:
    inventory = load_text(HEAD + f"teams:\n  a: {{owner: x, access: {{dags: {json.dumps(BOTH)}}}}}\n").inventory
    assert stacks.platform(inventory)["sso"]["groups"] == ["payroll-people"]


def test_the_migration_makes_the_roles_and_runs_again_for_another() -> None:
    platform, instance = made(BOTH)
    first, *_, last = json.loads(migration.command(instance)[-1])
    assert first == ["db", "migrate"] and last == ["roles", "create", "dags-audit", "dags-payroll"]
    names = {
        migration.job(platform, made(dags)[1])["metadata"]["name"] for dags in (NONE, BOTH, {"audit": {"tag": "a"}})
    }
    assert len(names) == 3
    assert migration.inputs(*made({"audit": {"tag": "a"}})) == migration.inputs(*made({"audit": {"tag": "b"}}))


def test_the_security_manager_knows_the_roles() -> None:
    config = airflow.webserver_config(*made(BOTH))
    (roles,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(config).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DAG_ROLES"
    )
    assert roles == {"dags-audit": "viewer", "dags-payroll": "user"}


@pytest.mark.parametrize(("dag", "wanted"), [
    (Dag("payroll_run"), {"dags-payroll": {"DAGs": ALL}}),
    (Dag("report", {"audit & tax"}), {"dags-audit": {"DAGs": {"can_read"}}}),
    (Dag("payroll_tax", {"audit & tax"}), {"dags-payroll": {"DAGs": ALL}, "dags-audit": {"DAGs": {"can_read"}}}),
    (Dag("unpayroll_run", {"audit"}), {}),
    (Dag("payroll_run", set(), {"Op": {"DAGs": {"can_edit"}}}),
     {"Op": {"DAGs": {"can_edit"}}, "dags-payroll": {"DAGs": ALL}}),
    (Dag("report", {"audit & tax"}, {"dags-audit": {"DAGs": ["can_edit"], "DAG Runs": {"can_create"}}}),
     {"dags-audit": {"DAGs": {"can_read", "can_edit"}, "DAG Runs": {"can_create"}}}),
])  # fmt: skip
def test_the_policy_adds_to_what_the_author_wrote(dag: Dag, wanted: dict[str, Any]) -> None:
    policy(BOTH)(dag)
    assert dag.access_control == wanted


def test_a_tag_may_have_any_character() -> None:
    dag = Dag("report", {"\N{GRINNING FACE}"})
    policy({"smile": {"tag": "\N{GRINNING FACE}"}})(dag)
    assert dag.access_control == {"dags-smile": {"DAGs": {"can_read"}}}


_IDS = st.text("ab_.-é", min_size=1, max_size=6)
_TAGS = st.text("ab '\"\\&<é😀", min_size=1, max_size=6).filter(lambda tag: tag == tag.strip())
_RIGHTS = st.builds(DagRight, prefix=_IDS, role=st.sampled_from(["viewer", "user"])) | st.builds(DagRight, tag=_TAGS)


@given(
    st.dictionaries(st.sampled_from(["p", "q", "r"]), _RIGHTS),
    st.builds(Dag, _IDS, st.sets(_TAGS), st.none() | st.just({"Viewer": {"DAGs": {"can_edit"}}})),
)
def test_a_dag_has_the_roles_of_its_rights_and_no_others(given_rights: dict[str, DagRight], dag: Dag) -> None:
    """Whatever characters stand in a prefix or a tag; and asked again it says the same."""
    written = dict(dag.access_control or {})
    names: dict[str, Any] = {}
    access = Access(dags=given_rights)
    text = airflow._template("airflow_local_settings.py.j2").render(rights=rights.policy(access))
    assert "{{" not in text  # Helm would evaluate it
    exec(text, names)
    for _ in range(2):
        names["dag_policy"](dag)
        assert dag.access_control == written | {
            naming.dag_role(name): {"DAGs": ALL if right.role == "user" else {"can_read"}}
            for name, right in given_rights.items()
            if (dag.dag_id.startswith(right.prefix) if right.prefix else right.tag in dag.tags)
        }


def test_what_a_role_means() -> None:
    access = made(BOTH)[1].access
    said = {role: means(access, role) for role in ("admin", "dags-payroll", "dags-audit", "dags-gone")}
    assert said == {
        "admin": "everything", "dags-payroll": "runs DAGs payroll_*", "dags-audit": "sees DAGs tagged audit & tax",
        "dags-gone": "a right that is not in the inventory",
    }  # fmt: skip
