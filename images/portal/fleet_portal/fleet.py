"""Which Airflows there are: takes the records that `fleet apply` writes, gives instances, never one that it cannot read whole.

The pod's account may list the ConfigMaps of the system namespace and nothing else, so the records are all that is seen here.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from fleet_portal.settings import Settings

ROLES = ("admin", "op", "user", "viewer")
# How long a list is served before the cluster is asked again, whoever asks.
FRESH_SECONDS = 5.0
# Records are large (some 10 kB each) and little of one is needed: a page at a time is all that is held of a thousand.
_PAGE = 100
_log = logging.getLogger(__name__)


class Unreadable(Exception):
    """The cluster does not tell which Airflows there are."""


@dataclass(frozen=True)
class Instance:
    """One Airflow as it was applied.

    Args:
        client_id: its sign-on client: who has a role there may enter.
        monitor: address of its health inside the cluster.
        version: empty where it was never installed to its end.
        roles: those of the client's that mean something to its Airflow.
        switched_off: components that it is to do without, by the names that its health has for them.
    """

    name: str
    url: str
    owner: str
    version: str
    client_id: str
    monitor: str
    suspended: bool
    roles: tuple[str, ...] = ROLES
    switched_off: tuple[str, ...] = ()


class Fleet:
    """The records of one cluster."""

    def __init__(
        self, settings: Settings, http: httpx.AsyncClient, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._http, self._clock = settings, http, clock
        self._known: tuple[Instance, ...] = ()
        self._read_at = float("-inf")

    async def open_to(self, roles: Mapping[str, tuple[str, ...]]) -> list[tuple[Instance, tuple[str, ...]]]:
        """The instances on whose client there is a role that Airflow knows, each with those roles.

        Raises:
            Unreadable: the cluster does not answer.
        """
        found = []
        for instance in await self._instances():
            if mine := tuple(role for role in instance.roles if role in roles.get(instance.client_id, ())):
                found.append((instance, mine))
        return found

    async def _instances(self) -> tuple[Instance, ...]:
        if self._clock() - self._read_at >= FRESH_SECONDS:
            read = [instance async for page in self._records() for instance in map(_instance, page) if instance]
            self._known = tuple(sorted(read, key=lambda each: each.name))
            self._read_at = self._clock()
        return self._known

    async def _records(self) -> AsyncIterator[list[dict[str, Any]]]:
        url = f"{self._settings.api}/api/v1/namespaces/{self._settings.namespace}/configmaps"
        query = {"labelSelector": "fleet/record=instance", "limit": str(_PAGE)}
        while True:
            try:
                # Kubernetes renews the file before the token in it ends.
                token = (self._settings.account / "token").read_text(encoding="utf-8").strip()
                answer = await self._http.get(url, params=query, headers={"Authorization": f"Bearer {token}"})
                answer.raise_for_status()
                page = answer.json()
                items, more = page["items"], page["metadata"].get("continue")
            except (OSError, httpx.HTTPError, ValueError, KeyError) as error:
                raise Unreadable(f"{url}: {error or type(error).__name__}") from error
            yield items
            if not more:
                return
            query["continue"] = more


def _instance(manifest: Mapping[str, Any]) -> Instance | None:
    """None for what is no Airflow (any more): only a database was kept, or the first run has not come to the sign-on."""
    name = manifest.get("metadata", {}).get("name")
    try:
        record = json.loads(manifest["data"]["applied.json"])
        inputs = {part: applied["inputs"] for part, applied in record["parts"].items()}
        if record["kept"] or not {"terraform", "guardrails"} <= inputs.keys():
            return None
        return _read(manifest["metadata"]["labels"]["fleet/instance"], inputs)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        _log.warning("the ConfigMap %s holds no record: %r", name, error)
        return None


def _read(name: str, inputs: Mapping[str, Any]) -> Instance:
    sso, guardrails = inputs["terraform"]["variables"]["sso"], inputs["guardrails"]["values"]
    airflow = inputs["airflow"]["values"] if "airflow" in inputs else {}
    service = f"http://airflow-api-server.{guardrails['namespace']}.svc.cluster.local:8080"
    return Instance(
        name=name,
        url=f"{sso['base_url']}/",
        owner=str(guardrails.get("owner", "")),
        version=str(airflow.get("airflowVersion", "")),
        client_id=sso["client_id"],
        monitor=f"{service}{urlsplit(sso['base_url']).path}/api/v2/monitor/health",
        suspended=airflow.get("apiServer", {}).get("replicas") == 0,
        roles=(*ROLES, *sso.get("dag_roles", ())),  # the latter to some of the DAGs only
        switched_off=() if airflow.get("triggerer", {}).get("enabled", True) else ("triggerer",),
    )
