"""What the executor's account may do at the Kubernetes API: takes where it is, gives outcomes. Whatever would change something
is asked as a dry run, which the API server authorises like the real thing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .common import Answer, Context, Outcome, Probe, ProbeOther, ask, by_status, unknown

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_DRY = "?dryRun=All"
_MERGE = {"Content-Type": "application/merge-patch+json"}


def call(context: Context, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """A request with the account of this pod; without any where none is mounted."""
    mounted = (_ACCOUNT / "token").exists()
    own = {"Authorization": f"Bearer {(_ACCOUNT / 'token').read_text().strip()}"} if mounted else {}
    authority = str(_ACCOUNT / "ca.crt") if mounted else None
    kind = {"Content-Type": "application/json"} if body is not None else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(context["kubernetes"] + path, method, {**kind, **own, **named}, body, authority)


def _try(context: Context, method: str, path: str, body: object = None, **headers: str) -> Outcome:
    try:
        return by_status(call(context, method, path, body, **headers))
    except OSError as error:
        return unknown(f"the Kubernetes API does not answer ({type(error).__name__})")


def _pod(namespace: str) -> dict[str, Any]:
    container = {"name": "probe", "image": "probe"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "fleet-verify", "namespace": namespace},
        "spec": {"containers": [container]},
    }


def _space(other: Mapping[str, Any]) -> str:
    return f"/api/v1/namespaces/{other['namespace']}"


def _secrets(context: Context, other: Mapping[str, Any]) -> Outcome:
    return _try(context, "GET", f"{_space(other)}/secrets")


def _pods(context: Context, other: Mapping[str, Any]) -> Outcome:
    return _try(context, "GET", f"{_space(other)}/pods")


def _start(context: Context, other: Mapping[str, Any]) -> Outcome:
    return _try(context, "POST", f"{_space(other)}/pods{_DRY}", _pod(other["namespace"]))


# The API server authorises before it looks whether there is such a pod: any answer but a refusal means that one could.


def _exec(context: Context, other: Mapping[str, Any]) -> Outcome:
    return _try(context, "POST", f"{_space(other)}/pods/fleet-verify/exec?command=true&stdout=1")


def _logs(context: Context, other: Mapping[str, Any]) -> Outcome:
    return _try(context, "GET", f"{_space(other)}/pods/fleet-verify/log")


def _proxy(context: Context, other: Mapping[str, Any]) -> Outcome:
    return _try(context, "GET", f"{_space(other)}/services/http:airflow-api-server:8080/proxy/")


def _token(context: Context, other: Mapping[str, Any]) -> Outcome:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    return _try(context, "POST", f"{_space(other)}/serviceaccounts/airflow-scheduler/token{_DRY}", review)


def _impersonate(context: Context, other: Mapping[str, Any]) -> Outcome:
    who = f"system:serviceaccount:{other['namespace']}:airflow-scheduler"
    return _try(context, "GET", f"{_space(other)}/pods", Impersonate_User=who)


def _own(path: str) -> Probe:
    def probe(context: Context) -> Outcome:
        return _try(context, "GET", path.format(**context["team"]))

    return probe


def _own_exec(context: Context) -> Outcome:
    return _exec(context, context["team"])


def _loosen_pods(context: Context) -> Outcome:
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    return _try(context, "PATCH", f"{_space(context['team'])}{_DRY}", labels, **_MERGE)


def _loosen_network(context: Context) -> Outcome:
    namespace = context["team"]["namespace"]
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/default-deny"
    return _try(context, "DELETE", path + _DRY)


def _loosen_quota(context: Context) -> Outcome:
    quota = {"spec": {"hard": {"pods": "1000"}}}
    return _try(context, "PATCH", f"{_space(context['team'])}/resourcequotas/guardrails{_DRY}", quota, **_MERGE)


def _bind(context: Context) -> Outcome:
    namespace = context["team"]["namespace"]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "fleet-verify", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "airflow-scheduler", "namespace": namespace}],
    }
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    return _try(context, "POST", path + _DRY, binding)


PROBES: dict[str, Probe] = {
    "k8s-fleet": _own("/api/v1/namespaces/fleet-system/secrets"),
    "k8s-own-secrets": _own("/api/v1/namespaces/{namespace}/secrets"),
    "k8s-own-exec": _own_exec,
    "k8s-nodes": _own("/api/v1/nodes"),
    "k8s-all-pods": _own("/api/v1/pods"),
    "k8s-loosen-pods": _loosen_pods,
    "k8s-loosen-network": _loosen_network,
    "k8s-loosen-quota": _loosen_quota,
    "k8s-bind": _bind,
}
AGAINST: dict[str, ProbeOther] = {
    "k8s-secrets": _secrets,
    "k8s-pods": _pods,
    "k8s-start": _start,
    "k8s-exec": _exec,
    "k8s-logs": _logs,
    "k8s-proxy": _proxy,
    "k8s-token": _token,
    "k8s-impersonate": _impersonate,
}
