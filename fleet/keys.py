"""An instance's keys: takes a cluster, gives the keys that were made once, never makes them a second time.

They lie in one immutable Secret per instance in the system namespace, out of the team's reach; the Secrets of the instance's
own namespace are copies. So a lost namespace loses no key, and nothing changes one by accident: a new Fernet key would make
every stored connection unreadable. Who changes one on purpose (`fleet rotate`) puts another Secret in the place of that one.
"""

from __future__ import annotations

import base64
import json
import os
import secrets as randomness
from collections.abc import Callable, Mapping
from types import MappingProxyType

from fleet.desired import naming, secrets
from fleet.desired.secrets import API, FERNET, JWT, KEYS, METADATA, SIGN_ON, contents
from fleet.drivers import trust
from fleet.drivers.kubernetes import Cluster, Manifest, core
from fleet.drivers.world import decode
from fleet.errors import FleetError


async def ensure(cluster: Cluster, instance: str, *, used: bool) -> dict[str, str]:
    """The keys; made if this instance never had any.

    Args:
        used: the keys were used before (something was applied with them), so that missing ones are a loss.

    Raises:
        FleetError: they were used and are gone.
    """
    path = core("secrets", naming.SYSTEM_NAMESPACE, naming.keys_secret(instance))
    keys = decode(await cluster.get(path) or await _promoted(cluster, instance))
    if not keys:
        made = await _from_copies(cluster, instance) if used else {key: fresh(key) for key in KEYS}
        await cluster.create(core("secrets", naming.SYSTEM_NAMESPACE), _secret(instance, made))
        keys = decode(await cluster.get(path))  # another run may have been faster: its keys hold
    if missing := sorted(set(KEYS) - keys.keys()):
        raise FleetError(
            f"the Secret {naming.keys_secret(instance)} lacks {', '.join(missing)}", where=instance, hint=_HINT
        )
    return keys


async def take(cluster: Cluster, instance: str, found: Mapping[str, str]) -> None:
    """Keep the keys that an Airflow has already.

    Raises:
        FleetError: others are kept under its name.
    """
    path = core("secrets", naming.SYSTEM_NAMESPACE, naming.keys_secret(instance))
    await cluster.create(core("secrets", naming.SYSTEM_NAMESPACE), _secret(instance, found))
    if decode(await cluster.get(path)) != dict(found):
        raise FleetError(
            f"the Secret {naming.keys_secret(instance)} holds other keys", where=instance,
            hint="an instance of this name was here before: `fleet remove-team` takes away what is left of it",
        )  # fmt: skip


async def rotated(cluster: Cluster, instance: str) -> dict[str, int]:
    """How often each key was changed."""
    found = await cluster.get(core("secrets", naming.SYSTEM_NAMESPACE, naming.keys_secret(instance)))
    return secrets.rotated(found["metadata"]) if found else {}


async def replace(cluster: Cluster, instance: str, keys: Mapping[str, str], rotated: Mapping[str, int]) -> None:
    """Put other keys into the place of an instance's.

    An immutable Secret has to be deleted for that. The new one is written down beside it first, and :func:`ensure` takes it
    from there: killed anywhere, there are the old keys or the new ones.
    """
    old, new = naming.keys_secret(instance), naming.next_keys_secret(instance)
    await cluster.delete(core("secrets", naming.SYSTEM_NAMESPACE, new))  # of a run that was killed: the old ones hold
    await cluster.create(core("secrets", naming.SYSTEM_NAMESPACE), _secret(instance, keys, rotated, new))
    await cluster.delete(core("secrets", naming.SYSTEM_NAMESPACE, old))
    await _promoted(cluster, instance)


async def _promoted(cluster: Cluster, instance: str) -> Manifest | None:
    """The keys that were about to take the place of the others, in that place; None where there are none."""
    beside = core("secrets", naming.SYSTEM_NAMESPACE, naming.next_keys_secret(instance))
    found = await cluster.get(beside)
    if found is None:
        return None
    manifest = _secret(instance, decode(found), secrets.rotated(found["metadata"]))
    await cluster.create(core("secrets", naming.SYSTEM_NAMESPACE), manifest)
    await cluster.delete(beside)
    return await cluster.get(core("secrets", naming.SYSTEM_NAMESPACE, naming.keys_secret(instance)))


async def spread(cluster: Cluster, instance: str, inputs: Mapping[str, object], keys: Mapping[str, str]) -> None:
    """Make the Secrets of the instance's own namespace."""
    namespace = naming.namespace(instance)
    for name, data in contents(inputs, keys).items():
        await cluster.apply(core("secrets", namespace, name), _manifest(namespace, name, instance, data))


async def ensure_portal(cluster: Cluster, *, used: bool) -> str:
    """The secret of the portal's sign-on client; made if there never was one.

    Args:
        used: Keycloak has been told one before, so that a missing one is a loss.

    Raises:
        FleetError: it was used and is gone.
    """
    path = core("secrets", naming.SYSTEM_NAMESPACE, naming.PORTAL)
    if not used:
        data = {"client-secret": randomness.token_urlsafe(32)}
        manifest = _manifest(naming.SYSTEM_NAMESPACE, naming.PORTAL, naming.PLATFORM_RELEASE, data)
        await cluster.create(core("secrets", naming.SYSTEM_NAMESPACE), {**manifest, "immutable": True})
    try:
        return decode(await cluster.get(path))["client-secret"]
    except KeyError as error:
        raise FleetError(
            f"the Secret {naming.PORTAL} has no client-secret any more",
            where="platform",
            hint="apply once with `platform.portal.enabled: false` and then without: that makes its client anew",
        ) from error


async def ensure_drift(cluster: Cluster, *, used: bool) -> dict[str, str]:
    """The secrets of the look at drift: its role's password, its sign-on client's secret; made if there never were any.

    Args:
        used: Keycloak has been told one before, so that missing ones are a loss.

    Raises:
        FleetError: they were used and are gone.
    """
    if not used:
        data = {key: randomness.token_urlsafe(32) for key in _DRIFT}
        manifest = _manifest(naming.SYSTEM_NAMESPACE, naming.DRIFT, naming.PLATFORM_RELEASE, data)
        await cluster.create(core("secrets", naming.SYSTEM_NAMESPACE), manifest)
    found = decode(await cluster.get(core("secrets", naming.SYSTEM_NAMESPACE, naming.DRIFT)))
    if missing := sorted(set(_DRIFT) - found.keys()):
        raise FleetError(
            f"the Secret {naming.DRIFT} has no {', '.join(missing)} any more",
            where="platform",
            hint="apply once with `platform.drift.enabled: false` and then without: that makes its client anew",
        )
    return {key: found[key] for key in _DRIFT}


async def write_drift(cluster: Cluster, data: Mapping[str, str]) -> None:
    """The Secret of the look at drift, with all that its pods sign in with."""
    manifest = _manifest(naming.SYSTEM_NAMESPACE, naming.DRIFT, naming.PLATFORM_RELEASE, data)
    await cluster.apply(core("secrets", naming.SYSTEM_NAMESPACE, naming.DRIFT), manifest)


async def spread_trust(cluster: Cluster, namespace: str, instance: str, authority: str) -> None:
    """Make the ConfigMap of the authorities to trust: the public ones and ``authority`` (PEM)."""
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": naming.CA_CONFIG_MAP,
            "namespace": namespace,
            "labels": {naming.INSTANCE_LABEL: instance},
        },
        "data": {naming.CA_KEY: trust.bundle(authority)},
    }
    await cluster.apply(core("configmaps", namespace, naming.CA_CONFIG_MAP), manifest)


_DRIFT = ("database-password", "sso-client-secret")
_HINT = "restore it from a backup of the cluster: new keys would make what Airflow has encrypted unreadable"


_MAKERS: Mapping[str, Callable[[], str]] = {
    # Fernet: 32 random bytes, URL-safe base64. https://github.com/fernet/spec
    "fernet-key": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
    "api-secret-key": lambda: randomness.token_hex(32),
    "jwt-secret": lambda: randomness.token_hex(64),  # HS512 wants a key of 64 bytes or more (RFC 7518, 3.2)
    "database-password": lambda: randomness.token_urlsafe(32),
    "sso-client-secret": lambda: randomness.token_urlsafe(32),
}


def fresh(key: str) -> str:
    """A new value for one of `desired.secrets.KEYS`."""
    return _MAKERS[key]()


async def _from_copies(cluster: Cluster, instance: str) -> dict[str, str]:
    """The keys put together again from the instance's own Secrets."""
    from urllib.parse import unquote, urlsplit

    namespace = naming.namespace(instance)
    found = {
        name: decode(await cluster.get(core("secrets", namespace, name)))
        for name in (METADATA, FERNET, API, JWT, SIGN_ON)
    }
    try:
        return {
            "fernet-key": found[FERNET]["fernet-key"],
            "api-secret-key": found[API]["api-secret-key"],
            "jwt-secret": found[JWT]["jwt-secret"],
            "database-password": unquote(urlsplit(found[METADATA]["connection"]).password or ""),
            "sso-client-secret": found[SIGN_ON]["client-secret"],
        }
    except KeyError as error:
        raise FleetError(
            f"the keys are gone: neither {naming.SYSTEM_NAMESPACE} nor {namespace} has them", where=instance, hint=_HINT
        ) from error


def _secret(
    instance: str, keys: Mapping[str, str], rotated: Mapping[str, int] = MappingProxyType({}), name: str = ""
) -> Manifest:
    manifest = _manifest(naming.SYSTEM_NAMESPACE, name or naming.keys_secret(instance), instance, keys)
    annotations = {secrets.ROTATED: json.dumps(dict(rotated), sort_keys=True)} if rotated else {}
    return {**manifest, "immutable": True, "metadata": {**manifest["metadata"], "annotations": annotations}}


def _manifest(namespace: str, name: str, instance: str, data: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "namespace": namespace, "labels": {naming.INSTANCE_LABEL: instance}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }
