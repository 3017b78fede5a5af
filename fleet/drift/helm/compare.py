"""What differs: takes an object as declared and as it is, gives each difference with the way back, never weighs it.

Lists are merged by the keys that the API server merges them by (`x-kubernetes-list-map-keys` of its OpenAPI document).
What nobody declared counts where a stranger wrote it, or, in what guards a team, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.drift.helm import equal
from fleet.drift.helm.owners import Owner, Owners
from fleet.drift.helm.place import Operation, Place


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()

# Field that holds a list → keys of its items.
_KEYS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("containers", "initContainers", "ephemeralContainers", "volumes", "env", "imagePullSecrets", "secrets", "claims",
         "resourceClaims", "schedulingGates"), ("name",),
    ),
    "volumeMounts": ("mountPath",), "volumeDevices": ("devicePath",), "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}  # fmt: skip
# A container's and a Service's ports, by what only they have.
_PORT_KEYS = {"containerPort": ("containerPort", "protocol"), "targetPort": ("port", "protocol")}
# Lists in which the order says nothing.
_SETS = frozenset({"subjects", "rules", "tolerations", "from", "to", "ingress", "egress", "policyTypes", "ports", "verbs",
                   "resources", "apiGroups", "resourceNames", "drop", "add", "accessModes", "hostnames"})  # fmt: skip
# What controllers and people's tools note on objects, and what a restart is made by.
_NOTES = frozenset({
    "kubectl.kubernetes.io/restartedAt", "kubectl.kubernetes.io/last-applied-configuration", "kubernetes.io/change-cause",
    "fleet/replicas-before-pause", "deprecated.daemonset.template.generation",
})  # fmt: skip
_NOTE_DOMAINS = (
    "deployment.kubernetes.io/", "autoscaling.alpha.kubernetes.io/", "autopilot.gke.io/", "cloud.google.com/",
    "networking.gke.io/", "ingress.kubernetes.io/", "pv.kubernetes.io/", "volume.kubernetes.io/", "batch.kubernetes.io/",
    "control-plane.alpha.kubernetes.io/", "cluster-autoscaler.kubernetes.io/",
)  # fmt: skip

# Labels that open or close a namespace, whoever puts them on.
_WALLS = ("pod-security.kubernetes.io/", "fleet/")


@dataclass(frozen=True)
class Difference:
    """One place that is not as declared; MISSING where there is, or should be, nothing."""

    place: Place
    want: Any
    live: Any
    owner: Owner

    @property
    def names(self) -> tuple[str, ...]:
        """Where, as a reader calls it."""
        return self.place.names

    def operations(self) -> tuple[Operation, ...]:
        """The way back, by JSON patch."""
        path = self.place.pointer
        if self.live is MISSING:
            change: Operation = {"op": "add", "path": path, "value": self.want}
        elif self.want is MISSING:
            change = {"op": "remove", "path": path}
        else:
            change = {"op": "replace", "path": path, "value": self.want}
        return (*self.place.guards, change)


def compare(want: Mapping[str, Any], live: Mapping[str, Any], *, strict: bool = False) -> list[Difference]:
    """Every difference of an object from how it is declared.

    Args:
        want: as `manifests.as_held` gives it.
        live: as the API server gives it.
        strict: whether what nobody declared counts whoever wrote it.
    """
    found = _Comparison(Owners(live), strict, coded=want["kind"] == "Secret")
    return list(found.mapping(_compared(want), _compared(live), Place()))


def _compared(manifest: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: manifest["metadata"].get(key) or {} for key in ("labels", "annotations")}
    kept = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    present = {key: value for key, value in metadata.items() if value}
    return {"metadata": present, **kept}


@dataclass(frozen=True)
class _Comparison:
    owners: Owners
    strict: bool
    coded: bool

    def _at(self, want: Any, live: Any, place: Place) -> Iterator[Difference]:
        if want == live and not isinstance(want, bool):
            return
        if isinstance(want, Mapping) and isinstance(live, Mapping):
            yield from self.mapping(want, live, place)
        elif isinstance(want, list) and isinstance(live, list):
            yield from self._list(want, live, place)
        elif not self._same(want, live, place):
            yield self._differs(place, want, live)

    def _same(self, want: Any, live: Any, place: Place) -> bool:
        coded = (self.coded and place.above == "data") or place.above == "binaryData"
        return equal.same(want, live, amount=equal.is_amount(place.name, place.above), coded=coded)

    def _differs(self, place: Place, want: Any, live: Any) -> Difference:
        return Difference(place, want, live, self.owners.writer(place.steps))

    def mapping(self, want: Mapping[str, Any], live: Mapping[str, Any], place: Place) -> Iterator[Difference]:
        """Differences of two mappings."""
        want = equal.filled(place.name, want, live)
        for key, value in want.items():
            if key in live and not _says_nothing(value):
                yield from self._at(value, live[key], place.field(key))
            elif key not in live and not equal.is_nothing(key, value):
                yield self._differs(place.field(key), value, MISSING)
        for key, value in live.items():
            if _says_nothing(want.get(key)):
                yield from self._undeclared(key, value, live, place)

    def _undeclared(self, key: str, value: Any, beside: Mapping[str, Any], place: Place) -> Iterator[Difference]:
        if equal.is_default(key, value, beside) or _is_note(key, place.name):
            return
        inner = place.field(key)
        if not self._counts(inner):
            return
        if isinstance(value, Mapping) and (key in ("labels", "annotations") or self.owners.ours_too(inner.steps)):
            for each, below in value.items():
                yield from self._undeclared(each, below, value, inner)
        else:
            yield self._differs(inner, MISSING, value)

    def _counts(self, place: Place) -> bool:
        """Whether what nobody declared is somebody's doing."""
        if not self.owners.known or (place.above == "labels" and place.name.startswith(_WALLS)):
            return True
        if self.strict and place.names[0] != "metadata":
            return True
        return not self.owners.only_ours and self.owners.foreign(place.steps) is not None

    def _list(self, want: Sequence[Any], live: Sequence[Any], place: Place) -> Iterator[Difference]:
        keys = _keys(place.name, [*want, *live])
        named = "protocol" in keys and all("name" in item for item in [*want, *live])
        if keys:
            yield from self._merged(_by(want, keys, named), _by(live, keys, named), place)
        elif not self._as_one(want, live, place):
            yield self._differs(place, want, live)

    def _merged(self, want: _Items, live: _Items, place: Place) -> Iterator[Difference]:
        for key, (_, value, keys) in want.items():
            if key in live:
                number, found, there = live[key]
                yield from self._at(value, found, place.item(str(key[0]), number, there, found))
            else:
                yield self._differs(place.new(str(key[0]), keys), value, MISSING)
        for key, (number, value, keys) in live.items():
            if key not in want and self._counts(inner := place.item(str(key[0]), number, keys, value)):
                yield self._differs(inner, MISSING, value)

    def _as_one(self, want: Sequence[Any], live: Sequence[Any], place: Place) -> bool:
        if len(want) != len(live):
            return False
        if all(self._is(each, live[number], place.element(number)) for number, each in enumerate(want)):
            return True
        return place.name in _SETS and self._as_set(want, live, place)

    def _as_set(self, want: Sequence[Any], live: Sequence[Any], place: Place) -> bool:
        left = list(live)
        for each in want:
            found = next((other for other in left if self._is(each, other, place.element(0))), MISSING)
            if found is MISSING:
                return False
            left.remove(found)
        return not left

    def _is(self, want: Any, live: Any, place: Place) -> bool:
        return next(self._at(want, live, place), None) is None


# Key of an item → its number, itself, and the keys that the API server knows it by.
_Items = dict[tuple[Any, ...], tuple[int, Any, Mapping[str, Any]]]


def _keys(name: str, items: Sequence[Any]) -> tuple[str, ...]:
    """The keys by which the API server merges a list of that name; none where the list is one value."""
    keys = _KEYS.get(name, ())
    if name == "ports":
        keys = next((keys for mark, keys in _PORT_KEYS.items() if any(mark in item for item in items)), ())
    return keys if keys and all(isinstance(item, Mapping) and keys[0] in item for item in items) else ()


def _by(items: Sequence[Any], keys: tuple[str, ...], named: bool) -> _Items:
    """Items by their keys, ports by their names where all have one: another number is then a change and no other port.

    Of several alike the last counts, as it does for a container's variables.
    """
    known = [{key: item.get(key, "TCP" if key == "protocol" else "") for key in keys} for item in items]
    places = [(item["name"],) if named else tuple(each.values()) for item, each in zip(items, known, strict=True)]
    return {place: (number, items[number], known[number]) for number, place in enumerate(places)}


def _says_nothing(want: Any) -> bool:
    """Whether the API server takes a declared value for none, and may have filled in its own."""
    return want is None or want in ("", [])


def _is_note(key: str, within: str) -> bool:
    return within == "annotations" and (key in _NOTES or key.startswith(_NOTE_DOMAINS))
