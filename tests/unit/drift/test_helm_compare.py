"""What differs from a release's manifest, and what only looks so; the way back leads back, whatever a chart says."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.drift.helm import equal, judge, kinds, manifests, wording
from fleet.drift.helm.compare import MISSING, Difference, compare
from fleet.drift.mend import Patch, together
from tests.support import json_patch

WHEN = "2026-11-28T12:00:00Z"


def held(kind: str, **fields: Any) -> dict[str, Any]:
    document = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "labels": {"tier": "airflow"}}, **fields}
    return manifests.as_held(document, "airflow", "airflow-a", "airflow-a")


def owned(manager: str, fields: Mapping[str, Any], time: str = WHEN) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields}


def by_helm(manifest: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    """As the API server has it when Helm wrote it, and perhaps others something."""
    live = copy.deepcopy(manifest)
    live["metadata"]["managedFields"] = [owned("helm", {"f:spec": {}}), *others]
    return live


POD = {
    "securityContext": {"runAsUser": 50000, "fsGroup": 0, "runAsNonRoot": True},
    "automountServiceAccountToken": False,
    "containers": [
        {
            "name": "scheduler", "image": "airflow:3.3.2", "args": ["bash", "-c", "exec airflow scheduler"],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"memory": "1Gi"}},
            "ports": [{"name": "logs", "containerPort": 8793}],
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            "livenessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 60, "initialDelaySeconds": 0},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
    "tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}],
    "nodeSelector": None,
    "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "config", "configMap": {"name": "c"}}],
}  # fmt: skip
DEPLOYMENT = held(
    "Deployment",
    spec={
        "replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "strategy": {"rollingUpdate": {"maxSurge": 0}},
        "template": {"metadata": {"labels": {"a": "b"}, "annotations": None, "creationTimestamp": None}, "spec": POD},
    },
)  # fmt: skip


def as_kept(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the API server makes of that Deployment: seen with Kubernetes 1.34."""
    live = by_helm(manifest)
    spec = live["spec"]
    spec |= {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10}
    spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}}
    del spec["template"]["metadata"]["annotations"], spec["template"]["metadata"]["creationTimestamp"]
    pod = spec["template"]["spec"]
    del pod["nodeSelector"]
    pod |= {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "terminationGracePeriodSeconds": 30}  # fmt: skip
    container = pod["containers"][0]
    container |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log",
                  "terminationMessagePolicy": "File"}  # fmt: skip
    container["resources"] = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    container["ports"][0]["protocol"] = "TCP"
    del container["livenessProbe"]["initialDelaySeconds"]
    container["livenessProbe"] |= {"timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}
    pod["volumes"][1]["configMap"]["defaultMode"] = 420
    live["status"] = {"replicas": 1}
    live["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 2, "creationTimestamp": WHEN}
    return live


def found(want: dict[str, Any], live: dict[str, Any], **options: Any) -> list[str]:
    return [".".join(each.names) for each in compare(want, live, **options)]


@pytest.mark.parametrize("managed", [True, False])
def test_what_the_api_server_makes_of_a_manifest_is_no_difference(managed: bool) -> None:
    live = as_kept(DEPLOYMENT)
    if not managed:  # somebody emptied the list of managers: every default has to be known then
        live["metadata"]["managedFields"] = []
    assert found(DEPLOYMENT, live) == []


def test_an_object_made_anew_by_hand_from_its_own_export_is_none_either() -> None:
    live = as_kept(DEPLOYMENT)
    live["metadata"]["managedFields"] = [owned("kubectl-create", {"f:metadata": {}, "f:spec": {}})]
    assert found(DEPLOYMENT, live) == []


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _leaves(each, (*path, key))
    elif isinstance(value, list) and value:
        for number, each in enumerate(value):
            yield from _leaves(each, (*path, number))
    else:
        yield path


LEAVES = [
    path for path in _leaves(DEPLOYMENT["spec"]) if path[-1] not in ("nodeSelector", "creationTimestamp", "annotations")
]


def _set(manifest: Any, path: tuple[Any, ...], value: Any) -> Any:
    for step in path[:-1]:
        manifest = manifest[step]
    before = manifest.get(path[-1]) if isinstance(manifest, dict) else manifest[path[-1]]
    if value is MISSING:
        del manifest[path[-1]]
    else:
        manifest[path[-1]] = value
    return before


@given(st.sampled_from(LEAVES), st.sampled_from(["other", 4711, "1Ti"]))
def test_every_changed_leaf_is_found_and_leads_back(path: tuple[Any, ...], value: Any) -> None:
    live = as_kept(DEPLOYMENT)
    before = _set(live["spec"], path, value)
    if before == value:
        return
    differences = compare(DEPLOYMENT, live)
    assert differences, path
    assert compare(DEPLOYMENT, _mended(live, differences)) == []


def _mended(live: dict[str, Any], differences: list[Difference]) -> dict[str, Any]:
    (patch,) = together(Patch("/x", each.operations()) for each in differences)
    assert isinstance(patch, Patch)
    mended: dict[str, Any] = json_patch.apply(live, patch.operations)
    return mended


_NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
_SCALARS = st.one_of(st.sampled_from(["", "x", "y", "10", "1Gi"]), st.integers(-3, 3), st.booleans(), st.none())


def _named(most: int, **optional: Any) -> Any:
    """Lists that are merged by name."""
    item = st.fixed_dictionaries({"name": _NAMES}, optional=optional)
    return st.lists(item, max_size=most, unique_by=lambda each: each["name"])


_CONTAINERS = _named(
    3, image=st.sampled_from(["i:1", "i:2"]), env=_named(4, value=st.sampled_from(["1", "2"])), args=st.lists(_NAMES)
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.dictionaries(_NAMES, inner, max_size=3), st.lists(inner, max_size=3)),
    max_leaves=8,
)
_SPECS = st.fixed_dictionaries(
    {}, optional={"containers": _CONTAINERS, "labels": st.dictionaries(_NAMES, _NAMES), "free": _TREES}
)


@given(_SPECS, _SPECS)
def test_whatever_it_is_the_mends_make_it_as_declared(want: Any, live: Any) -> None:
    """Nobody is known here, so that everything undeclared counts."""
    declared, there = held("Thing", spec=want), held("Thing", spec=live)
    differences = compare(declared, there)
    if differences:
        assert found(declared, _mended(there, differences)) == []


@given(_SPECS)
def test_a_manifest_differs_in_nothing_from_itself(spec: Any) -> None:
    assert found(held("Thing", spec=spec), by_helm(held("Thing", spec=spec))) == []


def test_an_empty_list_leaves_the_default_to_the_api_server() -> None:
    scaler = held("HorizontalPodAutoscaler", spec={"maxReplicas": 3, "metrics": []})
    live = by_helm(scaler)
    target = {"type": "Utilization", "averageUtilization": 80}
    live["spec"] |= {"minReplicas": 1, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}
    assert found(scaler, live) == []
    target["averageUtilization"] = 10
    live["metadata"]["managedFields"] = [owned("kubectl-edit", {"f:spec": {"f:metrics": {}}})]
    assert found(scaler, live) == ["spec.metrics"]


def test_lists_are_merged_by_their_keys() -> None:
    live = as_kept(DEPLOYMENT)
    pod = live["spec"]["template"]["spec"]
    pod["containers"][0]["env"].reverse()
    pod["volumes"].reverse()
    pod["tolerations"].reverse()
    assert found(DEPLOYMENT, live) == []
    pod["containers"][0]["args"].reverse()
    assert found(DEPLOYMENT, live) == ["spec.template.spec.containers.scheduler.args"]


def test_a_variable_that_is_set_twice_counts_as_the_last() -> None:
    live = as_kept(DEPLOYMENT)
    live["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "A", "value": "2"})
    (difference,) = compare(DEPLOYMENT, live)
    assert difference.names[-3:] == ("env", "A", "value")
    assert compare(DEPLOYMENT, _mended(live, [difference])) == []


def test_what_is_undeclared_counts_by_who_wrote_it() -> None:
    spec = {"f:spec": {"f:template": {"f:spec": {"f:hostNetwork": {}}}}}
    for manager, names in (
        ("kubectl-edit", ["spec.template.spec.hostNetwork"]),
        ("helm", []),
        ("kube-controller-manager", []),
    ):
        live = as_kept(DEPLOYMENT)
        live["spec"]["template"]["spec"]["hostNetwork"] = True
        live["metadata"]["managedFields"].append(owned(manager, spec))
        assert found(DEPLOYMENT, live) == names


def test_in_what_guards_a_team_it_counts_whoever_wrote_it() -> None:
    policy = held("NetworkPolicy", spec={"podSelector": {}, "policyTypes": ["Ingress"]})
    live = by_helm(policy)
    live["spec"]["ingress"] = [{}]
    assert found(policy, live, strict=True) == ["spec.ingress"]
    live["spec"] = {"podSelector": {"matchLabels": {"no": "pod"}}, "policyTypes": ["Ingress"]}
    assert found(policy, live, strict=True) == ["spec.podSelector.matchLabels.no"]


def test_controllers_notes_are_none() -> None:
    live = as_kept(DEPLOYMENT)
    live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    live["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": WHEN}
    restart = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}}}
    live["metadata"]["managedFields"].append(owned("kubectl-rollout", restart))
    assert found(DEPLOYMENT, live) == []


@pytest.mark.parametrize(
    ("name", "above", "want", "live", "same"),
    [
        ("cpu", "limits", "1000m", "1", True), ("memory", "requests", "1Gi", "1024Mi", True), ("cpu", "hard", 2, "2", True),
        ("cpu", "limits", "0.5", "500m", True), ("memory", "limits", "1e3", "1k", True),
        ("memory", "limits", "1G", "1Gi", False),
        ("port", "", "80", 80, True), ("value", "env", "1000m", "1", False), ("readOnly", "", True, "true", False),
        ("runAsNonRoot", "", True, 1, False), ("weight", "", 1.0, 1, True),
    ],
)  # fmt: skip
def test_one_value_in_two_forms(name: str, above: str, want: Any, live: Any, same: bool) -> None:
    assert equal.same(want, live, amount=equal.is_amount(name, above)) == same


def test_false_and_zero_that_say_something_are_missed_when_they_are_gone() -> None:
    live = as_kept(DEPLOYMENT)
    pod = live["spec"]["template"]["spec"]
    del pod["automountServiceAccountToken"], pod["securityContext"]["fsGroup"]
    del pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"]
    assert len(compare(DEPLOYMENT, live)) == 3


def test_a_secret_is_compared_as_it_is_kept_and_never_shown() -> None:
    secret = held("Secret", stringData={"key": "hunter2"}, data={"other": "aGk="})
    live = by_helm(secret)
    live["data"] = {"key": "aHVudGVyMg==\n", "other": "aGk="}
    assert found(secret, live) == []
    live["data"]["key"] = "eA=="
    (difference,) = compare(secret, live)
    assert wording.both("Secret", difference) == ("(secret)", "(another secret)")
    assert judge.judge("Secret", difference) == kinds.SECRET


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgresql://fleet:hunter2@db:5432/x", "postgresql://fleet:(masked)@db:5432/x"),
        ("fernet_key = hunter2", "fernet_key = (masked)"),
        ([{"name": "DB_PASSWORD", "value": "hunter2"}], [{"name": "DB_PASSWORD", "value": "(masked)"}]),
        ({"name": "A", "value": "plain"}, {"name": "A", "value": "plain"}),
        (["--token=hunter2", "--debug"], ["--token=(masked)", "--debug"]),
        ("airflow-fernet-key", "airflow-fernet-key"),
    ],
)
def test_what_looks_like_a_secret_is_masked(value: Any, shown: Any) -> None:
    assert wording.masked(value) == shown


def test_of_a_long_text_the_line_that_differs_is_told() -> None:
    want = held("ConfigMap", data={"airflow.cfg": "[core]\nparallelism = 16\n"})
    live = by_helm(want)
    live["data"]["airflow.cfg"] = "[core]\nparallelism = 32\n"
    (difference,) = compare(want, live)
    assert wording.both("ConfigMap", difference) == ("line 2: parallelism = 16", "line 2: parallelism = 32")


def test_what_is_fixed_has_no_way_back() -> None:
    assert judge.is_fixed("Deployment", ("spec", "selector", "matchLabels"))
    assert judge.is_fixed("RoleBinding", ("roleRef", "name"))
    assert not judge.is_fixed("Deployment", ("spec", "replicas"))
    assert judge.gone("PodDisruptionBudget") == kinds.GONE_MINOR
    assert judge.gone("Service") == kinds.GONE


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0440", 288), ("0o440", 288), ("1_000", 1000), ("1e3", 1000.0), ("12:30:45", "12:30:45"),
        ("2026-11-28", "2026-11-28"),
        ("yes", True), ("off", False), ("y", True), ("'yes'", "yes"), ("~", None), ("1.5", 1.5), ("1.2.3", "1.2.3"),
        ("-", None),
        ("0x1f", 31), ("08", 8.0),
    ],
)  # fmt: skip
def test_scalars_are_read_as_helm_reads_them(text: str, value: Any) -> None:
    manifest = "kind: A\nmetadata: {name: x}\nvalue: " + (text if text != "-" else "")
    (read,) = manifests.objects(manifest)
    assert read["value"] == value
    assert type(read["value"]) is type(value)


def test_a_list_of_objects_is_its_objects_and_nonsense_is_refused() -> None:
    one = "kind: List\nitems:\n- {kind: A, metadata: {name: x}}\n- {kind: B, metadata: {name: y}}\n---\n# nothing\n"
    assert [each["kind"] for each in manifests.objects(one)] == ["A", "B"]
    for nonsense in ("{", "just words", "kind: A"):
        with pytest.raises(ValueError, match="cannot be read"):
            manifests.objects(nonsense)
