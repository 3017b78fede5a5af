"""`fleet suspend` and `fleet resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli import changes, common

Name = Annotated[str, typer.Argument(help="The team's name.")]
NoApply = Annotated[bool, typer.Option("--no-apply", help="Only edit the entry, for review.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("suspend")(suspend)
    app.command("resume")(resume)


def suspend(
    name: Name,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
    no_apply: NoApply = False,
) -> None:
    """Scale a team's Airflow to nothing and keep everything else: database, keys, sign-on client, address."""
    _write(name, True, inventory, context, yes, no_apply)


def resume(
    name: Name,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
    no_apply: NoApply = False,
) -> None:
    """Start a suspended team's Airflow again; it goes on with the same data."""
    _write(name, None, inventory, context, yes, no_apply)


def _write(name: str, value: bool | None, inventory: Path, context: str | None, yes: bool, no_apply: bool) -> None:
    """Edit the entry, show the plan, make it so: as `add-team` does."""
    from fleet.inventory import edit

    said = "suspended" if value else "no longer suspended"
    there = common.load(inventory).inventory
    common.known([name], there.entries)
    keys = (*there.place(name), "suspended")
    if no_apply:
        edit.set_value(inventory, keys, value)
        common.say(f"{inventory}: {name} is {said}; `fleet apply {name}` makes it so")
        return
    sight = common.run(common.look(common.in_context(edit.preview_values(inventory, {keys: value}), context)))
    found = changes.find(sight, [name])
    if value is None:
        common.run(changes.check_budget(found, sight))
    changes.show(found)
    if not found.empty:
        common.confirm(f"Write it to {inventory} and make these changes?", yes)
    edit.set_value(inventory, keys, value)  # from here on `fleet apply` goes on, whatever happens
    if not found.empty:
        changes.make(found, sight, f"{'suspend' if value else 'resume'} {name}", inventory)
    common.say(f"{name} is {said}")
