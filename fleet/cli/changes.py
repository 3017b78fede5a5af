"""`fleet plan` and `fleet apply`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import common

if TYPE_CHECKING:
    from fleet.plan import Plan

Names = Annotated[list[str] | None, typer.Argument(help="Only these instances.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("plan")(plan)
    app.command("apply")(apply)


def plan(
    names: Names = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: common.OutputOption = "table",
    refresh: common.Refresh = False,
) -> None:
    """Show what `apply` would change, and why. Changes nothing."""
    from fleet import report

    form = report.output(output)
    document = common.load(inventory, context)

    async def work() -> tuple[Plan, dict[str, list[str]]]:
        sight = await common.look(document)
        found = find(sight, names or [], refresh)
        await check_budget(found, sight)
        return found, await _resources(found, sight)

    found, resources = common.run(work())
    if form == "table":
        typer.echo(report.plan_text(found, resources))
    else:
        typer.echo(report.render(report.plan_rows(found, resources), ("instance", "part", "action", "why"), form))


def apply(
    names: Names = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
    refresh: common.Refresh = False,
) -> None:
    """Make the world as the inventory says. Run it again to go on where it ended."""
    sight = common.run(common.look(common.load(inventory, context)))
    found = find(sight, names or [], refresh)
    common.run(check_budget(found, sight))
    show(found)
    if not found.empty:
        common.confirm("Make these changes?", yes)
        make(found, sight, "apply", inventory)


def find(sight: common.Sight, names: list[str], refresh: bool = False) -> Plan:
    """The plan for some instances, or for all.

    Raises:
        FleetError: an instance is unknown, or is to go back to an older Airflow.
    """
    from fleet.diff import diff, refuse_downgrades
    from fleet.plan import plan

    only = common.known(names, sight.desired.instances)
    refuse_downgrades(sight.desired, sight.observed)
    return plan(diff(sight.desired, sight.observed, refresh=refresh), only)


async def check_budget(found: Plan, sight: common.Sight) -> None:
    """Hold a plan against what the database server and the nodes have; warnings are said.

    Raises:
        FleetError: the server has not enough connections.
    """
    from fleet.budget import check

    for warning in await check(found, sight.desired, sight.observed, sight.world):
        common.say(f"warning: {warning}")


def show(found: Plan) -> None:
    """Print a plan."""
    from fleet import report

    typer.echo(report.plan_text(found))


def make(found: Plan, sight: common.Sight, command: str, inventory: Path) -> None:
    """Carry out a plan, write it down, and say what came of it.

    Raises:
        FleetError: an upgrade of one of the instances is not over.
        typer.Exit: something failed.
    """
    from fleet import journal
    from fleet.apply import apply

    common.run(_refuse_underway(found, sight))
    with journal.recording(command, inventory, found.changes) as written:
        tell = common.telling(written)
        outcomes = common.run(apply(found, sight.desired, sight.observed, sight.world, tell))
        journal.outcomes(written, outcomes)
    common.finish(outcomes)


async def _refuse_underway(found: Plan, sight: common.Sight) -> None:
    from fleet.upgrade import memory

    for name, each in (await memory.read_all(sight.world.cluster)).items():
        if name in found.instances:
            each.refuse()


async def _resources(found: Plan, sight: common.Sight) -> dict[str, list[str]]:
    """Per changed instance, what Terraform would do: one process each, side by side. A new instance has no state to look at,
    and looking would make its workspace."""
    import asyncio

    from fleet.apply import PARALLEL
    from fleet.desired import stacks

    changed = [change for change in found.changes if change.part == "terraform" and change.action != "create"]
    room = asyncio.Semaphore(PARALLEL)

    async def lines(name: str) -> list[str]:
        async with room:
            stack = await sight.world.open_stack("team")
            variables = sight.desired.instances[name].parts["terraform"]["variables"]
            return [f"{each.action} {each.address}" for each in await stack.plan(name, variables, stacks.NO_SECRETS)]

    if changed:
        await sight.world.open_stack("team")
    found_lines = await asyncio.gather(*(lines(change.instance) for change in changed))
    return dict(zip((change.instance for change in changed), found_lines, strict=True))
