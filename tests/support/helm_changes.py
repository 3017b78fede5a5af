"""Changes behind fleet's back, as people make them: each by kubectl or Helm, with the finding that it has to give."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet import keys, paths
from fleet.desired import naming
from fleet.drivers.kubernetes import core
from fleet.drivers.world import decode
from fleet.sandbox import builds
from tests.support.installed import Installed

PSA = "metadata.labels.pod-security.kubernetes.io"
POD = "spec.template.spec"


def kill_upgrade(world: Installed, team: str) -> None:
    chart = str(paths.asset("charts") / "airflow")
    words = ["upgrade", "airflow", chart, f"--namespace=airflow-{team}", "--reuse-values", "--wait", "--timeout=5m"]
    running = subprocess.Popen([builds.tool("helm"), "--kubeconfig", str(world.server.kubeconfig), *words])
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and not _is_pending(world, team):
            time.sleep(0.1)
        assert _is_pending(world, team)
    finally:
        running.kill()
        running.wait()


def _is_pending(world: Installed, team: str) -> bool:
    path = core("secrets", f"airflow-{team}")
    return bool(asyncio.run(world.cluster.list(path, labels="owner=helm,status=pending-upgrade", metadata_only=True)))


@dataclass(frozen=True)
class Change:
    """One change behind fleet's back, and the finding that it has to give.

    Args:
        by: does it.
        who: as it is told.
        value: what has to be in `found` (or, with a leading `-`, in `expected`).
    """

    by: Callable[[Installed], object]
    team: str
    kind: str
    address: str
    field: str = ""
    who: str = ""
    value: str = ""
    heals: bool = True


def _do(words: str, stdin: Any = "") -> Callable[[Installed], object]:
    """kubectl, with a manifest or none."""
    text = stdin if isinstance(stdin, str) else json.dumps(stdin)
    return lambda world: world.kubectl(*shlex.split(words), stdin=text)


def _patch(
    what: str, namespace: str, change: Any, *more: str, kind: str = "strategic"
) -> Callable[[Installed], object]:
    resource, name = what.split("/")
    words = (
        "patch",
        resource,
        name,
        f"--namespace={namespace}",
        f"--type={kind}",
        "--patch",
        json.dumps(change),
        *more,
    )
    return lambda world: world.kubectl(*words)


def _edited(world: Installed) -> object:
    """`kubectl edit`, by an editor that is a program."""
    command = [builds.tool("kubectl"), "--kubeconfig", str(world.server.kubeconfig)]
    environment = {**os.environ, "KUBE_EDITOR": "sed -i 's/revisionHistoryLimit: 2/revisionHistoryLimit: 5/'"}
    words = ["edit", "deployment", "airflow-triggerer", "--namespace=airflow-bob"]
    return subprocess.run([*command, *words], env=environment, check=True, capture_output=True)


def _rebound(world: Installed) -> None:
    """A binding cannot be changed, only made anew."""
    found = json.loads(
        world.kubectl("get", "rolebinding", "airflow-pod-log-reader-rolebinding", "--namespace=airflow-ada", "-ojson")
    )
    world.kubectl("delete", "rolebinding", "airflow-pod-log-reader-rolebinding", "--namespace=airflow-ada")
    metadata = {key: found["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    other = {**found, "metadata": metadata, "roleRef": {**found["roleRef"], "name": "airflow-pod-launcher-role"}}
    world.kubectl("create", "--filename=-", stdin=json.dumps(other))


def _other_keys(world: Installed) -> None:
    """The keys of a team, put anew by hand."""
    path = core("secrets", naming.SYSTEM_NAMESPACE, naming.keys_secret("gus"))
    found = asyncio.run(world.cluster.get(path))
    assert found
    fresh = {**decode(found), "fernet-key": keys.fresh("fernet-key")}
    world.kubectl("delete", "secret", naming.keys_secret("gus"), "--namespace=fleet-system")
    metadata = {"name": naming.keys_secret("gus"), "labels": found["metadata"]["labels"], "namespace": "fleet-system"}
    secret = {"apiVersion": "v1", "kind": "Secret", "immutable": True, "metadata": metadata, "stringData": fresh}
    world.kubectl("create", "--filename=-", stdin=json.dumps(secret))


def _values(world: Installed) -> None:
    chart = str(paths.asset("charts") / "airflow")
    world.helm("upgrade", "airflow", chart, "--namespace=airflow-gus", "--reuse-values", "--set=scheduler.replicas=2")


def _chart(world: Installed) -> None:
    """A chart with a line of somebody's own."""
    copy = Path(shutil.copytree(paths.asset("charts") / "airflow", world.server.home / "airflow"))
    (copy / "templates" / "config.yaml").open("a").write("# mine\n")
    world.helm("upgrade", "airflow", str(copy), "--namespace=airflow-fay", "--reuse-values")


def _failed(world: Installed) -> None:
    chart = str(paths.asset("charts") / "airflow")
    words = ("upgrade", "airflow", chart, "--namespace=airflow-ivy", "--reuse-values", "--wait", "--timeout=1s")
    with suppress(AssertionError):
        world.helm(*words)


def _rolled_back(world: Installed) -> None:
    """Back to the revision before the one that was applied last."""
    world.entries["ivy"] = {**world.entries["ivy"], "quota": {"pods": 9}}
    asyncio.run(world.add({"ivy": world.entries["ivy"]}))
    world.helm("rollback", "guardrails-ivy", "1", "--namespace=fleet-system")


def _container(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {kind: [{"name": name, **fields}]}}}}


_SPY = {"image": "spy:1", "env": [{"name": "SPY_TOKEN", "value": "hunter2"}]}
_ANYWHERE: dict[str, Any] = {"spec": {"egress": [{}]}}
_HOST_PATH = {"spec": {"template": {"spec": {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}}}}


def _binding(kind: str, name: str, role: str, *subjects: dict[str, str]) -> dict[str, Any]:
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name},
            "roleRef": role_ref, "subjects": list(subjects)}  # fmt: skip


_ADA = {"kind": "ServiceAccount", "name": "airflow-worker", "namespace": "airflow-ada"}
_MALLORY = {"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}
_OPEN = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "open"},
         "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]}}  # fmt: skip
_QUOTA = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight"}, "spec": {"hard": {"pods": "1"}}}

CHANGES = {
    "stopped": Change(
        _do("scale deployment/airflow-triggerer --namespace=airflow-ada --replicas=0"),
        "ada", "stopped", "Deployment airflow-ada/airflow-triggerer", "spec.replicas", value="0",
    ),
    "scaled": Change(
        _do("scale deployment/airflow-dag-processor --namespace=airflow-ada --replicas=3"),
        "ada", "scaled", "Deployment airflow-ada/airflow-dag-processor", "spec.replicas", "kubectl", "3",
    ),
    "image": Change(
        _do("set image deployment/airflow-scheduler scheduler=other:1 --namespace=airflow-bob"),
        "bob", "image", "Deployment airflow-bob/airflow-scheduler", f"{POD}.containers.scheduler.image", "kubectl-set",
        "other:1",
    ),
    "variable added": Change(
        _do("set env deployment/airflow-scheduler MY_PASSWORD=hunter2 --namespace=airflow-bob --containers=scheduler"),
        "bob", "env", "Deployment airflow-bob/airflow-scheduler", f"{POD}.containers.scheduler.env.MY_PASSWORD", "kubectl-set",
        "(masked)",
    ),
    "variable changed": Change(
        _do("set env deployment/airflow-api-server FORWARDED_ALLOW_IPS=10.0.0.1 --namespace=airflow-ada"),
        "ada", "env", "Deployment airflow-ada/airflow-api-server", f"{POD}.containers.api-server.env.FORWARDED_ALLOW_IPS.value",
        "kubectl-set", "10.0.0.1",
    ),
    "variable gone": Change(
        _do("set env deployment/airflow-api-server AIRFLOW__CORE__FERNET_KEY- --namespace=airflow-ada"),
        "ada", "env", "Deployment airflow-ada/airflow-api-server", f"{POD}.containers.api-server.env.AIRFLOW__CORE__FERNET_KEY",
        value="-airflow-fernet-key",
    ),
    "memory": Change(
        _do("set resources deployment/airflow-dag-processor -c dag-processor --limits=memory=2Gi --namespace=airflow-bob"),
        "bob", "value", "Deployment airflow-bob/airflow-dag-processor",
        f"{POD}.containers.dag-processor.resources.limits.memory", "kubectl-set", "2Gi",
    ),
    "container added": Change(
        _patch("deployment/airflow-dag-processor", "airflow-bob", _container("containers", "spy", **_SPY)),
        "bob", "added", "Deployment airflow-bob/airflow-dag-processor", f"{POD}.containers.spy", "kubectl-patch", "spy:1",
    ),
    "volume of the node": Change(
        _patch("deployment/airflow-dag-processor", "airflow-ada", _HOST_PATH),
        "ada", "wall", "Deployment airflow-ada/airflow-dag-processor", f"{POD}.volumes.host", "kubectl-patch", "hostPath",
    ),
    "security context": Change(
        _patch("deployment/airflow-api-server", "airflow-bob",
               _container("containers", "api-server", securityContext={"readOnlyRootFilesystem": False})),
        "bob", "wall", "Deployment airflow-bob/airflow-api-server",
        f"{POD}.containers.api-server.securityContext.readOnlyRootFilesystem", "kubectl-patch", "false",
    ),
    "edited": Change(
        _edited, "bob", "value", "Deployment airflow-bob/airflow-triggerer", "spec.revisionHistoryLimit", "kubectl-edit", "5"
    ),
    "default changed": Change(
        _patch("deployment/airflow-triggerer", "airflow-ada", {"spec": {"minReadySeconds": 5}}),
        "ada", "added", "Deployment airflow-ada/airflow-triggerer", "spec.minReadySeconds", "kubectl-patch", "5",
    ),
    "label added": Change(
        _do("label deployment airflow-triggerer team=mine --namespace=airflow-bob"),
        "bob", "metadata", "Deployment airflow-bob/airflow-triggerer", "metadata.labels.team", "kubectl-label", "mine",
    ),
    "mark gone": Change(
        _do("label service airflow-api-server fleet/instance- --namespace=airflow-ada"),
        "ada", "mark", "Service airflow-ada/airflow-api-server", "metadata.labels.fleet/instance", value="-ada",
    ),
    "Helm's mark gone": Change(
        _do("label configmap airflow-config app.kubernetes.io/managed-by- --namespace=airflow-ada"),
        "ada", "mark", "ConfigMap airflow-ada/airflow-config", "metadata.labels.app.kubernetes.io/managed-by", value="-Helm",
    ),
    "Helm's mark changed": Change(
        _do("annotate serviceaccount airflow-triggerer meta.helm.sh/release-name=x --overwrite --namespace=airflow-ada"),
        "ada", "mark", "ServiceAccount airflow-ada/airflow-triggerer", "metadata.annotations.meta.helm.sh/release-name",
        "kubectl-annotate", "x",
    ),
    "configuration": Change(
        _patch("configmap/airflow-config", "airflow-bob", {"data": {"airflow.cfg": "[core]\nfernet_key = abc\n"}}),
        "bob", "config", "ConfigMap airflow-bob/airflow-config", "data.airflow.cfg", "kubectl-patch",
    ),
    "file added": Change(
        _patch("configmap/fleet-smoke", "airflow-bob", {"data": {"mine.py": "print()"}}),
        "bob", "config", "ConfigMap airflow-bob/fleet-smoke", "data.mine.py", "kubectl-patch", "print()",
    ),
    "token of an account": Change(
        _patch("serviceaccount/airflow-api-server", "airflow-bob", {"automountServiceAccountToken": True}),
        "bob", "wall", "ServiceAccount airflow-bob/airflow-api-server", "automountServiceAccountToken", "kubectl-patch", "true",
    ),
    "port": Change(
        _patch("service/airflow-api-server", "airflow-ada", [{"op": "replace", "path": "/spec/ports/0/port", "value": 9090}],
               kind="json"),
        "ada", "value", "Service airflow-ada/airflow-api-server", "spec.ports.api-server.port", "kubectl-patch", "9090",
    ),
    "service outside": Change(
        _patch("service/airflow-api-server", "airflow-bob", {"spec": {"type": "NodePort"}}),
        "bob", "wall", "Service airflow-bob/airflow-api-server", "spec.type", "kubectl-patch", "NodePort",
    ),
    "host": Change(
        _patch("ingress/airflow-ingress", "airflow-ada",
               [{"op": "replace", "path": "/spec/rules/0/host", "value": "evil.example.com"}], kind="json"),
        "ada", "value", "Ingress airflow-ada/airflow-ingress", "spec.rules", "kubectl-patch", "evil.example.com",
    ),
    "ingress gone": Change(
        _do("delete ingress airflow-ingress --namespace=airflow-bob"), "bob", "gone", "Ingress airflow-bob/airflow-ingress"
    ),
    "component gone": Change(
        _do("delete deployment airflow-triggerer --namespace=airflow-eve"),
        "eve", "gone", "Deployment airflow-eve/airflow-triggerer"
    ),
    "policy gone": Change(
        _do("delete networkpolicy default-deny --namespace=airflow-eve"),
        "eve", "gone", "NetworkPolicy airflow-eve/default-deny"
    ),
    "policy widened": Change(
        _patch("networkpolicy/airflow-to-database", "airflow-ada", _ANYWHERE, kind="merge"),
        "ada", "wall", "NetworkPolicy airflow-ada/airflow-to-database", "spec.egress", "kubectl-patch", "{}",
    ),
    "policy widened under Helm's name": Change(
        _patch("networkpolicy/default-deny", "airflow-ada", {"spec": {"ingress": [{}]}}, "--field-manager=helm"),
        "ada", "wall", "NetworkPolicy airflow-ada/default-deny", "spec.ingress", "helm", "{}",
    ),
    "rule of a role": Change(
        _patch("role/airflow-pod-launcher-role", "airflow-ada",
               [{"op": "add", "path": "/rules/-", "value": {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}}],
               kind="json"),
        "ada", "wall", "Role airflow-ada/airflow-pod-launcher-role", "rules", "kubectl-patch", "secrets",
    ),
    "subject of a binding": Change(
        _patch("rolebinding/airflow-pod-launcher-rolebinding", "airflow-ada",
               [{"op": "add", "path": "/subjects/-", "value": _MALLORY}], kind="json"),
        "ada", "wall", "RoleBinding airflow-ada/airflow-pod-launcher-rolebinding", "subjects", "kubectl-patch", "mallory",
    ),
    "binding to another role": Change(
        _rebound, "ada", "wall", "RoleBinding airflow-ada/airflow-pod-log-reader-rolebinding", "roleRef.name", "kubectl-create",
        "launcher", heals=False,
    ),
    "quota raised": Change(
        _patch("resourcequota/guardrails", "airflow-bob", {"spec": {"hard": {"pods": "500"}}}),
        "bob", "wall", "ResourceQuota airflow-bob/guardrails", "spec.hard.pods", "kubectl-patch", "500",
    ),
    "quota lowered": Change(
        _patch("resourcequota/guardrails", "airflow-bob", {"spec": {"hard": {"requests.cpu": "1"}}}),
        "bob", "value", "ResourceQuota airflow-bob/guardrails", "spec.hard.requests.cpu", "kubectl-patch", "1",
    ),
    "limits": Change(
        _patch("limitrange/guardrails", "airflow-bob",
               [{"op": "replace", "path": "/spec/limits/0/default/memory", "value": "64Gi"}], kind="json"),
        "bob", "value", "LimitRange airflow-bob/guardrails", "spec.limits", "kubectl-patch", "64Gi",
    ),
    "pod security": Change(
        _do("label namespace airflow-ada pod-security.kubernetes.io/enforce=privileged --overwrite"),
        "ada", "wall", "Namespace airflow-ada", f"{PSA}/enforce", "kubectl-label", "privileged",
    ),
    "namespace without its mark": Change(
        _do("label namespace airflow-bob fleet/instance-"),
        "bob", "wall", "Namespace airflow-bob", "metadata.labels.fleet/instance", value="-bob",
    ),
    "namespace as a front": Change(
        _do("label namespace airflow-eve fleet/front=true"),
        "eve", "wall", "Namespace airflow-eve", "metadata.labels.fleet/front", "kubectl-label", "true",
    ),
    "secret changed": Change(
        _patch("secret/airflow-fernet-key", "airflow-eve", {"stringData": {"fernet-key": "hunter2"}}),
        "eve", "secret", "Secret airflow-eve/airflow-fernet-key", "data.fernet-key", "kubectl-patch", "(another value)",
    ),
    "secret with one key more": Change(
        _patch("secret/airflow-metadata", "airflow-eve", {"stringData": {"mine": "hunter2"}}),
        "eve", "secret", "Secret airflow-eve/airflow-metadata", "data.mine", "kubectl-patch", "(another value)",
    ),
    "secret gone": Change(
        _do("delete secret airflow-sso --namespace=airflow-eve"), "eve", "secret-gone", "Secret airflow-eve/airflow-sso"
    ),
    "secret without its mark": Change(
        _do("label secret airflow-jwt-secret fleet/instance- --namespace=airflow-ada"),
        "ada", "mark", "Secret airflow-ada/airflow-jwt-secret", "metadata.labels.fleet/instance", value="-ada",
    ),
    "keys gone": Change(
        _do("delete secret keys-fay --namespace=fleet-system"), "fay", "keys-gone", "Secret fleet-system/keys-fay"
    ),
    "keys replaced": Change(
        _other_keys, "gus", "keys-changed", "Secret fleet-system/keys-gus", "data", "kubectl-create", "airflow-fernet-key",
        heals=False,
    ),
    "authority added": Change(
        _patch("configmap/fleet-ca", "airflow-ada", {"data": {"ca.crt": "mine"}}),
        "ada", "trust", "ConfigMap airflow-ada/fleet-ca", "data.ca.crt", "kubectl-patch", "other authorities",
    ),
    "authorities gone": Change(
        _do("delete configmap fleet-ca --namespace=airflow-bob"), "bob", "trust", "ConfigMap airflow-bob/fleet-ca"
    ),
    "foreign policy": Change(
        _do("create --namespace=airflow-ada --filename=-", _OPEN),
        "ada", "foreign-network", "NetworkPolicy airflow-ada/open", "", "kubectl-create", "egress", heals=False,
    ),
    "foreign quota": Change(
        _do("create --namespace=airflow-ada --filename=-", _QUOTA),
        "ada", "foreign-quota", "ResourceQuota airflow-ada/tight", "", "kubectl-create", "pods", heals=False,
    ),
    "foreign binding": Change(
        _do("create --namespace=airflow-ada --filename=-", _binding("RoleBinding", "mallory", "admin", _MALLORY)),
        "ada", "foreign-binding", "RoleBinding airflow-ada/mallory", "", "kubectl-create", "ClusterRole admin to User mallory",
        heals=False,
    ),
    "rights in fleet's own namespace": Change(
        _do("create --namespace=fleet-system --filename=-", _binding("RoleBinding", "spy", "view", _ADA)),
        "ada", "foreign-binding", "RoleBinding fleet-system/spy", "", "kubectl-create", "view", heals=False,
    ),
    "rights everywhere": Change(
        _do("create --filename=-", _binding("ClusterRoleBinding", "mighty", "cluster-admin", _ADA)),
        "ada", "foreign-binding", "ClusterRoleBinding mighty", "", "kubectl-create", "cluster-admin", heals=False,
    ),
    "values": Change(
        _values, "gus", "values", "release airflow-gus/airflow", "values.scheduler.replicas", "helm", "2, by revision 2"
    ),
    "chart": Change(
        _chart, "fay", "chart", "release airflow-fay/airflow", "chart", "helm", "templates/config.yaml"
    ),
    "rolled back": Change(
        _rolled_back, "ivy", "values", "release fleet-system/guardrails-ivy", "values.quota.pods", "helm", "Rollback to 1"
    ),
    "release failed": Change(_failed, "ivy", "release-failed", "release airflow-ivy/airflow", "status", "helm", "failed"),
    "release stuck": Change(
        lambda world: kill_upgrade(world, "jo"), "jo", "release-stuck", "release airflow-jo/airflow", "status", "helm",
        "pending-upgrade",
    ),
    "release gone": Change(
        lambda world: world.helm("uninstall", "airflow", "--namespace=airflow-kim"), "kim", "release-gone",
        "release airflow-kim/airflow",
    ),
    "fleet's own namespace": Change(
        _do("label namespace fleet-system pod-security.kubernetes.io/enforce-"),
        "platform", "wall", "Namespace fleet-system", f"{PSA}/enforce",
    ),
    "scheduled look": Change(
        _patch("cronjob/fleet-drift", "fleet-system", {"spec": {"suspend": True}}),
        "platform", "stopped", "CronJob fleet-system/fleet-drift", "spec.suspend", "kubectl-patch", "true",
    ),
    "rights of the scheduled look": Change(
        _patch("clusterrole/fleet-drift", "", [{"op": "add", "path": "/rules/0/verbs/-", "value": "delete"}], kind="json"),
        "platform", "wall", "ClusterRole fleet-drift", "rules", "kubectl-patch", "delete",
    ),
    "portal": Change(
        _do("set image deployment/fleet-portal portal=other:2 --namespace=fleet-system"),
        "platform", "image", "Deployment fleet-system/fleet-portal", f"{POD}.containers.portal.image", "kubectl-set", "other:2",
    ),
    "namespace gone": Change(
        _do("delete namespace airflow-hal --wait=false"), "hal", "namespace-gone", "Namespace airflow-hal", heals=False
    ),
}  # fmt: skip
