"""What fleet puts into namespaces itself: takes the Secrets that are there and the records, gives findings, never a value.

The copies are held against the team's keys in memory. Where the keys themselves were replaced, the copies are the only place
that still has the right ones: nothing then offers to write over them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fleet.desired import naming, secrets
from fleet.desired.secrets import KEYS, ROTATED, contents
from fleet.diff import PLATFORM
from fleet.drift.finding import Finding
from fleet.drift.helm import kinds
from fleet.drift.helm.manifests import Manifest
from fleet.drift.helm.owners import NOBODY, Owners, field_step
from fleet.drift.mend import Patch, Reapply
from fleet.drivers import trust
from fleet.drivers.kubernetes import core
from fleet.errors import FleetError
from fleet.record import Applied

SELECTOR = f"{naming.INSTANCE_LABEL},owner!=helm"
_KEYS_FIRST = "put the team's keys back first, then fleet apply {team} --refresh"
_LABEL_POINTER = f"/metadata/labels/{naming.INSTANCE_LABEL.replace('/', '~1')}"


@dataclass(frozen=True)
class Kept:
    """Secrets and ConfigMaps that fleet makes.

    Args:
        secrets: namespace and name → Secrets with the instance's label.
        unlabelled: namespace and name of Secrets without it; None as long as nothing is missed.
        trust: namespace → ConfigMap fleet-ca.
        authority: the private authority's certificate; None where there is none, or none that could be read.
    """

    secrets: Mapping[tuple[str, str], Manifest]
    trust: Mapping[str, Manifest] = field(default_factory=dict)
    unlabelled: Mapping[tuple[str, str], Manifest] | None = None
    authority: str | None = None


def wanted(team: str) -> list[tuple[str, str]]:
    """Namespace and name of every Secret that a team has of fleet."""
    own = naming.namespace(team)
    return [(naming.SYSTEM_NAMESPACE, naming.keys_secret(team)), *((own, name) for name in secrets.NAMES)]


def team(name: str, applied: Applied, kept: Kept) -> list[Finding]:
    """What is wrong with a team's Secrets. Where its keys are wrong, nothing is made from them."""
    found = list(_team(name, applied, kept))
    if not any(each.kind == kinds.KEYS_CHANGED for each in found):
        return found
    again = Reapply("secrets")
    return [replace(each, mend=None, remedy=_KEYS_FIRST) if each.mend == again else each for each in found]


def _team(name: str, applied: Applied, kept: Kept) -> Iterator[Finding]:
    if (naming.SYSTEM_NAMESPACE, naming.next_keys_secret(name)) in kept.secrets:
        return  # `fleet rotate` is under way
    keys_place, *copies = wanted(name)
    keys = kept.secrets.get(keys_place)
    if keys is None:
        yield _gone(name, *keys_place, kept)
    for place in copies:
        if place not in kept.secrets:
            yield _gone(name, *place, kept)
    if keys is not None and _rotation(keys) == _rotation_applied(applied):
        yield from _contents(name, applied, keys, kept)
    if applied.inputs.get("private_ca"):
        yield from authorities(name, naming.namespace(name), kept)


def shared(part: str, secret: str, kept: Kept) -> Iterator[Finding]:
    """What is wrong with the Secret of a part of the platform. Keycloak was told what was in it; no other place has it."""
    if (naming.SYSTEM_NAMESPACE, secret) not in kept.secrets:
        finding = _gone(PLATFORM, naming.SYSTEM_NAMESPACE, secret, kept)
        remedy = f"apply once with `platform.{part}.enabled: false` and then without: that makes its client anew"
        yield finding if isinstance(finding.mend, Patch) else replace(finding, mend=None, remedy=remedy)


def _gone(name: str, namespace: str, secret: str, kept: Kept) -> Finding:
    where = f"Secret {namespace}/{secret}"
    if (namespace, secret) in (kept.unlabelled or {}):
        add: dict[str, Any] = {"op": "add", "path": _LABEL_POINTER, "value": name}
        metadata = kept.unlabelled[namespace, secret]["metadata"]  # type: ignore[index]
        if not metadata.get("labels"):
            add = {"op": "add", "path": "/metadata/labels", "value": {naming.INSTANCE_LABEL: name}}
        mend = Patch(core("secrets", namespace, secret), (add,))
        return Finding(kinds.MARK, name, where, f"metadata.labels.{naming.INSTANCE_LABEL}", name, mend=mend)
    kind = kinds.KEYS_GONE if namespace == naming.SYSTEM_NAMESPACE and name != PLATFORM else kinds.SECRET_GONE
    return Finding(kind, name, where, expected="there", mend=Reapply("secrets"))


def _rotation(keys: Manifest) -> dict[str, int]:
    try:
        return secrets.rotated(keys["metadata"])
    except FleetError:
        return {ROTATED: -1}


def _rotation_applied(applied: Applied) -> dict[str, int]:
    return {
        key.removeprefix("rotated_"): number for key, number in applied.inputs.items() if key.startswith("rotated_")
    }


def _contents(name: str, applied: Applied, keys: Manifest, kept: Kept) -> Iterator[Finding]:
    held = {key: base64.b64decode(value).decode() for key, value in (keys.get("data") or {}).items()}
    if lacking := sorted(set(KEYS) - held.keys()):
        yield _changed(name, keys, f"lacks {', '.join(lacking)}")
        return
    found = list(_copies(name, contents(applied.inputs, held), kept))
    if found and _made_after(keys, applied):
        yield _changed(name, keys, f"other keys than in {', '.join(sorted({each.address for each in found}))}")
    else:
        yield from found


def _made_after(keys: Manifest, applied: Applied) -> bool:
    return datetime.fromisoformat(keys["metadata"]["creationTimestamp"]) > datetime.fromisoformat(applied.at)


def _changed(name: str, keys: Manifest, found: str) -> Finding:
    owner = Owners(keys).writer(())
    where = f"Secret {naming.SYSTEM_NAMESPACE}/{naming.keys_secret(name)}"
    return Finding(
        kinds.KEYS_CHANGED, name, where, "data", "the keys that were made for this team", found, owner.who, owner.when
    )


def _copies(name: str, right: Mapping[str, Mapping[str, str]], kept: Kept) -> Iterator[Finding]:
    for secret, data in right.items():
        found = kept.secrets.get((naming.namespace(name), secret))
        if found is not None:
            yield from _copy(name, found, data)


def _copy(name: str, found: Manifest, right: Mapping[str, str]) -> Iterator[Finding]:
    owners, there = Owners(found), found.get("data") or {}
    for key in sorted({*right, *there}):
        want = base64.b64encode(right[key].encode()).decode() if key in right else None
        if there.get(key) != want:
            owner = owners.writer((field_step("data"), field_step(key))) if key in there else NOBODY
            yield Finding(
                kinds.SECRET, name, f"Secret {found['metadata']['namespace']}/{found['metadata']['name']}", f"data.{key}",
                "as the team's keys say" if key in right else "", "(another value)" if key in there else "",
                owner.who, owner.when, mend=_mend(found, key, want),
            )  # fmt: skip


def _mend(found: Manifest, key: str, want: str | None) -> Any:
    """To make the Secret again leaves a key that is not ours where it is."""
    if want is not None:
        return Reapply("secrets")
    metadata, pointer = found["metadata"], key.replace("~", "~0").replace("/", "~1")
    path = core("secrets", metadata["namespace"], metadata["name"])
    return Patch(path, ({"op": "remove", "path": f"/data/{pointer}"},))


def authorities(name: str, namespace: str, kept: Kept) -> Iterator[Finding]:
    """What is wrong with the authorities that pods trust. The public ones change with fleet's version: what a stranger wrote
    counts, and that the private one is among them."""
    if kept.authority is None:
        return
    where = f"ConfigMap {namespace}/{naming.CA_CONFIG_MAP}"
    mend = Reapply("portal" if name == PLATFORM else "secrets")
    found = kept.trust.get(namespace)
    if found is None:
        yield Finding(kinds.TRUST, name, where, expected="there", mend=mend)
        return
    text = (found.get("data") or {}).get(naming.CA_KEY, "")
    owner = Owners(found).foreign((field_step("data"), field_step(naming.CA_KEY)))
    strange = owner is not None and text != trust.bundle(kept.authority)
    if strange or kept.authority.strip() not in text:
        who, said = owner or NOBODY, "other authorities" if text else ""
        yield Finding(
            kinds.TRUST, name, where, f"data.{naming.CA_KEY}", "as fleet wrote it", said, who.who, who.when, mend=mend
        )
