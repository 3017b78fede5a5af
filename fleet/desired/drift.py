"""The look at drift on a schedule: takes the inventory, gives what makes it, None where there is none, never a secret."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from fleet import __version__, schedule
from fleet.desired import gcp, guardrails
from fleet.model import GitSource, Inventory, Platform

# One pod's look at Terraform's resources takes as many connections as it reads resources at once, and some of its own.
CONNECTIONS = 48
_LATE = 3  # schedules


def inputs(inventory: Inventory, chart: str) -> dict[str, Any] | None:
    """All that decides what is made.

    Args:
        chart: digest of the chart.
    """
    wanted = inventory.platform.drift
    if not wanted.enabled:
        return None
    from_git = isinstance(wanted.inventory, GitSource)
    known = {} if from_git else {"inventory": hashlib.sha256(text(inventory).encode()).hexdigest()[:16]}
    return {"chart": chart, "values": values(inventory.platform), **known}


def text(inventory: Inventory) -> str:
    """The inventory as the job reads it where it comes from no repository: JSON, which is YAML as well."""
    return json.dumps(inventory.model_dump(mode="json", exclude_unset=True, by_alias=True), sort_keys=True)


def values(platform: Platform) -> dict[str, Any]:
    """Values of `charts/platform` (its `values.yaml` says what each means)."""
    wanted = platform.drift
    late = _LATE * int(schedule.parse(wanted.schedule).longest_gap().total_seconds())
    return {
        "portal": {"enabled": False},
        "drift": {
            "enabled": True,
            "image": wanted.image or f"fleet.local/fleet:{__version__}",
            "schedule": wanted.schedule,
            "shards": wanted.shards,
            "rule": {"enabled": wanted.prometheus_rule, "lateSeconds": late},
            **_git(wanted.inventory),
            **({"webhook": {"secretName": hook.secret, "key": hook.key}} if (hook := wanted.webhook) else {}),
            **_google(platform),
        },
        "network": {
            "signOn": guardrails.sign_on(platform), "ways": _ways(platform), "extraEgress": gcp.egress(platform),
        },
    }  # fmt: skip


def _git(source: Any) -> dict[str, Any]:
    if not isinstance(source, GitSource):
        return {}
    return {"git": {**source.model_dump(exclude={"source", "credentials"}), "credentials": source.credentials or ""}}


def _google(platform: Platform) -> dict[str, Any]:
    account = platform.drift.google_service_account
    # https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity
    return {"serviceAccountAnnotations": {"iam.gke.io/gcp-service-account": account}} if account else {}


def _ways(platform: Platform) -> list[dict[str, Any]]:
    """Where the job goes beside Keycloak and the API server."""
    found = [{"port": platform.database.port, "cidrs": guardrails.cidrs(platform.database.host)}]
    if settings := platform.database.cloud_sql:
        found += [_of_url(address) for address in (settings.admin_api, settings.storage_api)]
    if hook := platform.drift.webhook:
        found.append({"port": hook.port, "cidrs": []})
    if isinstance(platform.drift.inventory, GitSource):
        found.append(_of_repository(platform.drift.inventory.repository))
    return [way for number, way in enumerate(found) if way not in found[:number]]


def _of_url(url: str) -> dict[str, Any]:
    address = urlsplit(url)
    return {
        "port": address.port or guardrails.DEFAULT_PORTS[address.scheme],
        "cidrs": guardrails.cidrs(address.hostname or ""),
    }


def _of_repository(url: str) -> dict[str, Any]:
    return _of_url(url) if "://" in url else {"port": guardrails.DEFAULT_PORTS["ssh"], "cidrs": []}  # git@host:path
