"""Looks at an Airflow that was installed by hand: takes a name, gives all that is there under the names that fleet
would give, never changes anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from fleet.adopt import release as releases
from fleet.adopt.release import WORKLOADS, Release
from fleet.desired import naming, secrets
from fleet.drivers import handmade
from fleet.drivers.handmade import Client, Database
from fleet.drivers.keycloak import Realm
from fleet.drivers.kubernetes import Cluster, Manifest, core, group
from fleet.drivers.world import World, decode
from fleet.errors import ExitCode, FleetError
from fleet.model import Platform

# Where Airflow looks for each; the second names are older.
_CONNECTION = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__SQL_ALCHEMY_CONN")
_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "fernet-key": ("AIRFLOW__CORE__FERNET_KEY",),
    "api-secret-key": ("AIRFLOW__API__SECRET_KEY", "AIRFLOW__WEBSERVER__SECRET_KEY"),
    "jwt-secret": ("AIRFLOW__API_AUTH__JWT_SECRET",),
}


@dataclass(frozen=True)
class Address:
    """A database as a connection names it."""

    database: str
    role: str
    host: str
    port: int
    password: str = field(repr=False)


@dataclass(frozen=True)
class Found:
    """All that there is of an Airflow."""

    name: str
    release: Release
    workloads: tuple[Manifest, ...]  # as they are now
    pods: tuple[Manifest, ...]  # of the whole namespace, those that have not ended
    sources: Mapping[str, str]  # key → Secret that the pods take it from
    address: Address
    keys: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, Mapping[str, str]] = field(repr=False)  # those with the names that fleet uses
    database: Database | None
    client: Client | None
    strangers: tuple[str, ...]  # clients of another name that lead to this Airflow


async def look(name: str, platform: Platform, world: World) -> Found:
    """Everything, read once.

    Raises:
        FleetError: there is no such Airflow, or its pods do not say where their keys are.
    """
    namespace, release = await asyncio.gather(
        world.cluster.get(core("namespaces", name=naming.namespace(name))),
        releases.read(world.cluster, naming.namespace(name), naming.AIRFLOW_RELEASE),
    )
    if namespace is None or release is None:
        raise await _elsewhere(name, world.cluster, namespace is not None)
    workloads = [
        await world.cluster.get(path_of(each, release.namespace))
        for each in release.manifest
        if each["kind"] in WORKLOADS
    ]
    live = tuple(each for each in workloads if each)
    sources = _sources(live)
    held = {each: decode(await world.cluster.get(core("secrets", release.namespace, each))) for each in _names(sources)}
    connection, keys = _keys(name, sources, held)
    address = _address(connection)
    there = await realm(platform, world)
    database = await handmade.database(await world.database_admin(), address.database, address.role)
    client = await handmade.client(there, naming.client_id(name), name)
    return Found(
        name=name,
        release=release,
        workloads=live,
        pods=tuple(await _pods(world.cluster, release.namespace)),
        sources={key: secret for key, (secret, _) in sources.items()},
        address=address,
        keys={**keys, "database-password": address.password, "sso-client-secret": client.secret if client else ""},
        secrets={each: held[each] for each in secrets.NAMES if held[each]},
        database=database,
        client=client,
        strangers=() if client else tuple(await handmade.leading_to(there, naming.url(platform, name))),
    )


def path_of(manifest: Manifest, namespace: str = "") -> str:
    """Where an object of a chart is; of the kinds that fleet's charts and the official one make."""
    metadata, api = manifest["metadata"], manifest["apiVersion"]
    kind = _PLURALS.get(manifest["kind"], f"{manifest['kind'].lower()}s")
    where = "" if manifest["kind"] in _OF_THE_CLUSTER else metadata.get("namespace") or namespace
    return core(kind, where, metadata["name"]) if api == "v1" else group(api, kind, where, metadata["name"])


_PLURALS = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses", "HTTPRoute": "httproutes"}
_OF_THE_CLUSTER = ("Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass")


async def _elsewhere(name: str, cluster: Cluster, has_namespace: bool) -> FleetError:
    """What there is instead of an Airflow of the right name."""
    labels = "tier=airflow,component=scheduler,release"
    there = [
        each["metadata"]
        for kind in ("deployments", "statefulsets")
        for each in await cluster.list(group("apps/v1", kind), labels=labels, metadata_only=True)
        if naming.INSTANCE_LABEL not in each["metadata"]["labels"]
    ]
    found = [f"release {each['labels']['release']} in namespace {each['namespace']}" for each in there]
    missing = "no Helm release `airflow` that is deployed" if has_namespace else "no such namespace"
    return FleetError(
        f"{naming.namespace(name)}: {missing}", where=name, exit_code=ExitCode.REFUSED,
        hint=f"the names are by rule: release {naming.AIRFLOW_RELEASE} in namespace {naming.namespace(name)}, and neither "
        f"Helm nor Kubernetes renames one; there are: {'; '.join(found) or 'no others'}. "
        "docs/how-to/adopt.md says how to move one",
    )  # fmt: skip


def _sources(workloads: Sequence[Manifest]) -> dict[str, tuple[str, str]]:
    """Key, or `connection` → the Secret and the key in it that the pods take it from."""
    variables = dict(_variables(workloads))
    wanted = {"connection": _CONNECTION, **_VARIABLES}
    return {key: variables[name] for key, names in wanted.items() for name in reversed(names) if name in variables}


def _variables(workloads: Sequence[Manifest]) -> Iterator[tuple[str, tuple[str, str]]]:
    for workload in workloads:
        for container in workload["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env", ()):
                if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                    yield variable["name"], (reference["name"], reference["key"])


def _names(sources: Mapping[str, tuple[str, str]]) -> set[str]:
    return {*secrets.NAMES, *(secret for secret, _ in sources.values())}


def _keys(
    name: str, sources: Mapping[str, tuple[str, str]], held: Mapping[str, Mapping[str, str]]
) -> tuple[str, dict[str, str]]:
    """The connection and the keys, out of the Secrets.

    Raises:
        FleetError: the pods have one from elsewhere, or from a Secret without it.
    """
    taken = {key: held[secret].get(field, "") for key, (secret, field) in sources.items()}
    lacking = [names[0] for key, names in {"connection": _CONNECTION, **_VARIABLES}.items() if not taken.get(key)]
    if lacking:
        raise FleetError(
            f"no container takes {', '.join(lacking)} from a Secret, by `valueFrom.secretKeyRef`", where=name,
            hint="put each into a Secret, name it in the release's values and upgrade the release: that restarts its pods",
            exit_code=ExitCode.REFUSED,
        )  # fmt: skip
    return taken.pop("connection"), taken


def _address(connection: str) -> Address:
    url = urlsplit(connection)
    return Address(
        database=unquote(url.path.strip("/")),
        role=unquote(url.username or ""),
        host=url.hostname or "",
        port=url.port or 5432,
        password=unquote(url.password or ""),
    )


async def realm(platform: Platform, world: World) -> Realm:
    """The fleet's realm, as its administrator sees it."""
    keycloak = await world.keycloak()
    return await keycloak.realm(platform.sso.realm, *await world.sso_admin())


async def _pods(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    pods = await cluster.list(core("pods", namespace))
    return [each for each in pods if each.get("status", {}).get("phase") not in ("Succeeded", "Failed")]
