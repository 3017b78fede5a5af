"""One look at the fleet: takes a scene and layers, gives a report; a layer that could not be read is an error in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fleet.drift import database, helm, orphans, rules, sso, terraform
from fleet.drift.finding import LAYERS, Finding, Layer, Looked, Unseen
from fleet.drift.rules import Ignored
from fleet.drift.scene import Scene
from fleet.errors import FleetError

_LOOKS: Mapping[Layer, Callable[[Scene], Awaitable[Looked]]] = {
    "terraform": terraform.look, "helm": helm.look, "database": database.look, "sso": sso.look, "orphans": orphans.look,
}  # fmt: skip
_SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Report:
    """What one look gave.

    Args:
        at: when it began, ISO 8601 in UTC.
        seconds: layer → how long it took.
        teams: the instances that were looked at, in the inventory's order.
    """

    at: str
    seconds: Mapping[str, float]
    teams: tuple[str, ...]
    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...]
    unseen: tuple[Unseen, ...]


async def look(scene: Scene, layers: Collection[Layer] = LAYERS) -> Report:
    """Look at all layers side by side. Reads, and writes nothing anywhere."""
    began = datetime.now(UTC)
    chosen = [layer for layer in LAYERS if layer in layers]
    answers = await asyncio.gather(*(_timed(layer, scene) for layer in chosen))
    looked = [each for each, _ in answers]
    unseen = [error for each in looked for error in each.unseen]
    seen = {layer for layer, each in zip(chosen, looked, strict=True) if not each.unseen}
    findings = told_once([finding for each in looked for finding in each.findings])
    whole = scene.platform and scene.teams >= set(scene.desired.instances)
    standing, ignored = rules.sift(findings, scene.inventory.drift.ignore, began.date(), seen, whole)
    return Report(
        began.isoformat(timespec="seconds"),
        {layer: seconds for layer, (_, seconds) in zip(chosen, answers, strict=True)},
        tuple(name for name in scene.desired.instances if name in scene.teams),
        tuple(_ordered(standing, list(scene.desired.instances))),
        tuple(ignored),
        tuple(unseen),
    )


async def _timed(layer: Layer, scene: Scene) -> tuple[Looked, float]:
    started = time.monotonic()
    try:
        looked = await _LOOKS[layer](scene)
    except FleetError as error:
        looked = Looked.of((), [Unseen(layer, str(error), error.hint)])
    return looked, time.monotonic() - started


def told_once(findings: Sequence[Finding]) -> list[Finding]:
    """Without those of Terraform's that another layer tells more closely."""
    twins = {(finding.team, *twin.split("|", 1)) for finding in findings for twin in finding.twins}
    return [
        finding
        for finding in findings
        if finding.layer != "terraform"
        or not twins & {(finding.team, below(finding), field) for field in (finding.field, "*")}
    ]


def below(finding: Finding) -> str:
    """A Terraform address without the module of the team: `module.team["x"].module.database.…` → `module.database.…`."""
    return finding.address.partition("].")[2] if finding.address.startswith("module.team[") else finding.address


def _ordered(findings: Iterable[Finding], teams: Sequence[str]) -> list[Finding]:
    place = {name: number for number, name in enumerate(teams)}
    return sorted(
        findings,
        key=lambda each: (place.get(each.team, len(teams)), each.team, _SEVERITIES.index(each.severity), each.key),
    )
