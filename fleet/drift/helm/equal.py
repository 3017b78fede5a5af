"""Whether two values are one to the API server: takes a declared and a live value, gives yes or no, never looks around.

What it does to a manifest: quantities and numbers get one form, what is null or empty falls away, defaults come in.
https://kubernetes.io/docs/reference/using-api/api-concepts/ , defaults: pkg/apis/*/v1/defaults.go of Kubernetes 1.34.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

# Below these, and under these names, amounts are quantities.
_AMOUNTS = frozenset({
    "limits", "requests", "hard", "default", "defaultRequest", "max", "min", "maxLimitRequestRatio", "capacity",
    "sizeLimit", "divisor", "averageValue", "storage",
})  # fmt: skip
_QUANTITY = re.compile(r"^([-+]?(?:\d+\.?\d*|\.\d+))(?:[eE]([-+]?\d+)|([KMGTPE]i|[numkMGTPE]))?$")
_FACTORS = {
    **{unit: Decimal(1000) ** power for power, unit in zip((-3, -2, -1, 1, 2, 3, 4, 5, 6), "numkMGTPE", strict=True)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}  # fmt: skip
# Where `false` and `0` say something else than nothing: the API keeps these as pointers.
_TELLING = frozenset({
    "automountServiceAccountToken", "allowPrivilegeEscalation", "readOnlyRootFilesystem", "runAsNonRoot", "privileged",
    "hostUsers", "enableServiceLinks", "shareProcessNamespace", "setHostnameAsFQDN", "runAsUser", "runAsGroup", "fsGroup",
    "replicas", "minReplicas", "maxUnavailable", "maxSurge", "minAvailable", "partition", "priority", "mode", "defaultMode",
    "terminationGracePeriodSeconds", "revisionHistoryLimit", "backoffLimit", "ttlSecondsAfterFinished", "parallelism",
    "completions", "suspend", "progressDeadlineSeconds", "activeDeadlineSeconds", "startingDeadlineSeconds",
    "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "tolerationSeconds", "stabilizationWindowSeconds", "optional",
    "immutable", "allocateLoadBalancerNodePorts",
})  # fmt: skip
# What an autoscaler goes by where nothing is said.
_CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
# What the API server fills in where nothing is said.
_DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "terminationMessagePath": ("/dev/termination-log",), "terminationMessagePolicy": ("File",),
    "imagePullPolicy": ("IfNotPresent", "Always"), "restartPolicy": ("Always",), "dnsPolicy": ("ClusterFirst",),
    "schedulerName": ("default-scheduler",), "terminationGracePeriodSeconds": (30,), "enableServiceLinks": (True,),
    "timeoutSeconds": (1,), "periodSeconds": (10,), "successThreshold": (1,), "failureThreshold": (3,), "scheme": ("HTTP",),
    "path": ("/",), "defaultMode": (420,), "expirationSeconds": (3600,), "apiVersion": ("v1",), "protocol": ("TCP",),
    "progressDeadlineSeconds": (600,), "revisionHistoryLimit": (10, 3), "replicas": (1,), "maxSurge": ("25%", 0, 1),
    "maxUnavailable": ("25%", 1), "podManagementPolicy": ("OrderedReady",), "partition": (0,), "whenDeleted": ("Retain",),
    "whenScaled": ("Retain",), "type": ("RollingUpdate", "ClusterIP", "", "PathPrefix"), "volumeMode": ("Filesystem",),
    "sessionAffinity": ("None",), "internalTrafficPolicy": ("Cluster",), "externalTrafficPolicy": ("Cluster",),
    "ipFamilyPolicy": ("SingleStack",), "ipFamilies": (["IPv4"], ["IPv6"]), "completions": (1,), "parallelism": (1,),
    "backoffLimit": (6,), "completionMode": ("NonIndexed",), "suspend": (False,), "manualSelector": (False,),
    "podReplacementPolicy": ("TerminatingOrFailed", "Failed"), "concurrencyPolicy": ("Allow",),
    "successfulJobsHistoryLimit": (3,), "failedJobsHistoryLimit": (1,), "apiGroup": ("rbac.authorization.k8s.io",),
    "policyTypes": (["Ingress"], ["Ingress", "Egress"]), "minReplicas": (1,), "privileged": (False,),
    "procMount": ("Default",), "finalizers": (["kubernetes"],), "kubernetes.io/metadata.name": ("*",), "value": ("/",),
    "group": ("", "gateway.networking.k8s.io"), "kind": ("Service", "Gateway"), "weight": (1,), "phase": ("Pending",),
    "clusterIP": ("*",), "clusterIPs": ("*",), "nodePort": ("*",), "healthCheckNodePort": ("*",), "volumeName": ("*",),
    "storageClassName": ("*",), "serviceAccount": ("*",), "creationTimestamp": ("*",), "ingressClassName": ("*",),
    "allocateLoadBalancerNodePorts": (True,), "selectPolicy": ("Max",), "metrics": ([_CPU],),
    "job-name": ("*",), "controller-uid": ("*",), "batch.kubernetes.io/job-name": ("*",),
    "batch.kubernetes.io/controller-uid": ("*",),
}  # fmt: skip


def quantity(value: Any) -> Decimal | None:
    """An amount as a number; None where it is none (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)."""
    matched = _QUANTITY.match(str(value)) if isinstance(value, str | int | float) else None
    if matched is None:
        return None
    number, exponent, unit = matched.groups()
    return Decimal(number) * (Decimal(10) ** int(exponent) if exponent else _FACTORS.get(unit, Decimal(1)))


def is_amount(name: str, above: str) -> bool:
    """Whether a field of this name, in a field of that name, holds a quantity."""
    return name in _AMOUNTS or above in _AMOUNTS


def same(want: Any, live: Any, *, amount: bool = False, coded: bool = False) -> bool:
    """Whether two plain values are one.

    Args:
        amount: they are quantities.
        coded: they are base64.
    """
    if isinstance(want, bool) or isinstance(live, bool):
        return want is live
    if want == live:
        return True
    if amount and (number := quantity(want)) is not None:
        return number == quantity(live)
    if coded and isinstance(want, str) and isinstance(live, str):
        return _bytes(want) == _bytes(live)
    # A port may be a number or a name: `80` and `"80"` mean the same.
    return isinstance(want, int | str) and isinstance(live, int | str) and str(want) == str(live)


def _bytes(text: str) -> bytes | str:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return text


def is_nothing(name: str, want: Any) -> bool:
    """Whether the API server keeps nothing of a declared value."""
    if isinstance(want, Mapping):
        return all(is_nothing(key, value) for key, value in want.items())
    if want is None or want in ("", []):
        return True
    return name not in _TELLING and not isinstance(want, str) and not isinstance(want, list) and want in (False, 0)


def is_default(name: str, live: Any, beside: Mapping[str, Any]) -> bool:
    """Whether a live value that nobody declared is what the API server fills in.

    Args:
        beside: the fields around it, itself among them.
    """
    if live is None or live in ({}, []):
        return True
    known = _DEFAULTS.get(name, ())
    if known == ("*",) or any(each == live and isinstance(each, bool) == isinstance(live, bool) for each in known):
        return True
    if name == "targetPort":
        return bool(live == beside.get("port"))
    return isinstance(live, Mapping) and all(is_default(key, value, live) for key, value in live.items())


def filled(name: str, want: Mapping[str, Any], live: Mapping[str, Any]) -> Mapping[str, Any]:
    """A declared value with what the API server derives from its own parts: requests from limits, a LimitRange's defaults."""
    if name == "resources" and "limits" in want:
        return _from(want, live, "requests", "limits")
    if "type" in want and ("default" in want or "max" in want or "min" in want):  # an item of a LimitRange
        want = _from(want, live, "default", "max")
        want = _from(want, live, "defaultRequest", "default")
        return _from(want, live, "defaultRequest", "min")
    return want


def _from(want: Mapping[str, Any], live: Mapping[str, Any], target: str, source: str) -> Mapping[str, Any]:
    own, there = want.get(target) or {}, live.get(target) or {}
    more = {key: value for key, value in (want.get(source) or {}).items() if key not in own and key in there}
    return {**want, target: {**own, **more}} if more else want
