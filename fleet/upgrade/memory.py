"""What the cluster remembers of an instance's upgrades: takes a ConfigMap, gives it typed, and back; never decides.

One ConfigMap per instance beside its record, so that whoever runs the command again, from whatever machine, goes on where the
run before ended, and can go back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fleet.desired import naming
from fleet.drivers.kubernetes import Cluster, core
from fleet.errors import ExitCode, FleetError
from fleet.report import Row

LABEL = "fleet/upgrades"
_KEY = "upgrades.json"
_KEPT = 10  # Helm keeps as many revisions of a release


@dataclass(frozen=True)
class Origin:
    """An instance as it was before an upgrade: all that the way back needs."""

    version: str
    image: str
    releases: Mapping[str, int]  # `airflow`, `guardrails` → revision of the Helm release
    revisions: Mapping[str, str]  # of the database; empty where the upgrade leaves it alone
    parts: Mapping[str, Any]  # as in the instance's record


@dataclass(frozen=True)
class Underway:
    """An upgrade that has begun and not ended."""

    to: str  # version and image, as the plan calls it
    image: str  # that migrates, and that knows the way down
    started: str  # ISO 8601, UTC
    who: str
    origin: Origin
    phase: str = "begun"  # begun, drained, saved, migrating, rolling; or `back`
    pools: Mapping[str, int] = field(default_factory=dict)  # slots as they were
    dump: str = ""  # gs://… of the proven backup
    failed: str = ""  # why it goes back
    counted: bool = False  # nothing ran between the backup and the failure


@dataclass(frozen=True)
class Past:
    """An upgrade that has ended, and how it was before."""

    number: int
    at: str
    who: str
    outcome: str  # upgraded, rolled back, broken
    to: str
    why: str
    image: str
    dump: str
    origin: Origin


@dataclass(frozen=True)
class Memory:
    """What is remembered of one instance."""

    instance: str
    underway: Underway | None = None
    past: tuple[Past, ...] = ()  # the newest last

    def refuse(self) -> None:
        """One that was cut off holds tasks back, may have moved the database, and knows the way on and back.

        Raises:
            FleetError: an upgrade is under way.
        """
        if self.underway is not None:
            raise FleetError(
                f"an upgrade to {self.underway.to} has begun and is not over", where=self.instance,
                hint=f"run that upgrade again, or `fleet rollback {self.instance}`", exit_code=ExitCode.REFUSED,
            )  # fmt: skip

    def ended(self, outcome: str, at: str, why: str = "") -> Memory:
        """With the upgrade that was under way in the past."""
        if self.underway is None:
            return self
        done = self.underway
        number = self.past[-1].number + 1 if self.past else 1
        past = Past(number, at, done.who, outcome, done.to, why, done.image, done.dump, done.origin)
        return replace(self, underway=None, past=(*self.past, past)[-_KEPT:])


async def read(cluster: Cluster, instance: str) -> Memory:
    """What is remembered of one instance.

    Raises:
        FleetError: somebody edited it so that it cannot be read.
    """
    found = await cluster.get(_path(instance))
    return _from(found) if found else Memory(instance)


async def read_all(cluster: Cluster) -> dict[str, Memory]:
    """What is remembered of all, in one LIST.

    Raises:
        FleetError: as :func:`read`.
    """
    found = await cluster.list(core("configmaps", naming.SYSTEM_NAMESPACE), labels=LABEL)
    return {each.instance: each for each in map(_from, found)}


async def write(cluster: Cluster, memory: Memory) -> None:
    """Remember it."""
    data = {
        "underway": asdict(memory.underway) if memory.underway else None,
        "past": [asdict(each) for each in memory.past],
    }
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": naming.upgrades(memory.instance),
            "namespace": naming.SYSTEM_NAMESPACE,
            "labels": {LABEL: "instance", naming.INSTANCE_LABEL: memory.instance},
        },
        "data": {_KEY: json.dumps(data, sort_keys=True)},
    }
    await cluster.apply(_path(memory.instance), manifest)


def rows(memory: Memory) -> list[Row]:
    """One row per upgrade, the newest first."""
    found: list[Row] = []
    if memory.underway:
        now = memory.underway
        found.append(_row(None, now.started, now.who, now.origin, now.to, f"under way: {now.phase}", now.failed))
    return found + [_row(p.number, p.at, p.who, p.origin, p.to, p.outcome, p.why) for p in reversed(memory.past)]


def _row(number: int | None, at: str, who: str, origin: Origin, to: str, outcome: str, why: str) -> Row:
    return {
        "number": number, "at": at, "who": who, "from": f"Airflow {origin.version}, {origin.image}", "to": to,
        "outcome": outcome, "why": (why.splitlines() or [""])[0],
    }  # fmt: skip


def _path(instance: str) -> str:
    return core("configmaps", naming.SYSTEM_NAMESPACE, naming.upgrades(instance))


def _from(manifest: Mapping[str, Any]) -> Memory:
    name = manifest["metadata"]["labels"][naming.INSTANCE_LABEL]
    try:
        data = json.loads(manifest["data"][_KEY])
        now = data["underway"]
        underway = Underway(**{**now, "origin": Origin(**now["origin"])}) if now else None
        past = tuple(Past(**{**each, "origin": Origin(**each["origin"])}) for each in data["past"])
        return Memory(name, underway, past)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FleetError(
            f"the ConfigMap {manifest['metadata']['name']} cannot be read ({error!r})", where=name,
            hint="delete it when no upgrade of this team is under way; the way back by `fleet rollback` is lost with it",
        ) from error  # fmt: skip
