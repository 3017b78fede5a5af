"""One plan for all instances, and again without those that break it: takes what was applied to each, gives the plan and what
is left out of it, never starts a process per instance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fleet.drift.terraform import merged
from fleet.drift.terraform.merged import Known
from fleet.drivers import terraform_look
from fleet.drivers.terraform import Stack
from fleet.drivers.terraform_look import Change, Fault, Planned, Unplanned

# Each takes at least one instance or one member out; what still breaks then is not the fault of a few.
_ROUNDS = 4
_TEAM = re.compile(r'module\.team\["([^"]+)"\]')
# A group or a person that `access` names, looked up: gone from the realm, it breaks the plan of its instance.
_MEMBER = re.compile(r'^module\.team\["([^"]+)"\]\.module\.sso\.data\.keycloak_(group|user)\.member\["(.+)"\]$')
_OF_TEAM = ("database", "database_password_version", "sso", "sso_client_secret_version", "gcp")


@dataclass(frozen=True)
class Applied:
    """One instance as it was applied last.

    Args:
        variables: of the stack `team`, as recorded.
        resources: of its state, as `merged.below` gives them.
        version: of the Terraform that wrote the state.
    """

    variables: Mapping[str, Any]
    resources: list[dict[str, Any]]
    version: str


@dataclass(frozen=True)
class Rounds:
    """What came of it.

    Args:
        state: what was planned over.
        broken: instances that could not be planned → Terraform's words.
        missing: addresses of members that the realm does not know → Terraform's words.
    """

    planned: Planned
    state: Known
    broken: Mapping[str, str]
    missing: Mapping[str, str]


async def plan(stack: Stack, teams: Mapping[str, Applied], shared: Mapping[str, Any]) -> Rounds:
    """Plan all instances at once, and those that differ once more, for what it is.

    Args:
        stack: `fleet-read`, with the back end `local`.
        shared: its other variables: where the servers are.

    Raises:
        FleetError: nothing can be planned, whichever instances are left out.
    """
    broken, missing = dict[str, str](), dict[str, str]()
    left = dict(teams)
    for _ in range(_ROUNDS):
        if not left:
            break
        state, variables = _inputs(left, shared, missing)
        try:
            differing = {team_of(address) for address in await terraform_look.differing(stack, state, variables)}
            few = {name: each for name, each in left.items() if name in differing}
            planned = await terraform_look.look(stack, *_inputs(few, shared, missing)) if few else Planned({}, {})
        except Unplanned as error:
            if not error.faults or not all(_at_fault(fault) in left for fault in error.faults):
                raise
            last = error
            for fault in error.faults:
                if _MEMBER.match(fault.address) and fault.address not in missing:
                    missing[fault.address] = fault.words
                else:
                    broken.setdefault(_at_fault(fault), fault.words)
            left = {name: each for name, each in left.items() if name not in broken}
            continue
        return Rounds(_without(planned, missing), merged.known(state), broken, missing)
    if left:
        raise last
    return Rounds(Planned({}, {}), merged.known(merged.EMPTY), broken, missing)


def _inputs(
    teams: Mapping[str, Applied], shared: Mapping[str, Any], missing: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One state of these instances, and the root's variables."""
    newest = max((each.version for each in teams.values()), key=_parts)
    state = merged.merge({name: each.resources for name, each in teams.items()}, newest)
    return state, {"teams": {name: _picked(each.variables, name, missing) for name, each in teams.items()}, **shared}


def team_of(words: str) -> str:
    """The instance that an address is of, or that Terraform's words name; empty: none."""
    found = _TEAM.search(words)
    return found[1] if found else ""


def _at_fault(fault: Fault) -> str:
    return team_of(fault.address) or team_of(fault.words)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _picked(variables: Mapping[str, Any], name: str, missing: Mapping[str, str]) -> dict[str, Any]:
    """The variables of one instance, without the members that are missing."""
    picked = {key: variables[key] for key in _OF_TEAM if key in variables}
    for address in missing:
        found = _MEMBER.match(address)
        if found and found[1] == name:
            members = "groups" if found[2] == "group" else "users"
            roles = picked["sso"].get(members, {})
            fewer = {role: [each for each in names if each != found[3]] for role, names in roles.items()}
            picked["sso"] = {**picked["sso"], members: fewer}
    return picked


def _without(planned: Planned, missing: Mapping[str, str]) -> Planned:
    """The plan without the rights of the members that were left out of it."""
    rights = {address.replace(".data.keycloak_group.", ".keycloak_group_roles.") for address in missing}
    rights |= {address.replace(".data.keycloak_user.", ".keycloak_user_roles.") for address in missing}

    def kept(changes: Mapping[str, Change]) -> dict[str, Change]:
        return {address: change for address, change in changes.items() if address not in rights}

    return replace(planned, drift=kept(planned.drift), changes=kept(planned.changes))
