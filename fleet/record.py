"""What was applied last: takes a ConfigMap, gives a record, and back; never reads or writes one itself.

One ConfigMap per instance in the system namespace, so that every operator and the drift job see the same, in one LIST.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fleet.desired import naming
from fleet.errors import FleetError

LABEL = "fleet/record"
PLATFORM = "platform"  # the value of LABEL for the platform's record; an instance's is `instance`
_KEY = "applied.json"


@dataclass(frozen=True)
class Applied:
    """One part as it was applied."""

    inputs: Mapping[str, Any]
    at: str  # ISO 8601, UTC


@dataclass(frozen=True)
class Record:
    """What was applied to one instance (or to the platform), part by part."""

    name: str
    parts: Mapping[str, Applied] = field(default_factory=dict)
    providers: tuple[str, ...] = ()  # what Terraform ran with; a stand-in says so
    # The team was removed, its database and its keys were kept: the stack's variables, for whoever destroys them later.
    kept: Mapping[str, Any] | None = None
    administrator: str = ""  # who made the database and owns it
    # `airflow` and `fab` → the newest migration that was run, as the last one left it.
    revisions: Mapping[str, str] = field(default_factory=dict)

    def with_part(self, part: str, inputs: Mapping[str, Any], at: str) -> Record:
        """This record with one part applied anew."""
        return replace(self, parts={**self.parts, part: Applied(inputs, at)}, kept=None)

    def without_part(self, part: str) -> Record:
        """This record with one part taken away."""
        return replace(self, parts={name: applied for name, applied in self.parts.items() if name != part})


def from_config_map(manifest: Mapping[str, Any]) -> Record:
    """The record in a ConfigMap.

    Raises:
        FleetError: somebody edited it so that it cannot be read.
    """
    name = manifest["metadata"]["labels"][naming.INSTANCE_LABEL]
    try:
        data = json.loads(manifest["data"][_KEY])
        parts = {part: Applied(value["inputs"], value["at"]) for part, value in data["parts"].items()}
        # The last two came later: older records lack them.
        noted = data.get("administrator", ""), dict(data.get("revisions", {}))
        return Record(name, parts, tuple(data["providers"]), data["kept"], *noted)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FleetError(
            f"the ConfigMap {manifest['metadata']['name']} holds no record ({error!r})",
            where=name,
            hint="delete it; `fleet apply` then applies the instance anew",
        ) from error


def to_config_map(record: Record, kind: str = "instance") -> dict[str, Any]:
    """The ConfigMap of a record."""
    data = {
        "parts": {part: {"inputs": applied.inputs, "at": applied.at} for part, applied in record.parts.items()},
        "providers": record.providers,
        "kept": record.kept,
        "administrator": record.administrator,
        "revisions": record.revisions,
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": naming.record(record.name),
            "namespace": naming.SYSTEM_NAMESPACE,
            "labels": {LABEL: kind, naming.INSTANCE_LABEL: record.name},
        },
        "data": {_KEY: json.dumps(data, sort_keys=True)},
    }
