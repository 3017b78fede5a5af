"""Keeps tasks from starting: takes an Airflow's database, gives it without a running task, never ends one.

Every task takes a slot of a pool, whatever the executor. With no slots there, the scheduler goes on making runs on time, and
what is to run waits in state `scheduled`; with the slots back, it starts. So no run is lost and none is made twice (ADR 0074).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from fleet.desired import smoke
from fleet.drivers.metadata import Metadata

_LOOK_SECONDS = 1.0
_SHOWN = 3


async def close(metadata: Metadata, known: Mapping[str, int]) -> dict[str, int]:
    """Pool → slots to give back later: ``known`` where an earlier run closed them already, else what is there.

    Raises:
        FleetError: the database server cannot be reached.
    """
    pools = await metadata.pools()
    return {pool: known.get(pool, slots) for pool, slots in pools.items() if pool != smoke.POOL}


async def drain(metadata: Metadata, pools: Mapping[str, int], seconds: float) -> str:
    """Take all slots away and wait until nothing runs, at most ``seconds``.

    Returns:
        What there is to say of it. Tasks that are left lose their Airflow; it tries them again as their retries allow.

    Raises:
        FleetError: the database server cannot be reached.
    """
    await metadata.set_slots(dict.fromkeys(pools, 0))
    first = left = await metadata.busy()
    end = time.monotonic() + seconds
    while left and time.monotonic() < end:
        await asyncio.sleep(_LOOK_SECONDS)
        left = await metadata.busy()
    if not left:
        return f"{len(first)} running task{'s' * (len(first) != 1)} ended"
    shown = ", ".join(left[:_SHOWN]) + (f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else "")
    return f"still running after {seconds:.0f} s: {shown}"
