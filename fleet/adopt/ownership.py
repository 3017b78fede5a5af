"""Whose an object is: takes a manifest as it is, gives the change that makes it Helm's or fleet's, never a change of
what it says.

Helm takes an object that is there already only with these marks (https://helm.sh/docs/helm/helm_upgrade/). And whose a
field is stands in `managedFields`: one that `kubectl` still had would look like somebody's change for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.drivers.kubernetes import FIELD_MANAGER, Manifest

HELM = "helm"
_KEEP = "helm.sh/resource-policy"


def mark(release: str, namespace: str, *, keep: bool) -> Manifest:
    """The marks of a release; with ``keep``, the release that has it so far does not delete it."""
    annotations: dict[str, str | None] = {
        "meta.helm.sh/release-name": release,
        "meta.helm.sh/release-namespace": namespace,
        **({_KEEP: "keep"} if keep else {}),
    }
    return {"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": annotations}}


UNKEEP: Manifest = {"metadata": {"annotations": {_KEEP: None}}}


def taken(manifest: Manifest, manager: str) -> Manifest | None:
    """The change that gives ``manager`` what kubectl and others have; None where they have nothing.

    What controllers write is theirs. From an object of fleet's own, which is applied, others lose only what fleet
    applies: it would take the rest away the next time.
    """
    entries = manifest["metadata"].get("managedFields", [])
    others = [each for each in entries if _is_foreign(each, manager)]
    mine = next((each for each in entries if each["manager"] == manager and "subresource" not in each), None)
    if not others or mine is None:
        return None
    if manager == FIELD_MANAGER:
        left = [{**each, "fieldsV1": _without(each["fieldsV1"], mine["fieldsV1"])} for each in others]
        fields, kept = mine["fieldsV1"], [each for each in left if each["fieldsV1"]]
        if kept == others:
            return None
    else:
        fields, kept = mine["fieldsV1"], []
        for each in others:
            fields = _union(fields, each["fieldsV1"])
    rest = [each for each in entries if each not in others and each is not mine]
    metadata = manifest["metadata"]
    managed = [*rest, *kept, {**mine, "fieldsV1": fields}]
    return {"metadata": {"resourceVersion": metadata["resourceVersion"], "managedFields": managed}}


def _is_foreign(entry: Mapping[str, Any], manager: str) -> bool:
    name = entry["manager"]
    return "subresource" not in entry and name not in (manager, HELM, FIELD_MANAGER) and not name.startswith("kube-")


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _union(one.get(key, {}), other.get(key, {})) for key in {**one, **other}}


def _without(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A set of fields less another; what has nothing left below it goes, but for a field of its own."""
    left = {}
    for key, below in one.items():
        if key not in other:
            left[key] = below
        elif rest := _without(below, other[key]):
            left[key] = rest
    return left
