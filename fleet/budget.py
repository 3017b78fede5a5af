"""What shared servers can give: takes wishes, and what the server and the nodes have, gives refusals and warnings, never
changes a wish.

PostgreSQL takes a role's CONNECTION LIMIT as a ceiling and reserves nothing for it, so limits whose sum is beyond
`max_connections` are promises that break on the day when every Airflow is busy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fleet.desired import Desired
from fleet.drivers.kubernetes import Cluster, core
from fleet.drivers.postgres import Capacity, capacity
from fleet.drivers.world import World
from fleet.errors import ExitCode, FleetError
from fleet.observe import Observed
from fleet.plan import Plan

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_SUFFIXES: dict[str, Decimal] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTP", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTP", 1)},
}


@dataclass(frozen=True)
class Nodes:
    """What the cluster's nodes offer to pods, all in all: CPU cores and bytes of memory."""

    count: int
    cpu: Decimal
    memory: Decimal


async def check(plan: Plan, desired: Desired, observed: Observed, world: World) -> list[str]:
    """Hold a plan against the server and the nodes. Neither is asked unless the plan raises what is promised.

    Returns:
        Warnings for the operator, a line each.

    Raises:
        FleetError: the connection limits exceed what the server has (exit code REFUSED).
    """
    wanted = raised_limits(plan, desired, observed)
    if not wanted:
        warnings = []
    elif makes_the_server(plan, desired):  # nothing answers at its address yet
        warnings = ["the connection budget was not checked: this plan makes the database server"]
    else:
        warnings = await _connections(wanted, world)
    if any(change.part == "guardrails" and change.action != "repair" for change in plan.changes):
        warnings += quota_warnings(desired, await nodes(world.cluster))
    return warnings


async def _connections(wanted: Mapping[str, int], world: World) -> list[str]:
    try:
        found = await capacity(await world.database_admin())
    except FleetError as error:  # the work itself waits for a server that is away, or says what is wrong
        return [f"the connection budget was not checked: {error}"]
    refuse_overbooking(found, wanted)
    return []


def makes_the_server(plan: Plan, desired: Desired) -> bool:
    """Whether the database server is still to be made, by the stack `platform` on Google Cloud."""
    new = plan.platform is not None and plan.platform.action == "create"
    return new and desired.platform["variables"].get("cloud") == "gcp"


def raised_limits(plan: Plan, desired: Desired, observed: Observed) -> dict[str, int]:
    """Role → connection limit, of the roles that a plan makes or whose limit it raises."""
    raised = {}
    for change in plan.changes:
        if change.part != "terraform":
            continue
        role, limit = _limit(desired.instances[change.instance].parts["terraform"])
        there = observed.instances.get(change.instance)
        applied = there.record.parts.get("terraform") if there and there.record else None
        if applied is None or limit > _limit(applied.inputs)[1]:
            raised[role] = limit
    return raised


def _limit(inputs: Mapping[str, Any]) -> tuple[str, int]:
    database = inputs["variables"]["database"]
    return database["role"], int(database["connection_limit"])


def refuse_overbooking(found: Capacity, wanted: Mapping[str, int]) -> None:
    """The limits of all roles, those that are there and those that are to be, must fit into the server.

    Raises:
        FleetError: they do not.
    """
    new, others = sum(wanted.values()), sum(limit for role, limit in found.limits.items() if role not in wanted)
    if new + others > found.usable:
        raise FleetError(
            f"the database server has {found.usable} connections to give ({found.most} less {found.reserved} reserved); "
            f"{', '.join(f'{role} wants {limit}' for role, limit in sorted(wanted.items()))}, "
            f"other roles may take {others}: {new + others - found.usable} too many",
            hint="raise the server's `max_connections`, choose a smaller `size` (`sizes.….connections`), or remove a team",
            exit_code=ExitCode.REFUSED,
        )


async def nodes(cluster: Cluster) -> Nodes:
    """The nodes that take pods: one LIST."""
    taking = [
        each["status"].get("allocatable") or {}
        for each in await cluster.list(core("nodes"))
        if not each["spec"].get("unschedulable")
    ]
    return Nodes(len(taking), _sum(taking, "cpu"), _sum(taking, "memory"))


def quota_warnings(desired: Desired, there: Nodes) -> list[str]:
    """What the instances may use in all and the nodes do not have. A warning: quotas are ceilings, and nodes may be added."""
    quotas = [each.parts["guardrails"]["values"]["quota"] for each in desired.instances.values() if not each.suspended]
    cpu, memory = _sum(quotas, "requests.cpu"), _sum(quotas, "requests.memory")
    lines = []
    if cpu > there.cpu:
        lines.append(
            f"the quotas allow {cpu:.1f} CPU in all, the nodes have {there.cpu:.1f}: some pods may have to wait"
        )
    if memory > there.memory:
        have, may = there.memory / 1024**3, memory / 1024**3
        lines.append(
            f"the quotas allow {may:.1f} GiB in all, the nodes have {have:.1f} GiB: some pods may have to wait"
        )
    return lines


def _sum(maps: Iterable[Mapping[str, Any]], key: str) -> Decimal:
    return sum((quantity(str(each[key])) for each in maps if key in each), Decimal(0))


def quantity(text: str) -> Decimal:
    """A Kubernetes quantity, such as `250m` or `1.5Gi`, as a number.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?)([A-Za-z]{0,2})", text)
    if match is None or match[2] not in _SUFFIXES:
        raise ValueError(f"not a quantity: {text}")
    return Decimal(match[1]) * _SUFFIXES[match[2]]
