"""Judges role bindings: takes live bindings and roles, gives those that lead a team beyond pods and logs of its own namespace,
never asks a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Manifest = Mapping[str, Any]

# What the guardrails give the executor and the api-server.
_OWN = {
    ("", "pods"): {"create", "delete", "get", "list", "patch", "watch"},
    ("", "pods/log"): {"get", "list"},
    ("", "events"): {"list"},
}
# What Kubernetes lets everybody ask about themselves.
_SELF = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")


def beyond(namespace: str, bindings: Sequence[Manifest], roles: Sequence[Manifest]) -> list[str]:
    """`RoleBinding other/name gives airflow-scheduler get secrets`, for each binding that gives an account of this namespace
    more than it is to have."""
    # A LIST's items do not say of what kind they are; only a Role has a namespace.
    rules = {
        (each["metadata"].get("namespace", ""), each["metadata"]["name"]): each.get("rules") or [] for each in roles
    }
    return [line for binding in bindings for line in _leads(namespace, binding, rules)]


def _leads(namespace: str, binding: Manifest, roles: Mapping[tuple[str, str], Sequence[Manifest]]) -> Iterator[str]:
    who = [name for each in binding.get("subjects") or [] if (name := _account(namespace, each))]
    if not who:
        return
    where, role = binding["metadata"].get("namespace", ""), binding["roleRef"]
    given = roles.get((where if role["kind"] == "Role" else "", role["name"]), [])
    more = [words for rule in given if (words := _more(rule, own=where == namespace))]
    if more:
        kind = "RoleBinding" if where else "ClusterRoleBinding"
        yield f"{kind} {where}{'/' if where else ''}{binding['metadata']['name']} gives {', '.join(who)} {'; '.join(more)}"


def _account(namespace: str, subject: Manifest) -> str:
    """The subject, if it means an account of this namespace; else empty."""
    name = str(subject["name"])
    match subject["kind"]:
        case "ServiceAccount":
            return name if subject.get("namespace") == namespace else ""
        case "User":
            return name if name.startswith(f"system:serviceaccount:{namespace}:") else ""
        case _:
            groups = (f"system:serviceaccounts:{namespace}", "system:serviceaccounts", "system:authenticated")
            return name if name in (*groups, "system:unauthenticated") else ""


def _more(rule: Manifest, *, own: bool) -> str:
    """What a rule gives that an account is not to have; empty where it gives nothing of the kind."""
    found = [
        f"{verb} {resource}"
        for group in rule.get("apiGroups") or []
        for resource in rule.get("resources") or []
        for verb in rule.get("verbs") or []
        if resource not in _SELF and not (own and verb in _OWN.get((group, resource), ()))
    ]
    return ", ".join(found)
