"""A look at two hundred teams, beside what a shell loop would do: takes the teams, gives how much less it costs.

The loop is what people write: a plan in each workspace, and the stored manifest beside the live objects of each release.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

import yaml

from fleet import inventory
from fleet.budget import quantity
from fleet.cli.common import desired
from fleet.desired import naming, stacks
from fleet.drivers import process
from fleet.drivers.world import World
from tests.bench.measure import ROOT, Row
from tests.support.asleep import Asleep

T = TypeVar("T")
AT_ONCE = 8
FEW = 2


def rows(fleet: Asleep) -> Iterator[Row]:
    """Wall time against the loop's, and what must not grow with the number of teams."""
    number = len(fleet.teams)
    two = [word for team in fleet.teams[:FEW] for word in ("--team", team)]
    for _ in range(2):  # the first look of a day prepares Terraform's folder
        few = fleet.fleet.run("drift", "--output", "json", *two)
    every = [word for team in fleet.teams for word in ("--team", team)]
    look = fleet.fleet.run("drift", "--output", "json", *every)
    assert json.loads(look.output)["findings"] == [], look.output
    plans, manifests = asyncio.run(_loop(fleet))
    loop = plans + manifests
    note = f"{look.seconds:.1f} s against {plans:.0f} s of plans and {manifests:.0f} s of manifests, {AT_ONCE} at once"
    yield Row(f"drift of {number}: wall time / a plan and a manifest each", 0.2, look.seconds / loop, "×", note)
    note = "of fleet and all that it ran; what the scheduled look's pod may have"
    yield Row(f"drift of {number}: peak memory", _pod_mib(), look.mib, "MiB", note)
    note = f"as many as for {FEW} teams; {look.cpu:.1f} s of CPU"
    yield Row(f"drift of {number}: processes", len(few.processes), len(look.processes), "", note)
    yield Row(f"drift of {number}: API requests", len(few.requests), len(look.requests), "", "by the audit log")


def _pod_mib() -> float:
    values = yaml.safe_load((ROOT / "charts/platform/values.yaml").read_text())
    return float(quantity(values["drift"]["resources"]["limits"]["memory"]) / 1024**2)


async def _loop(fleet: Asleep) -> tuple[float, float]:
    """Seconds for a plan per workspace, and for a manifest per release."""
    document = inventory.load(fleet.inventory)
    wanted = desired(document).instances
    with fleet.fleet.outside():
        stack = await World(document.inventory.platform).open_stack("team")

        async def plan(name: str) -> None:
            await stack.plan(name, wanted[name].parts["terraform"]["variables"], stacks.NO_SECRETS)

        plans = await _timed(plan, fleet.teams)
    # Of its own release, the chart's objects bear no namespace, and the guardrails' each bear theirs.
    releases: list[tuple[str, str, tuple[str, ...]]]
    releases = [(naming.guardrails_release(name), naming.SYSTEM_NAMESPACE, ()) for name in fleet.teams]
    releases += [
        (naming.AIRFLOW_RELEASE, space, (f"--namespace={space}",)) for space in map(naming.namespace, fleet.teams)
    ]
    return plans, await _timed(lambda release: _compare(fleet, *release), releases)


async def _compare(fleet: Asleep, release: str, namespace: str, where: tuple[str, ...]) -> None:
    """The stored manifest and its live objects."""
    there = f"--kubeconfig={fleet.fleet.server.kubeconfig}"
    manifest = await _run(fleet, b"", "helm", "get", "manifest", release, "--namespace", namespace, there)
    live = await _run(fleet, manifest, "kubectl", "get", "--filename=-", "--output=json", *where, there)
    assert json.loads(live), release


async def _run(fleet: Asleep, given: bytes, *command: str) -> bytes:
    done = await process.run(command, env=fleet.environment, stdin=given)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


async def _timed(work: Callable[[T], Awaitable[None]], items: Iterable[T]) -> float:
    room, started = asyncio.Semaphore(AT_ONCE), time.monotonic()

    async def one(item: T) -> None:
        async with room:
            await work(item)

    await asyncio.gather(*map(one, items))
    return time.monotonic() - started
