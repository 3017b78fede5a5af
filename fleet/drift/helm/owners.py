"""Who wrote which field: takes a live object's `managedFields`, gives managers and times, never judges what they wrote.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Who made the object as it is declared.
_OURS = frozenset({"helm", "fleet"})
# Who keeps running what others declare; what these add is their business.
_CONTROLLERS = (
    "kube-", "cloud-controller-manager", "kubelet", "vpa-", "keda", "cluster-autoscaler", "cert-manager", "glbc", "gke-",
    "ingress-gce", "traefik", "external-dns",
)  # fmt: skip


@dataclass(frozen=True)
class Owner:
    """A field manager, and when it wrote last."""

    who: str = ""
    when: str = ""

    @property
    def foreign(self) -> bool:
        """Whether it is somebody who has nothing to do with the object."""
        return self.who not in _OURS and not self.who.startswith(_CONTROLLERS)


NOBODY = Owner()


class Owners:
    """The managers of one object's fields; with none at all (somebody emptied the list) nobody can be told apart."""

    def __init__(self, live: Mapping[str, Any]) -> None:
        entries = live["metadata"].get("managedFields") or []
        self._entries = [
            (Owner(str(each.get("manager", "")), str(each.get("time", ""))), each["fieldsV1"])
            for each in entries
            if each.get("subresource") != "status" and each.get("fieldsV1")
        ]
        self.known = bool(self._entries)
        self.only_ours = self.known and not any(owner.foreign for owner, _ in self._entries)

    def foreign(self, steps: Sequence[str]) -> Owner | None:
        """The newest stranger that owns a field, something below it, or the list around it that is owned as one."""
        found = [owner for owner, fields in self._entries if owner.foreign and _node(fields, steps) is not None]
        return max(found, key=lambda owner: owner.when, default=None)

    def ours_too(self, steps: Sequence[str]) -> bool:
        """Whether something below a field is owned by who declares it."""
        return any(not owner.foreign and _node(fields, steps) is not None for owner, fields in self._entries)

    def writer(self, steps: Sequence[str]) -> Owner:
        """Who wrote a field: the newest stranger, else the newest of all."""
        found = [owner for owner, fields in self._entries if _node(fields, steps) is not None]
        return self.foreign(steps) or max(found, key=lambda owner: owner.when, default=NOBODY)


def _node(fields: Mapping[str, Any], steps: Sequence[str]) -> Mapping[str, Any] | None:
    """What a manager owns at and below a place; None where it owns nothing there."""
    node = fields
    for number, step in enumerate(steps):
        if step in node:
            node = node[step]
        elif number and not node:  # a leaf: what is below it is owned as one
            return node
        else:
            return None
    return node


def field_step(name: str) -> str:
    """A field of an object."""
    return f"f:{name}"


def item_step(keys: Mapping[str, Any]) -> str:
    """An item of a list that is merged by keys."""
    return f"k:{json.dumps(dict(sorted(keys.items())), separators=(',', ':'), ensure_ascii=False)}"
