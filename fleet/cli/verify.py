"""`fleet verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import common
from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet.inventory import Document
    from fleet.verify import Verified

_COLUMNS = ("attempt", "a team", "tried", "refused", "how")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("verify")(verify)


def verify(
    name: Annotated[str | None, typer.Argument(help="Only this team's attempts.", show_default=False)] = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: common.OutputOption = "table",
) -> None:
    """Try to get from each team to the others, and prove that it is refused. Leaves nothing behind. Ends with 2 when a wall
    has a hole, with 1 when something could not be tried."""
    import json
    from dataclasses import asdict

    from fleet import report
    from fleet.verify import matrix, words
    from fleet.verify.attempts import BY_ID

    form = report.output(output)
    found = common.run(_verified(common.load(inventory, context), name))
    if form == "json":
        cells = [{**asdict(each), "what": BY_ID[each.attempt].what} for each in found.cells]
        typer.echo(json.dumps({"network_enforced_by": found.plugin or None, "attempts": cells}, indent=2))
    else:
        typer.echo(report.render(words.rows(found.cells), _COLUMNS, form))
        typer.echo(f"\n{words.text(found.cells)}")
    common.say(_network(found.plugin))
    if code := matrix.exit_code(found.cells):
        raise typer.Exit(code)


async def _verified(document: Document, name: str | None) -> Verified:
    from fleet.verify import verify

    sight = await common.look(document)
    common.known([name] if name else [], sight.desired.instances)
    there = [each for each in sight.desired.instances if each in sight.observed.instances]
    if (name or next(iter(there), None)) not in there:
        raise FleetError(
            f"{name or 'no instance'} is not applied",
            hint="`fleet apply` makes what the inventory describes",
            exit_code=ExitCode.REFUSED,
        )
    platform = document.inventory.platform
    return await verify([name] if name else [], sight.desired, sight.world, platform)


def _network(plugin: str) -> str:
    if plugin:
        return f"network policies were judged by what they say; {plugin} enforces them"
    return "network policies were judged by what they say; this cluster's network is not known to enforce them"
