"""Objects against their releases: takes what is declared and what there is, gives findings, never a release's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fleet.diff import PLATFORM
from fleet.drift.finding import Finding
from fleet.drift.helm import wording
from fleet.drift.helm.compare import Difference, compare
from fleet.drift.helm.judge import PASSING, WALLS, gone, is_fixed, judge
from fleet.drift.helm.manifests import Manifest
from fleet.drift.helm.resources import AUTOSCALER, Live, Resource
from fleet.drift.mend import Create, Patch
from fleet.observe import PAUSED


@dataclass(frozen=True)
class Declared:
    """An object that a release declares.

    Args:
        ways: how it may be: one way, or two where a change of the release did not end.
    """

    team: str
    resource: Resource
    namespace: str
    name: str
    ways: tuple[Manifest, ...]

    @property
    def address(self) -> str:
        """As findings have it."""
        return address(self.resource, self.namespace, self.name)


@dataclass(frozen=True)
class Scales:
    """Whose replicas are somebody's business.

    Args:
        held: teams that fleet is at work on: it stops and starts their components.
        ranges: kind, namespace and name of what an autoscaler scales → from how many to how many.
    """

    held: Collection[str] = frozenset()
    ranges: Mapping[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, held: Collection[str], live: Live) -> Scales:
        """With the autoscalers that there are."""
        found = {}
        for each in live.all(AUTOSCALER):
            spec = each["spec"]
            target = spec["scaleTargetRef"]
            place = (target["kind"], each["metadata"]["namespace"], target["name"])
            found[place] = (spec.get("minReplicas", 1), spec["maxReplicas"])
        return cls(held, found)

    def explain(self, declared: Declared, live: Manifest) -> bool:
        """Whether the number of an object's replicas is not for its release to say."""
        number = live["spec"].get("replicas", 1)
        paused = not number and PAUSED in (live["metadata"].get("annotations") or {})
        low, high = self.ranges.get((declared.resource.kind, declared.namespace, declared.name), (1, 0))
        return paused or declared.team in self.held or low <= number <= high


def address(resource: Resource, namespace: str, name: str) -> str:
    """An object in a report."""
    return f"{resource.kind} {namespace}/{name}" if namespace else f"{resource.kind} {name}"


def missing(declared: Iterable[Declared], live: Live) -> set[Resource]:
    """Kinds of which some object was not found."""
    return {each.resource for each in declared if _is_gone(each, live)}


def _is_gone(declared: Declared, live: Live) -> bool:
    return (
        declared.resource.kind not in PASSING
        and live.sees(declared.resource)
        and live.get(declared.resource, declared.namespace, declared.name) is None
    )


def findings(declared: Iterable[Declared], live: Live, scales: Scales) -> Iterator[Finding]:
    """What is wrong with objects."""
    for each in declared:
        found = live.get(each.resource, each.namespace, each.name)
        if found is not None:
            yield from _differences(each, found, scales)
        elif _is_gone(each, live):
            mend = Create(each.resource.path(each.namespace), each.ways[0])
            yield Finding(gone(each.resource.kind), each.team, each.address, expected="there", mend=mend)


def _differences(declared: Declared, live: Manifest, scales: Scales) -> Iterator[Finding]:
    kind = declared.resource.kind
    ways = [compare(want, live, strict=kind in WALLS) for want in declared.ways]
    for difference in min(ways, key=len):
        if difference.names != ("spec", "replicas") or not scales.explain(declared, live):
            yield _finding(declared, difference)


def _finding(declared: Declared, difference: Difference) -> Finding:
    resource, owner = declared.resource, difference.owner
    expected, found = wording.both(resource.kind, difference)
    mend, remedy = None, ""
    if is_fixed(resource.kind, difference.names):
        where = f" --namespace {declared.namespace}" if declared.namespace else ""
        team = "" if declared.team == PLATFORM else f" {declared.team}"
        remedy = f"kubectl delete {resource.kind.lower()} {declared.name}{where}, then fleet apply{team} --refresh"
    else:
        mend = Patch(resource.path(declared.namespace, declared.name), difference.operations())
    return Finding(
        judge(resource.kind, difference), declared.team, declared.address, ".".join(difference.names), expected, found,
        owner.who, owner.when, mend=mend, remedy=remedy,
    )  # fmt: skip
