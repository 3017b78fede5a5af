"""Puts right what can be put right without harm: takes findings, gives what came of each team, never takes data away.

Exact inverses come first (a patch, a statement), then the parts that are applied again, in `apply`'s own order. A team whose
inventory entry changed since it was applied is left to `fleet apply`: applying a part again would roll that change out too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet import apply, lease
from fleet.apply import Outcome, Tell
from fleet.desired import PARTS, Desired, naming
from fleet.diff import DRIFT, PLATFORM, PORTAL, Change, diff
from fleet.drift.finding import Finding
from fleet.drift.mend import Administer, Configure, Create, GiveSecret, Mend, Patch, Reapply, Statement, together
from fleet.drivers.kubernetes import core
from fleet.drivers.world import World, decode
from fleet.errors import FleetError, FleetErrors
from fleet.observe import Observed
from fleet.plan import Plan


@dataclass(frozen=True)
class Todo:
    """What `--heal` does, and what it leaves to a person, each with the reason."""

    mended: tuple[Finding, ...]
    left: tuple[tuple[Finding, str], ...]

    @property
    def changes(self) -> list[Change]:
        """For the journal: one per finding, with how it is put right as its reason."""
        return [Change(each.team, _part(each), "repair", (f"{each.address}: {each.mend}",)) for each in self.mended]


def todo(findings: Iterable[Finding], desired: Desired, observed: Observed, underway: Mapping[str, str]) -> Todo:
    """Which findings are put right.

    Args:
        underway: instance → why nothing may be changed there now (an upgrade that is not over).
    """
    told = list(findings)
    pending = {change.instance for change in diff(desired, observed).changes if change.action != "repair"}
    emptied = {each.team for each in told if each.empties}
    mended, left = list[Finding](), list[tuple[Finding, str]]()
    for finding in told:
        reason = underway.get(finding.team, "") or _reason(finding, pending, emptied)
        if reason:
            left.append((finding, reason))
        else:
            mended.append(finding)
    return Todo(tuple(mended), tuple(left))


def _reason(finding: Finding, pending: set[str], emptied: set[str]) -> str:
    """Why a finding is left to a person; empty where it is not."""
    if finding.mend is None:
        return finding.advice or "a person has to look"
    if finding.team in emptied and finding.mend in (Reapply("terraform"), Reapply("platform")):
        return "beside it an apply would destroy something, or make it anew and empty: that first"
    if isinstance(finding.mend, Reapply) and finding.team in pending:
        name = "" if finding.team == PLATFORM else f" {finding.team}"
        return f"the inventory changed since: `fleet apply{name}`"
    return ""


async def heal(work: Todo, desired: Desired, observed: Observed, world: World, tell: Tell) -> list[Outcome]:
    """Carry it out, team by team side by side; a fault of one mend stops no other.

    Returns:
        An outcome per team, in the order of the findings.
    """
    teams = list(dict.fromkeys(finding.team for finding in work.mended))
    by_team = {team: [each.mend for each in work.mended if each.team == team and each.mend] for team in teams}
    room, turn = asyncio.Semaphore(apply.PARALLEL), asyncio.Lock()
    outcomes = await asyncio.gather(*(_directly(room, turn, team, by_team[team], world, tell) for team in teams))
    again = _plan(by_team)
    applied = [] if again.empty else await apply.apply(again, desired, observed, world, tell)
    return [_joined(outcome, outcome.instance in again.instances, applied) for outcome in outcomes]


async def _directly(
    room: asyncio.Semaphore, turn: asyncio.Lock, team: str, mends: Sequence[Mend], world: World, tell: Tell
) -> Outcome:
    """Everything but parts applied again, under the team's Lease.

    Args:
        turn: whoever runs a statement has it: grants on one server fail side by side ("tuple concurrently updated").
    """
    started, faults = time.monotonic(), list[FleetError]()
    direct = together(mend for mend in mends if not isinstance(mend, Reapply))
    if not direct:
        return Outcome(team, None, 0.0)
    async with room:
        try:
            async with lease.held(world.cluster, team, apply.saying(team, tell)):
                for each in direct:
                    try:
                        await apply.step(team, "mend", _carry_out(each, world, turn), tell)
                    except FleetError as error:
                        faults.append(error)
        except FleetError as error:
            faults.append(error)
    return Outcome(team, _one(faults), time.monotonic() - started)


async def _carry_out(mend: Mend, world: World, turn: asyncio.Lock) -> str:
    match mend:
        case Patch(path, operations):
            await world.cluster.json_patch(path, operations)
        case Create(path, manifest):
            await world.cluster.create(path, dict(manifest))
        case Statement(database, sql):
            login = await world.database_admin()
            async with turn, login.connected(database) as connection:
                await connection.execute(sql.encode())
        case Administer(method, path, body):
            realm = await world.realm()
            await realm.change(method, path, body)
        case GiveSecret(client, secret, key):
            kept = decode(await world.cluster.get(core("secrets", naming.SYSTEM_NAMESPACE, secret)))
            realm = await world.realm()
            await realm.change("PUT", client, {**await realm.get(client), "secret": kept[key]})
        case Configure(settings):
            await world.cloud_sql.patch(settings)
        case Reapply():
            raise AssertionError("parts are applied again by `apply`")
    return str(mend)


def _plan(by_team: Mapping[str, Sequence[Mend]]) -> Plan:
    """The parts that are applied again, as a plan."""
    parts = {team: {mend.part for mend in mends if isinstance(mend, Reapply)} for team, mends in by_team.items()}
    reasons = ("drifted",)
    platform = parts.pop(PLATFORM, set[Any]())
    return Plan(
        Change(PLATFORM, "platform", "repair", reasons) if PLATFORM in platform else None,
        Change(PLATFORM, PORTAL, "repair", reasons) if PORTAL in platform else None,
        Change(PLATFORM, DRIFT, "repair", reasons) if DRIFT in platform else None,
        {
            team: tuple(Change(team, part, "repair", reasons) for part in PARTS if part in chosen)
            for team, chosen in parts.items()
            if chosen
        },
        (),
    )


def _joined(outcome: Outcome, again: bool, applied: Sequence[Outcome]) -> Outcome:
    """A team's two halves as one; the second is missing where it was due and the platform failed before it."""
    halves = [outcome, *(each for each in applied if each.instance == outcome.instance)]
    errors = [each.error for each in halves if each.error]
    if again and len(halves) == 1:
        errors.append(FleetError("its parts were not applied again: the platform failed", where=outcome.instance))
    return Outcome(outcome.instance, _one(errors), sum(each.seconds for each in halves))


def _one(errors: Sequence[FleetError]) -> FleetError | None:
    if len(errors) > 1:
        return FleetErrors(errors)
    return errors[0] if errors else None


def _part(finding: Finding) -> Any:
    if isinstance(finding.mend, Reapply):
        return finding.mend.part
    return "airflow" if finding.layer == "helm" else "terraform"
