"""The end of a scheduled look: takes what was found, tells it by ConfigMap, Events and webhook; changes nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fleet.desired import naming
from fleet.drift import published, report, since, webhook
from fleet.drift.finding import Unseen
from fleet.drift.look import Report
from fleet.drift.published import Data
from fleet.drift.shards import Shard
from fleet.drift.webhook import News
from fleet.drivers import credentials
from fleet.drivers.kubernetes import Cluster, core
from fleet.errors import FleetError
from fleet.model import Webhook

_MANY = 20  # Events of one kind; one more says how many there are
_LETTERS = 1000  # of an Event's note; the API server takes 1024


@dataclass(frozen=True)
class Hook:
    """Who is told over HTTP."""

    settings: Webhook
    authority: str | None


def failed(error: FleetError) -> Report:
    """The report of a look that did not even begin."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Report(now, {}, (), (), (), (Unseen("fleet", str(error), error.hint),))


async def publish(found: Report, cluster: Cluster, shard: Shard, hook: Hook | None) -> Data:
    """Tell what was found.

    Returns:
        What was published.

    Raises:
        FleetError: the cluster did not take the report; or nobody took the news, which the next look tells again.
    """
    before = _whole(await published.read(cluster, shard.index))
    now: dict[str, Any] = {
        **report.data(found),
        "success": (before or {}).get("success") if found.unseen else found.at,
        "shard": shard.index,
        "shards": shard.count,
        "left_out": 0,
        "unlooked": _unlooked(found, before),
    }
    fresh = news(found, now, before)
    untold, refused = _joined((before or {}).get("untold"), fresh, now), None
    if hook and untold:
        try:
            body = webhook.message(untold, now, hook.settings.format)
            await webhook.post(webhook.url(os.environ.get(credentials.VARIABLE, "")), body, hook.authority)
        except FleetError as error:
            refused = error
            now["untold"] = {"new": list(untold.new), "gone": list(untold.gone)}
            now["errors"] = [*now["errors"], {"layer": "webhook", "team": "", "what": str(error), "hint": error.hint}]
    manifest = published.to_config_map(now)
    await cluster.apply(core("configmaps", naming.SYSTEM_NAMESPACE, manifest["metadata"]["name"]), manifest)
    for event in events(fresh, manifest["metadata"]["name"]):
        await cluster.create(core("events", naming.SYSTEM_NAMESPACE), event)
    if refused:
        raise refused
    return now


def news(found: Report, now: Data, before: Data | None) -> News:
    """What came and what went since the report before; without one, all of it came."""
    if before is None:
        return News(now["findings"], (), now["errors"])
    compared = since.since(found, before)
    known, standing = _errors(before), _errors(now)
    return News(
        [report.row(each) for each in compared.new.findings],
        compared.gone,
        [row for key, row in standing.items() if key not in known],
        [row for key, row in known.items() if key not in standing and now["seconds"]],
    )


def _whole(before: Data | None) -> Data | None:
    """With what was known of the layers that could not be looked at: it is not news when they can be again."""
    return before and {**before, "findings": [*before["findings"], *before.get("unlooked", ())]}


def _unlooked(found: Report, before: Data | None) -> list[Mapping[str, Any]]:
    looked = set(found.seconds) - {each.layer for each in found.unseen}
    standing = {since.key(report.row(each)) for each in found.findings}
    rows = before["findings"] if before else []
    return [row for row in rows if row["layer"] not in {*looked, "rules"} and since.key(row) not in standing]


def _errors(data: Data) -> dict[tuple[str, str], Mapping[str, Any]]:
    """One per layer and team: the words may differ from look to look."""
    return {(row["layer"], row["team"]): row for row in data["errors"] if row["layer"] != "webhook"}


def _joined(untold: Mapping[str, Any] | None, fresh: News, now: Data) -> News:
    """With what the webhook did not take before, as far as it still holds."""
    if not untold:
        return fresh
    standing = {since.key(row) for row in now["findings"]}
    new = {since.key(row): row for row in [*untold["new"], *fresh.new] if since.key(row) in standing}
    gone = {since.key(row): row for row in [*untold["gone"], *fresh.gone] if since.key(row) not in standing}
    return News(list(new.values()), list(gone.values()), fresh.errors, fresh.seen)


def events(fresh: News, name: str) -> list[dict[str, Any]]:
    """Kubernetes Events about the ConfigMap ``name``."""
    told = [
        *_some("Warning", "DriftFound", [f"{row['team']}: {_line(row)}" for row in fresh.new]),
        *_some("Normal", "DriftGone", [f"{row['team']}: {_line(row)}" for row in fresh.gone]),
        *_some("Warning", "LookFailed", [f"{row['layer']}: {row['what']}" for row in fresh.errors]),
        *_some("Normal", "LookWorks", [str(row["layer"]) for row in fresh.seen]),
    ]
    return [_event(name, kind, reason, text) for kind, reason, text in told]


def _some(kind: str, reason: str, lines: list[str]) -> list[tuple[str, str, str]]:
    more = [f"and {len(lines) - _MANY} more"] if len(lines) > _MANY else []
    return [(kind, reason, line) for line in [*lines[:_MANY], *more]]


def _line(row: Mapping[str, Any]) -> str:
    thing = " · ".join(filter(None, (str(row["address"]), str(row["field"]))))
    return f"{row['severity']} {row['kind']}: {thing}: {row['expected'] or 'not there'} → {row['found'] or 'gone'}"


def _event(name: str, kind: str, reason: str, text: str) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{name}.", "namespace": naming.SYSTEM_NAMESPACE},
        "involvedObject": {
            "apiVersion": "v1", "kind": "ConfigMap", "name": name, "namespace": naming.SYSTEM_NAMESPACE,
        },
        "type": kind, "reason": reason, "message": text[:_LETTERS],
        "source": {"component": naming.DRIFT}, "reportingComponent": naming.DRIFT, "reportingInstance": "",
        "firstTimestamp": now, "lastTimestamp": now, "count": 1,
    }  # fmt: skip
