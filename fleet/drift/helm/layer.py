"""One look at layer helm: takes a scene, asks the cluster once per kind, gives findings, never changes anything.

What is asked does not depend on the number of teams: one LIST per kind that some release declares, over all namespaces, and one
more of a kind of which something is missing, since it may only have lost the label by which the first one asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleet.desired import naming
from fleet.diff import DRIFT, PLATFORM, PORTAL
from fleet.drift.finding import Finding, Looked, Unseen
from fleet.drift.helm import foreign, kinds, objects, reading, releases, secrets, standing
from fleet.drift.helm.manifests import Manifest, as_held
from fleet.drift.helm.objects import Declared, Scales
from fleet.drift.helm.reading import Work
from fleet.drift.helm.releases import Applied
from fleet.drift.helm.resources import GUARDS, NAMESPACE, Live
from fleet.drift.helm.secrets import Kept
from fleet.drift.helm.standing import Standing
from fleet.drift.mend import Patch
from fleet.drift.scene import Scene

_ENFORCE = "pod-security.kubernetes.io/enforce"


async def look(scene: Scene) -> Looked:
    """Every finding of the layer.

    Raises:
        FleetError: the cluster does not answer.
    """
    cluster, live = scene.world.cluster, Live(scene.world.cluster)
    packed, kept, work, _ = await asyncio.gather(
        reading.helms_secrets(cluster), reading.kept(scene, live.unseen), reading.work(cluster), live.read(GUARDS)
    )
    stood, declared = await asyncio.to_thread(_read, scene, packed, work, live.unseen)
    await live.resolve({(way["apiVersion"], way["kind"]) for each in declared for way in each.ways})
    placed = list(_placed(declared, live))
    whole = _Whole(scene, stood, placed, live, kept, work)
    await live.read({each.resource for each in placed})
    await live.read(objects.missing(whole.standing_objects(), live), whole=True)
    if whole.misses_secrets():
        whole.kept = await reading.with_unlabelled(cluster, kept)
    found = await asyncio.to_thread(lambda: list(whole.findings()))
    moved = _moved(packed, await reading.helms_secrets(cluster, metadata_only=True), stood)
    return Looked.of((each for each in found if each.team not in moved), live.unseen + work.unseen)


def _applied(scene: Scene) -> Iterator[tuple[Applied, bool]]:
    """Every release that was applied, and whether its chart is the one that this fleet ships."""
    for name, wanted, found in scene.applied("guardrails"):
        yield _one(
            name, "guardrails", naming.guardrails_release(name), naming.SYSTEM_NAMESPACE, wanted.parts, found.record
        )
    for name, wanted, found in scene.applied("airflow"):
        yield _one(name, "airflow", naming.AIRFLOW_RELEASE, wanted.namespace, wanted.parts, found.record)
    record = scene.observed.platform
    shared = {PORTAL: scene.desired.portal or {}, DRIFT: scene.desired.drift or {}}
    for part, release in ((PORTAL, naming.PLATFORM_RELEASE), (DRIFT, naming.DRIFT_RELEASE)):
        if scene.platform and record and part in record.parts:
            yield _one(PLATFORM, part, release, naming.SYSTEM_NAMESPACE, shared, record)


def _one(
    team: str, part: Any, release: str, namespace: str, wanted: Mapping[Any, Any], record: Any
) -> tuple[Applied, bool]:
    inputs = record.parts[part].inputs
    return Applied(team, part, release, namespace, inputs), wanted[part].get("chart") == inputs["chart"]


def _read(
    scene: Scene, packed: Iterable[Manifest], work: Work, unseen: list[Unseen]
) -> tuple[list[Standing], list[_Object]]:
    """Unpack the releases and the objects that they declare."""
    by_place, stood, declared = releases.by_place(packed), list[Standing](), list[_Object]()
    for applied, shipped in _applied(scene):
        try:
            each = _stands(applied, shipped, by_place.get((applied.namespace, applied.name), []))
            stood.append(each)
            # Fleet itself is at it: what it is changing from or to is nobody's fault.
            if applied.team not in work.busy or (each.newest and each.newest.status == "deployed"):
                declared += _declared(each)
        except ValueError as error:
            unseen.append(Unseen("helm", f"{applied.address}: {error}", team=applied.team))
    return stood, declared


def _stands(applied: Applied, shipped: bool, packed: list[Manifest]) -> Standing:
    there = [each for each in packed if each["metadata"]["labels"]["status"] != "uninstalled"]
    newest = releases.read(there[0]) if there else None
    if newest is None or newest.status == "deployed":
        return Standing(applied, newest, newest, shipped)
    older = next((each for each in there[1:] if each["metadata"]["labels"]["status"] == "deployed"), None)
    return Standing(applied, newest, releases.read(older) if older else None, shipped)


@dataclass(frozen=True)
class _Object:
    """An object as a chart made it, once or twice."""

    applied: Applied
    ways: tuple[Manifest, ...]


def _declared(stands: Standing) -> Iterator[_Object]:
    """What the revision in force declares; where a newer one did not come to its end, it may be as that one has it, too."""
    newer = stands.newest if stands.newest is not stands.deployed else None
    also = {_identity(each): each for each in newer.objects()} if newer and stands.deployed else {}
    for each in stands.deployed.objects() if stands.deployed else []:
        other = also.get(_identity(each))
        yield _Object(stands.applied, (each,) if other is None else (each, other))


def _identity(manifest: Manifest) -> tuple[str, str, str, str]:
    metadata = manifest["metadata"]
    return (manifest["apiVersion"], manifest["kind"], metadata.get("namespace") or "", metadata["name"])


def _placed(declared: Iterable[_Object], live: Live) -> Iterator[Declared]:
    """Those of kinds that the API server serves, as it would hold them."""
    for each in declared:
        applied, first = each.applied, each.ways[0]
        resource = live.of(first)
        if resource is not None:
            namespace = (first["metadata"].get("namespace") or applied.namespace) if resource.namespaced else ""
            ways = tuple(as_held(way, applied.name, applied.namespace, namespace) for way in each.ways)
            yield Declared(applied.team, resource, namespace, first["metadata"]["name"], ways)


def _moved(before: list[Manifest], after: list[Manifest], stood: Iterable[Standing]) -> frozenset[str]:
    """Teams of which a release changed while it was looked at: the next look sees them as they are then."""
    old, new = releases.newest(before), releases.newest(after)
    return frozenset(
        each.applied.team
        for each in stood
        if old.get(place := (each.applied.namespace, each.applied.name)) != new.get(place)
    )


@dataclass
class _Whole:
    """All that was read, and what is to be said of it."""

    scene: Scene
    stood: list[Standing]
    placed: list[Declared]
    live: Live
    kept: Kept
    work: Work

    def __post_init__(self) -> None:
        there = {
            each["metadata"]["name"] for each in self.live.all(NAMESPACE) if "deletionTimestamp" not in each["metadata"]
        }
        applied = {name: wanted.namespace for name, wanted, _ in self.scene.applied("guardrails")}
        self.namespaces = {namespace: name for name, namespace in applied.items()}
        sees = self.live.sees(NAMESPACE)
        self.lost = {name for name, namespace in applied.items() if sees and namespace not in there}

    def standing_objects(self) -> list[Declared]:
        """Declared objects of teams that still have a namespace."""
        return [each for each in self.placed if each.team not in self.lost]

    def misses_secrets(self) -> bool:
        """Whether some Secret was not found by its label."""
        wanted = [place for name, _ in self._secret_teams() for place in secrets.wanted(name)]
        shared = [(naming.SYSTEM_NAMESPACE, secret) for secret in self._shared().values()]
        return any(place not in self.kept.secrets for place in [*wanted, *shared])

    def _secret_teams(self) -> Iterator[tuple[str, Any]]:
        for name, _, found in self.scene.applied("secrets"):
            if name not in self.lost | self.work.busy and found.record:
                yield name, found.record.parts["secrets"]

    def _shared(self) -> dict[str, str]:
        """Parts of the platform that were applied → the Secret that each has."""
        parts = {each.applied.part for each in self.stood if PLATFORM not in self.work.busy}
        return {part: secret for part, secret in ((PORTAL, naming.PORTAL), (DRIFT, naming.DRIFT)) if part in parts}

    def findings(self) -> Iterator[Finding]:
        """Everything, each team's lost namespace as one."""
        for name in sorted(self.lost - self.work.busy):
            yield Finding(kinds.NAMESPACE_GONE, name, f"Namespace {naming.namespace(name)}", expected="there")
        for each in self.stood:
            if each.applied.team not in self.lost | self.work.busy:
                yield from standing.findings(each)
        scales = Scales.of(self.work.busy | self.work.upgrading, self.live)
        yield from objects.findings(self.standing_objects(), self.live, scales)
        declared = {(each.resource, each.namespace, each.name) for each in self.placed}
        yield from foreign.findings(self.live, declared, self.namespaces)
        yield from self._secrets()
        if self.scene.platform and self.scene.observed.platform:
            yield from self._system_namespace()

    def _secrets(self) -> Iterator[Finding]:
        for name, applied in self._secret_teams():
            yield from secrets.team(name, applied, self.kept)
        shared = self._shared()
        for part, secret in shared.items():
            yield from secrets.shared(part, secret, self.kept)
        if PORTAL in shared:
            yield from secrets.authorities(PLATFORM, naming.SYSTEM_NAMESPACE, self.kept)

    def _system_namespace(self) -> Iterator[Finding]:
        """What `fleet apply` puts on its own namespace: no release declares it."""
        found = self.live.get(NAMESPACE, "", naming.SYSTEM_NAMESPACE)
        level = (found["metadata"].get("labels") or {}).get(_ENFORCE, "") if found else "restricted"
        if level != "restricted":
            change = {"op": "add", "path": f"/metadata/labels/{_ENFORCE.replace('/', '~1')}", "value": "restricted"}
            mend = Patch(NAMESPACE.path("", naming.SYSTEM_NAMESPACE), (change,))
            where = f"Namespace {naming.SYSTEM_NAMESPACE}"
            yield Finding(kinds.WALL, PLATFORM, where, f"metadata.labels.{_ENFORCE}", "restricted", level, mend=mend)
