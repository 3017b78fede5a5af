"""Role bindings that lead a team beyond its namespace are found, whatever they name the team by."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.verify.rights import beyond

SECRETS = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
PODS = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "list"]}]


def role(rules: list[dict[str, Any]], namespace: str = "") -> dict[str, Any]:
    return {"metadata": {"name": "r", **({"namespace": namespace} if namespace else {})}, "rules": rules}


def binding(subject: dict[str, str], namespace: str = "", kind: str = "") -> dict[str, Any]:
    metadata = {"name": "b", **({"namespace": namespace} if namespace else {})}
    return {
        "metadata": metadata,
        "subjects": [subject],
        "roleRef": {"kind": kind or ("Role" if namespace else "ClusterRole"), "name": "r"},
    }


ACCOUNT = {"kind": "ServiceAccount", "namespace": "airflow-a", "name": "airflow-worker"}


@pytest.mark.parametrize(
    "subject",
    [
        ACCOUNT,
        {"kind": "User", "name": "system:serviceaccount:airflow-a:airflow-worker"},
        {"kind": "Group", "name": "system:serviceaccounts:airflow-a"},
        {"kind": "Group", "name": "system:serviceaccounts"},
        {"kind": "Group", "name": "system:authenticated"},
    ],
)
def test_a_binding_in_another_namespace_is_found(subject: dict[str, str]) -> None:
    (found,) = beyond("airflow-a", [binding(subject, "airflow-b")], [role(PODS, "airflow-b")])
    assert found == f"RoleBinding airflow-b/b gives {subject['name']} create pods, list pods"


def test_a_binding_of_the_whole_cluster_is_found() -> None:
    assert beyond("airflow-a", [binding(ACCOUNT)], [role(PODS)]) == [
        "ClusterRoleBinding b gives airflow-worker create pods, list pods"
    ]


def test_in_its_own_namespace_it_may_what_the_executor_needs_and_no_more() -> None:
    assert beyond("airflow-a", [binding(ACCOUNT, "airflow-a")], [role(PODS, "airflow-a")]) == []
    (found,) = beyond("airflow-a", [binding(ACCOUNT, "airflow-a")], [role([*PODS, *SECRETS], "airflow-a")])
    assert found.endswith("gives airflow-worker get secrets")
    assert beyond("airflow-a", [binding(ACCOUNT, "airflow-a", "ClusterRole")], [role(SECRETS)]) != []


def test_others_and_roles_that_are_not_there_do_not_matter() -> None:
    stranger = {"kind": "ServiceAccount", "namespace": "airflow-b", "name": "airflow-worker"}
    assert beyond("airflow-a", [binding(stranger, "airflow-b")], [role(SECRETS, "airflow-b")]) == []
    assert beyond("airflow-a", [binding(ACCOUNT, "airflow-b")], [role(SECRETS, "airflow-c")]) == []


def test_what_everybody_may_ask_about_themselves_is_no_hole() -> None:
    everybody = {"kind": "Group", "name": "system:authenticated"}
    rules = [
        {"nonResourceURLs": ["/version"], "verbs": ["get"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews"], "verbs": ["create"]},
    ]
    assert beyond("airflow-a", [binding(everybody)], [role(rules)]) == []
