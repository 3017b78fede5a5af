"""`fleet doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fleet.cli import common
from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from pathlib import Path

    from fleet.inventory import Document

_COLUMNS = ("area", "check", "verdict", "what", "mend")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("doctor")(doctor)


def doctor(
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: common.OutputOption = "table",
) -> None:
    """Say what is missing on this machine, in the cluster, of the platform and in the fleet, and the command that mends it.
    Changes nothing. Ends with 1 when something fails."""
    from dataclasses import asdict

    from fleet import report
    from fleet.doctor import examine

    form = report.output(output)
    found = common.run(examine(_load(inventory, context), common.desired, report.now()))
    rows: list[report.Row] = [asdict(each) for each in found]
    typer.echo(report.findings_text(rows) if form == "table" else report.render(rows, _COLUMNS, form))
    if any(each.verdict == "fail" for each in found):
        raise typer.Exit(ExitCode.FAILED)


def _load(inventory: Path, context: str | None) -> Document | FleetError:
    try:
        return common.load(inventory, context)
    except FleetError as error:
        return error
