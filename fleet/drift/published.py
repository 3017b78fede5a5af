"""What the scheduled job published: takes the ConfigMaps of its pods, gives one report's data, and back; never looks itself.

The data is that of `report.data`, and beside it `success` (when a look last saw everything), `shard` and `shards`, `left_out`
(findings that did not fit), `unlooked` (what was known of layers that could not be looked at), `untold` (what the webhook did
not take).
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fleet.desired import naming
from fleet.drivers.kubernetes import Cluster, core

Data = Mapping[str, Any]

_KEY = "report.json"
_PACKED = "report.json.gz"
_PLAIN_BYTES = 200_000
# The API server takes 1 MiB (https://kubernetes.io/docs/concepts/configuration/configmap/); some is left for the rest of it.
_MOST_BYTES = 1_000_000
_SEVERITIES = ("critical", "warning", "info")


def to_config_map(data: Data, most: int = _MOST_BYTES) -> dict[str, Any]:
    """The ConfigMap of a pod's report: packed where it is large; the last findings are left out, and counted, where even that
    does not fit.

    Args:
        most: bytes that fit.
    """
    name = naming.drift_report(data["shard"])
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": naming.SYSTEM_NAMESPACE},
    }
    text = _bytes(data)
    if len(text) <= min(_PLAIN_BYTES, most):
        return {**manifest, "data": {_KEY: text.decode()}}
    while len(packed := gzip.compress(_bytes(data), mtime=0)) > most and data["findings"]:
        data = _shorter(data)
    return {**manifest, "binaryData": {_PACKED: base64.b64encode(packed).decode()}}


def _bytes(data: Data) -> bytes:
    return json.dumps(data, sort_keys=True, ensure_ascii=False).encode()


def _shorter(data: Data) -> Data:
    """Three quarters of the findings, by severity; what is hidden by rules goes first."""
    if data["ignored"] or data["unlooked"]:
        return {**data, "ignored": [], "unlooked": []}
    ordered = sorted(data["findings"], key=lambda row: _SEVERITIES.index(row["severity"]))
    kept = ordered[: len(ordered) * 3 // 4]
    return {**data, "findings": kept, "left_out": data["left_out"] + len(ordered) - len(kept)}


def from_config_map(manifest: Mapping[str, Any] | None) -> Data | None:
    """The report in a ConfigMap; None where there is none yet, or none that can be read."""
    if manifest is None:
        return None
    try:
        if packed := (manifest.get("binaryData") or {}).get(_PACKED):
            text = gzip.decompress(base64.b64decode(packed))
        else:
            text = ((manifest.get("data") or {}).get(_KEY) or "null").encode()
        found: Data | None = json.loads(text)
    except (OSError, EOFError, ValueError):
        return None
    return found


async def read(cluster: Cluster, shard: int) -> Data | None:
    """What one pod published last."""
    path = core("configmaps", naming.SYSTEM_NAMESPACE, naming.drift_report(shard))
    return from_config_map(await cluster.get(path))


async def read_reports(cluster: Cluster, shards: int = 1) -> Data | None:
    """What the job published last, as one report; None where it never looked.

    Raises:
        FleetError: the cluster does not answer, or shows them not.
    """
    return merge(await asyncio.gather(*(read(cluster, shard) for shard in range(shards))))


def merge(parts: Sequence[Data | None]) -> Data | None:
    """The pods' reports as one. It began with the oldest of them, and is a success if all of them are; one that is missing
    is an error in it."""
    there = [part for part in parts if part]
    if not there:
        return None
    missing = [_missing(number, len(parts)) for number, part in enumerate(parts) if not part]
    successes = [part["success"] for part in there]
    return {
        "at": min(part["at"] for part in there),
        "success": None if missing or None in successes else min(successes),
        "shards": len(parts),
        "teams": [team for part in there for team in part["teams"]],
        "seconds": _longest(there),
        "findings": sorted(_once(row for part in there for row in part["findings"]), key=_order),
        "ignored": _once(row for part in there for row in part["ignored"]),
        "errors": [*_once(row for part in there for row in part["errors"]), *missing],
        "left_out": sum(part["left_out"] for part in there),
    }


def _missing(shard: int, shards: int) -> dict[str, str]:
    return {
        "layer": "job", "team": "", "what": f"pod {shard} of {shards} has not looked yet",
        "hint": "`fleet platform status` says when the job runs next",
    }  # fmt: skip


def _longest(parts: Iterable[Data]) -> dict[str, float]:
    found = dict[str, float]()
    for part in parts:
        for layer, seconds in part["seconds"].items():
            found[layer] = max(found.get(layer, 0.0), seconds)
    return found


def _once(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each of them once: what the teams share is told by every pod that stumbles over it."""
    return list({json.dumps(row, sort_keys=True): row for row in rows}.values())


def _order(row: Mapping[str, Any]) -> tuple[str, int, str, str]:
    return (row["team"], _SEVERITIES.index(row["severity"]), row["kind"], row["address"])
