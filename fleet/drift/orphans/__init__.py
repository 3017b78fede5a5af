"""Drift of layer orphans: takes a scene, gives what no entry explains and which entries have lost their things, never changes
anything (`fleet prune` does)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleet.desired import PARTS, DesiredInstance
from fleet.diff import kept
from fleet.drift import sso
from fleet.drift.finding import Finding, Looked
from fleet.drift.orphans import kinds
from fleet.drift.orphans.kinds import KINDS
from fleet.drift.orphans.things import Thing, Things, things
from fleet.drift.scene import Scene
from fleet.observe import Observed, ObservedInstance

__all__ = ["KINDS", "look", "orphans"]

_DATABASE = tuple(
    f"module.database.{each}|*"
    for each in (
        "postgresql_role.this", "postgresql_database.this", "postgresql_schema.this", "postgresql_grant.public_database",
        "postgresql_grant.database", "postgresql_grant.public_schema",
    )
)  # fmt: skip


async def look(scene: Scene) -> Looked:
    """Look everywhere, once.

    Raises:
        FleetError: something does not answer, or refuses.
    """
    found = await things(scene.world, scene.observed)
    findings = (
        [_orphan(each) for each in orphans(found, scene.desired.instances, scene.observed)] if scene.platform else []
    )
    for name, wanted in scene.desired.instances.items():
        if name in scene.teams and name not in found.held:
            findings += _lost(wanted, scene.observed.instances.get(name, ObservedInstance(name)), found)
    return Looked.of(findings)


def orphans(found: Things, entries: Iterable[str], observed: Observed) -> list[Thing]:
    """What no entry explains. What was kept on purpose (`remove-team --keep-database`) is explained, and so is whatever
    somebody is at work on."""
    explained = {*entries, *(name for name, each in observed.instances.items() if kept(each)), *found.held}
    asides = [each for each in found.found if each.kind is kinds.ASIDE and each.instance not in found.held]
    return [*(each for each in found.found if each.instance not in explained and each.kind is not kinds.ASIDE), *asides]


def _orphan(thing: Thing) -> Finding:
    return Finding(
        thing.kind, thing.instance, thing.address, found="there" if thing.marked else "there, without fleet's mark"
    )


def _lost(wanted: DesiredInstance, found: ObservedInstance, world: Things) -> Iterator[Finding]:
    """An entry that was never applied, or whose state is gone. What else can be gone, the layers tell that look at it."""
    name, parts = wanted.name, found.record.parts if found.record else {}
    if missing := [part for part in PARTS if part not in parts]:
        yield Finding(
            kinds.NOT_APPLIED, name, f"instance {name}", ", ".join(missing), expected="applied", found="not applied"
        )
    if (applied := parts.get("terraform")) and name not in world.workspaces:
        yield Finding(
            kinds.WORKSPACE_GONE,
            name,
            f"workspace {name}",
            expected=name,
            twins=(*_DATABASE, *sso.everything(name, applied)),
        )
