"""Drift of layer terraform: takes a scene, gives findings, never changes anything.

All instances in one process: their states merged (`merged`), one plan over the root `fleet-read` (`rounds`), its words told
(`told`, weighed by `weights`). The platform's stack has a plan of its own beside it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Iterator, Mapping
from typing import Any

from fleet.desired.stacks import NO_SECRETS
from fleet.diff import PLATFORM
from fleet.drift.finding import Finding, Looked, Unseen
from fleet.drift.scene import Scene
from fleet.drift.terraform import merged, rounds, told, weights
from fleet.drift.terraform.rounds import Applied
from fleet.drift.terraform.told import Owner
from fleet.drivers import terraform_look
from fleet.drivers.terraform_look import Planned
from fleet.errors import FleetError

KINDS = weights.KINDS
_LAYER = "terraform"
_WORKSPACE = "default"  # of the stack `platform`
# Ephemeral variables of the stack `platform`: an apply alone sends them.
_SECRETS = dict.fromkeys(
    ("database_admin_password", "drift_client_secret", "portal_client_secret"), NO_SECRETS["sso_client_secret"]
)


async def look(scene: Scene) -> Looked:
    """Two plans, however many instances there are: a process each, and three more at most where something differs."""
    both = await asyncio.gather(_seen(_teams(scene), ""), _seen(_platform(scene), PLATFORM))
    return Looked.of(both[0].findings + both[1].findings, both[0].unseen + both[1].unseen)


async def _seen(work: Awaitable[Looked], team: str) -> Looked:
    """What could not be looked at takes nothing else with it."""
    try:
        return await work
    except FleetError as error:
        return Looked.of((), [Unseen(_LAYER, error.what, error.hint, team)])


async def _teams(scene: Scene) -> Looked:
    wanted = {name: desired.parts["terraform"] for name, desired, _ in scene.applied("terraform")}
    inputs = {
        name: found.record.parts["terraform"].inputs for name, _, found in scene.applied("terraform") if found.record
    }
    if not inputs:
        return Looked()
    states = await (await scene.world.states("team")).read(inputs)
    findings, unseen, applied = list[Finding](), list[Unseen](), dict[str, Applied]()
    for name, recorded in inputs.items():
        try:
            state = merged.parse(states[name]) if name in states else merged.EMPTY
            resources = merged.below(state, name)
        except FleetError as error:
            unseen.append(Unseen(_LAYER, error.what, error.hint, name))
            continue
        if resources:
            applied[name] = Applied(recorded["variables"], resources, state["terraform_version"])
        else:
            findings.append(_nothing(name))
    if not applied:
        return Looked.of(findings, unseen)
    # Where the servers are now, not where they were: that is how they are reached.
    done = await rounds.plan(
        await scene.world.open_reading("fleet-read"), applied, _shared(wanted[next(iter(applied))]["variables"])
    )
    by_team = _by_team(done.planned)
    for name in applied.keys() - done.broken.keys():
        owner = Owner(name, "terraform", inputs[name]["modules"] == wanted[name]["modules"])
        findings += told.findings(done.planned, owner, by_team[name], done.state)
    findings += [_missing(address, words) for address, words in done.missing.items()]
    unseen += _broken(done.broken, len(applied))
    return Looked.of(findings, unseen)


async def _platform(scene: Scene) -> Looked:
    record = scene.observed.platform
    if not scene.platform or record is None or PLATFORM not in record.parts:
        return Looked()
    inputs = record.parts[PLATFORM].inputs
    states = await (await scene.world.states("platform")).read([_WORKSPACE])
    state = merged.parse(states[_WORKSPACE]) if states else merged.EMPTY
    if not state["resources"]:
        return Looked.of([_nothing(PLATFORM)])
    stack = await scene.world.open_reading("platform")
    planned = await terraform_look.look(stack, state, inputs["variables"], _SECRETS)
    owner = Owner(PLATFORM, "platform", inputs["modules"] == scene.desired.platform["modules"])
    return Looked.of(told.findings(planned, owner, planned.addresses, merged.known(state)))


def _shared(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "database_server": variables["database_server"],
        "sso_url": variables["sso"]["url"],
        "google_project": (variables.get("gcp") or {}).get("project", ""),
    }


def _by_team(planned: Planned) -> Mapping[str, set[str]]:
    found = defaultdict[str, set[str]](set)
    for address in planned.addresses:
        found[rounds.team_of(address)].add(address)
    return found


def _nothing(team: str) -> Finding:
    return Finding(
        weights.STATE, team, f"workspace {_WORKSPACE if team == PLATFORM else team}", expected="all that was applied"
    )


def _missing(address: str, words: str) -> Finding:
    return Finding(
        weights.MEMBER,
        rounds.team_of(address),
        address,
        expected="in the realm",
        remedy=f"{words}; {weights.MEMBER.remedy}",
    )


def _broken(broken: Mapping[str, str], of: int) -> Iterator[Unseen]:
    """One error per instance; one for all, where all say the same."""
    words = set(broken.values())
    if of > 1 and len(broken) == of and len(words) == 1:
        yield Unseen(_LAYER, words.pop())
        return
    for name, said in broken.items():
        yield Unseen(_LAYER, said, "", name)
