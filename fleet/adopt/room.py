"""In which sizes what runs has room: takes pods and connections, gives names of sizes, or why there is none.

A quota ends no pod, but a rollout beyond it never ends; and a role at its connection limit is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from fleet.adopt.proposal import sizes
from fleet.budget import quantity
from fleet.errors import ExitCode, FleetError
from fleet.model import DEFAULT_SIZES, Inventory, Quota, Size

Pod = Mapping[str, Any]


def roomy(inventory: Inventory, pods: Sequence[Pod], connections: int, given: Mapping[str, Any]) -> list[str]:
    """The sizes in which there is room for so many pods and connections.

    Args:
        given: the entry's keys that were asked for; a `size` among them is the only one, and `quota` counts.

    Raises:
        FleetError: there is none.
    """
    known = DEFAULT_SIZES | inventory.sizes
    candidates = [given["size"]] if given.get("size") in known else sizes(inventory)
    lacks = {name: _lacks(known[name], pods, connections, given) for name in candidates}
    if fitting := [name for name, lack in lacks.items() if not lack]:
        return fitting
    raise FleetError(
        "what runs has no room in any size: " + "; ".join(f"{name}: {lack}" for name, lack in lacks.items()),
        hint="give it a `size` of its own below `sizes`, or `quota` in the file of `--from`",
        exit_code=ExitCode.REFUSED,
    )


def _lacks(size: Size, pods: Sequence[Pod], connections: int, given: Mapping[str, Any]) -> str:
    if connections > size.connections:
        return f"{connections} connections are open, {size.connections} would be allowed"
    quota = size.quota.model_copy(update=Quota.model_validate(given.get("quota", {})).model_dump(exclude_none=True))
    used = [_used(pod, size) for pod in pods]
    limits = {"cpu": quota.cpu, "memory": quota.memory, "pods": quota.pods}
    for what, most in limits.items():
        # One more beside those that run: a new API server starts before the old one ends.
        needed = sum(each[what] for each in used) + max((each[what] for each in used), default=Decimal(0))
        if most is not None and needed > quantity(str(most)):
            return f"{what} {needed.normalize():f} is needed while pods are replaced, {most} would be allowed"
    return ""


def _used(pod: Pod, size: Size) -> dict[str, Decimal]:
    """What counts against a quota; a container that says nothing gets what a task gets."""
    used = {"cpu": Decimal(0), "memory": Decimal(0), "pods": Decimal(1)}
    for container in pod["spec"]["containers"]:
        resources = container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        used["cpu"] += quantity(str(requests.get("cpu") or limits.get("cpu") or size.worker.cpu))
        used["memory"] += quantity(str(limits.get("memory") or size.worker.memory))
    return used
