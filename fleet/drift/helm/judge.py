"""What a difference means: takes the kind of object and the difference, gives the kind of finding, never looks anything up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.desired import naming
from fleet.drift.finding import Kind
from fleet.drift.helm import kinds
from fleet.drift.helm.compare import MISSING, Difference
from fleet.drift.helm.equal import quantity
from fleet.drift.helm.manifests import MANAGED_BY

# Objects that say who may do what in a team's namespace.
WALLS = frozenset({"NetworkPolicy", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ResourceQuota"})
# Fields that say what a pod may do, and how it is reached from outside.
_WALL_FIELDS = frozenset({
    "securityContext", "automountServiceAccountToken", "serviceAccountName", "hostNetwork", "hostPID", "hostIPC", "hostUsers",
    "shareProcessNamespace", "hostPath", "externalIPs", "hostPort", "runtimeClassName",
})  # fmt: skip
_MARKS = frozenset({
    naming.INSTANCE_LABEL, "tier", "component", "release", MANAGED_BY, "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
})  # fmt: skip
_WALL_LABELS = ("pod-security.kubernetes.io/", "fleet/")
# Without one of these something does not run, or a wall is open.
_NEEDED = WALLS | {
    "Namespace", "Deployment", "StatefulSet", "DaemonSet", "Service", "ServiceAccount", "ConfigMap", "Secret", "LimitRange",
    "Ingress", "HTTPRoute", "PersistentVolumeClaim",
}  # fmt: skip
# They end by themselves and are taken away then.
PASSING = frozenset({"Job"})
# Fields that nobody can change but by making the object anew.
_FIXED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Deployment": (("spec", "selector"),),
    "DaemonSet": (("spec", "selector"),),
    "StatefulSet": (("spec", "selector"), ("spec", "serviceName"), ("spec", "volumeClaimTemplates"),
                    ("spec", "podManagementPolicy")),
    "Job": (("spec",),),
    "PersistentVolumeClaim": (("spec",),),
    "Service": (("spec", "clusterIP"), ("spec", "clusterIPs")),
    "RoleBinding": (("roleRef",),),
    "ClusterRoleBinding": (("roleRef",),),
    "Secret": (("type",), ("immutable",)),
    "ConfigMap": (("immutable",),),
}  # fmt: skip


def gone(kind: str) -> Kind:
    """What it means that an object of this kind is gone."""
    return kinds.GONE if kind in _NEEDED else kinds.GONE_MINOR


def is_fixed(kind: str, names: tuple[str, ...]) -> bool:
    """Whether a field of an object cannot be changed back."""
    return any(names[: len(fixed)] == fixed for fixed in _FIXED.get(kind, ()))


def judge(kind: str, difference: Difference) -> Kind:
    """The kind of finding."""
    names = difference.names
    if _is_wall(kind, difference):
        return kinds.WALL
    if names[0] == "metadata":
        return kinds.MARK if len(names) < 3 or names[2] in _MARKS else kinds.METADATA
    if names[0] in ("data", "binaryData"):
        return kinds.SECRET if kind == "Secret" else kinds.CONFIG
    if names == ("spec", "suspend"):
        return kinds.STOPPED if difference.live is True else kinds.VALUE
    if names == ("spec", "replicas"):
        return kinds.SCALED if difference.live else kinds.STOPPED
    if names[-1] == "image":
        return kinds.IMAGE
    if {"env", "envFrom"} & set(names):
        return kinds.ENV
    return kinds.ADDED if difference.want is MISSING else kinds.VALUE


def _is_wall(kind: str, difference: Difference) -> bool:
    names = difference.names
    if names[0] == "metadata":
        return kind == "Namespace" and len(names) == 3 and names[2].startswith(_WALL_LABELS)
    if kind == "ResourceQuota":
        return _loosened(difference)
    if kind in WALLS or _WALL_FIELDS & set(names):
        return True
    if kind == "Service" and names == ("spec", "type"):
        return True
    # A field that lets the node in may hide in what was added as a whole.
    return difference.want is MISSING and _holds(difference.live, _WALL_FIELDS - {"securityContext"})


def _loosened(difference: Difference) -> bool:
    if difference.live is MISSING or difference.want is MISSING:
        return difference.live is MISSING
    want, live = quantity(difference.want), quantity(difference.live)
    return want is None or live is None or live > want


def _holds(value: Any, names: frozenset[str]) -> bool:
    if isinstance(value, Mapping):
        return any(key in names or _holds(each, names) for key, each in value.items())
    return isinstance(value, list) and any(_holds(each, names) for each in value)
