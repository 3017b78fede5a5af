"""What bears fleet's mark: takes the doors to the world, gives things by the instance that they would be of, never judges.

One LIST, or one query, of each kind. The mark is a label where there are labels; elsewhere it is what fleet alone makes so.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fleet.desired import naming
from fleet.diff import PLATFORM
from fleet.drift.finding import Kind
from fleet.drift.orphans import kinds
from fleet.drivers.kubernetes import Cluster, Manifest, core, group
from fleet.drivers.postgres import Shapes, shapes
from fleet.drivers.world import World
from fleet.model import NAME_MAX, NAME_PATTERN
from fleet.observe import Observed

_NAME = re.compile(NAME_PATTERN)
_ASIDE = re.compile(r"(?:before|proof)_(.+)_[0-9a-f]{8}")
_ROLES = {"admin", "op", "user", "viewer"}
# Whoever holds a Lease renews it every few seconds; clocks of two machines may differ by less than this.
_HELD_SECONDS = 300
_LEASES, _RBAC = "coordination.k8s.io/v1", "rbac.authorization.k8s.io/v1"


@dataclass(frozen=True)
class Thing:
    """One thing in the world.

    Args:
        instance: the one that it is, or would be, of.
        address: as findings have it.
        identity: how its server names it, where that is not its name.
        marked: whether it is sure to be fleet's; what is not, nobody but its maker takes away.
    """

    kind: Kind
    instance: str
    address: str
    identity: str = ""
    marked: bool = True


@dataclass(frozen=True)
class Things:
    """All of them, and what is needed to say which entries have none."""

    found: tuple[Thing, ...]
    workspaces: frozenset[str]
    databases: frozenset[str]  # all that are on the server, whosever they are
    held: frozenset[str]  # instances that somebody is at work on


async def things(world: World, observed: Observed) -> Things:
    """Look everywhere.

    Raises:
        FleetError: something does not answer, or refuses.
    """
    cluster, label, system = world.cluster, naming.INSTANCE_LABEL, naming.SYSTEM_NAMESPACE
    below, beside = asyncio.gather(_workspaces(world), _shapes(world), _sign_on(world)), _cluster_wide(world)
    leases, configs, namespaces, accounts, of_cluster, (workspaces, server, (clients, groups)) = await asyncio.gather(
        cluster.list(group(_LEASES, "leases", system), labels=label),
        cluster.list(core("configmaps", system), labels=label, metadata_only=True),
        _namespaces(cluster),
        cluster.list(core("serviceaccounts"), labels=label, metadata_only=True),
        beside,
        below,
    )
    held = frozenset(_instance(each) for each in leases if _held(each))
    found = [
        *_observed(observed),
        *_of_cluster(leases, configs, namespaces),
        *_accounts(accounts, of_cluster),
        *(Thing(kinds.WORKSPACE, name, f"workspace {name}") for name in workspaces if name != "default"),
        *_of_server(server),
        *_of_keycloak(clients, groups),
    ]
    known = tuple(each for each in found if each.instance != PLATFORM and is_name(each.instance))
    return Things(known, frozenset(workspaces), server.all, held)


def is_name(text: str) -> bool:
    """Whether an instance may have this name."""
    return len(text) <= NAME_MAX and _NAME.fullmatch(text) is not None


def _instance(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"][naming.INSTANCE_LABEL])


def _held(lease: Manifest) -> bool:
    spec = lease["spec"]
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return False
    return (datetime.now(UTC) - datetime.fromisoformat(spec["renewTime"])).total_seconds() < _HELD_SECONDS


def _observed(observed: Observed) -> Iterator[Thing]:
    for name, each in observed.instances.items():
        if each.created is not None and not each.terminating:
            yield Thing(kinds.NAMESPACE, name, f"Namespace {naming.namespace(name)}")
        for part in each.releases:
            release, where = _release(name, part)
            # Anybody may call a release `airflow`, and its namespace so, too.
            marked = part == "guardrails" or each.created is not None or each.record is not None
            yield Thing(kinds.RELEASE, name, f"release {where}/{release}", part, marked)
        if each.has_keys:
            yield Thing(kinds.KEYS, name, f"Secret {naming.SYSTEM_NAMESPACE}/{naming.keys_secret(name)}")


def _release(name: str, part: str) -> tuple[str, str]:
    if part == "guardrails":
        return naming.guardrails_release(name), naming.SYSTEM_NAMESPACE
    return naming.AIRFLOW_RELEASE, naming.namespace(name)


async def _namespaces(cluster: Cluster) -> list[Manifest]:
    """But for those that are on their way out."""
    found = await cluster.list(core("namespaces"), metadata_only=True)
    return [each for each in found if "deletionTimestamp" not in each["metadata"]]


def _of_cluster(
    leases: Iterable[Manifest], configs: Iterable[Manifest], namespaces: Iterable[Manifest]
) -> Iterator[Thing]:
    system, prefix = naming.SYSTEM_NAMESPACE, naming.namespace("")
    for each in leases:
        name = _instance(each)
        if each["metadata"]["name"] == naming.lease(name) and not _held(each):
            yield Thing(kinds.LEASE, name, f"Lease {system}/{naming.lease(name)}")
    for each in configs:
        name = _instance(each)
        if each["metadata"]["name"] in (naming.record(name), naming.upgrades(name)):
            yield Thing(kinds.RECORD, name, f"ConfigMap {system}/{each['metadata']['name']}", each["metadata"]["name"])
    for each in namespaces:
        name, labels = each["metadata"]["name"], each["metadata"].get("labels") or {}
        if name.startswith(prefix) and naming.INSTANCE_LABEL not in labels:
            yield Thing(kinds.UNMARKED, name.removeprefix(prefix), f"Namespace {name}", marked=False)


def _accounts(accounts: Iterable[Manifest], cluster_wide: Mapping[str, Iterable[Manifest]]) -> Iterator[Thing]:
    """Those in the instance's own namespace go, and are told, with that."""
    for each in accounts:
        where, name = each["metadata"]["namespace"], each["metadata"]["name"]
        if where != naming.namespace(_instance(each)):
            path = core("serviceaccounts", where, name)
            yield Thing(kinds.ACCOUNT, _instance(each), f"ServiceAccount {where}/{name}", path)
    for kind, found in cluster_wide.items():
        for each in found:
            path = group(_RBAC, f"{kind.lower()}s", name=each["metadata"]["name"])
            yield Thing(kinds.ACCOUNT, _instance(each), f"{kind} {each['metadata']['name']}", path)


async def _cluster_wide(world: World) -> dict[str, list[Manifest]]:
    roles, bindings = await asyncio.gather(
        *(
            world.cluster.list(group(_RBAC, kind), labels=naming.INSTANCE_LABEL, metadata_only=True)
            for kind in ("clusterroles", "clusterrolebindings")
        )
    )
    return {"ClusterRole": roles, "ClusterRoleBinding": bindings}


async def _workspaces(world: World) -> list[str]:
    return await (await world.states("team")).names()


async def _shapes(world: World) -> Shapes:
    return await shapes(await world.database_reader())


def _of_server(server: Shapes) -> Iterator[Thing]:
    """A database is fleet's when a role of its name, not its owner, may enter it, and `public` may not; one that stands aside
    has the name of such a one in its own. A role is fleet's when it looks into a schema of its own name."""
    for name, entrants in server.databases.items():
        if name in entrants:
            yield Thing(kinds.DATABASE, _unsql(name), f"database {name}")
        elif (aside := _ASIDE.fullmatch(name)) and aside[1] in entrants:
            yield Thing(kinds.ASIDE, _unsql(aside[1]), f"database {name}", name)
    for role in server.roles - server.databases.keys():
        yield Thing(kinds.ROLE, _unsql(role), f"role {role}")


def _unsql(name: str) -> str:
    return name.replace("_", "-")


async def _sign_on(world: World) -> tuple[list[Any], list[Any]]:
    realm = await world.realm()
    if await realm.get("") is None:
        return [], []
    return await asyncio.gather(realm.every("/clients"), realm.groups())


def _of_keycloak(clients: Iterable[Any], groups: Iterable[Any]) -> Iterator[Thing]:
    prefix = naming.client_id("")
    for each in clients:
        if each["clientId"].startswith(prefix):
            marked = any(mapper["name"] == "roles" for mapper in each.get("protocolMappers") or ())
            name = each["clientId"].removeprefix(prefix)
            yield Thing(kinds.CLIENT, name, f"client {each['clientId']}", each["id"], marked)
    within: dict[str, set[str]] = {}
    for each in groups:
        top, _, inner = each["path"].lstrip("/").partition("/")
        within.setdefault(top, set()).add(inner)
    for each in groups:
        if each["path"].count("/") == 1 and within[each["name"]] >= _ROLES:
            yield Thing(kinds.GROUP, each["name"], f"group {each['path']}", each["id"])
