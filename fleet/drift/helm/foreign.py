"""What guards a team and nobody declared: takes live objects and what releases declare, gives findings, deletes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fleet.drift.finding import Finding, Kind, shown
from fleet.drift.helm import kinds
from fleet.drift.helm.manifests import Manifest
from fleet.drift.helm.objects import address
from fleet.drift.helm.owners import Owners
from fleet.drift.helm.resources import (
    CLUSTER_ROLE_BINDING,
    LIMIT_RANGE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    Live,
    Resource,
)  # fmt: skip

_GUARDS: Mapping[Resource, Kind] = {
    NETWORK_POLICY: kinds.FOREIGN_NETWORK, RESOURCE_QUOTA: kinds.FOREIGN_QUOTA, LIMIT_RANGE: kinds.FOREIGN_QUOTA,
    ROLE_BINDING: kinds.FOREIGN_BINDING, CLUSTER_ROLE_BINDING: kinds.FOREIGN_BINDING,
}  # fmt: skip
_ACCOUNTS = "system:serviceaccounts:"


def findings(
    live: Live, declared: Collection[tuple[Resource, str, str]], teams: Mapping[str, str]
) -> Iterator[Finding]:
    """Guards that no release declares, in a team's namespace; and rights that its service accounts have elsewhere.

    Args:
        declared: kind, namespace and name of all that releases declare.
        teams: namespace → team.
    """
    for resource, kind in _GUARDS.items():
        for each in live.all(resource):
            namespace, name = each["metadata"].get("namespace", ""), each["metadata"]["name"]
            team = teams.get(namespace) or _bound(each, teams)
            if team and (resource, namespace, name) not in declared:
                yield _finding(kind, team, resource, each)


def _bound(binding: Manifest, teams: Mapping[str, str]) -> str | None:
    """The team whose service accounts a binding gives rights to."""
    for subject in binding.get("subjects") or []:
        namespace = subject.get("namespace", "") if subject["kind"] == "ServiceAccount" else ""
        if subject["kind"] == "Group" and subject["name"].startswith(_ACCOUNTS):
            namespace = subject["name"].removeprefix(_ACCOUNTS)
        if namespace in teams:
            return teams[namespace]
    return None


def _finding(kind: Kind, team: str, resource: Resource, found: Manifest) -> Finding:
    namespace, name = found["metadata"].get("namespace", ""), found["metadata"]["name"]
    owner = Owners(found).writer(())
    where = f" --namespace {namespace}" if namespace else ""
    return Finding(
        kind, team, address(resource, namespace, name), found=shown(_said(found)), who=owner.who, when=owner.when,
        remedy=f"kubectl delete {resource.kind.lower()} {name}{where}",
    )  # fmt: skip


def _said(found: Manifest) -> Any:
    """What it does, in short."""
    if "roleRef" not in found:
        return found.get("spec", {})
    subjects = ", ".join(f"{each['kind']} {each['name']}" for each in found.get("subjects") or [])
    return f"{found['roleRef']['kind']} {found['roleRef']['name']} to {subjects}"
