"""`fleet backup` and `fleet restore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import common
from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet.proof import Proof

Name = Annotated[str, typer.Argument(help="The team's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    name: Name,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: common.OutputOption = "table",
) -> None:
    """Back a team's database up and prove that the backup can be restored. Airflow goes on running."""
    from fleet import journal, lease, report
    from fleet.backup import backup

    form = report.output(output)
    sight = common.run(common.look(common.load(inventory, context)))
    common.known([name], sight.observed.instances)
    with journal.recording(f"backup {name}", inventory, ()) as written:
        tell = common.telling(written)

        async def work() -> Proof:
            async with lease.held(sight.world.cluster, name, common.say):
                return await backup(name, sight.world, tell, quiet=False)

        proof = common.run(work())
    if form == "json":
        typer.echo(proof.text())
    elif form == "markdown":
        rows: list[report.Row] = [{"table": table, "rows": count} for table, count in proof.tables.items()]
        typer.echo(report.render(rows, ("table", "rows"), form))
    else:
        typer.echo(report.proof_text(proof))


def restore(
    name: Name,
    dump: Annotated[
        str | None, typer.Option("--from", metavar="OBJECT", help="gs://… of a backup; by default the newest.")
    ] = None,
    confirm: common.Confirm = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
) -> None:
    """Put a backup into the place of a team's database: prove it, stop Airflow, switch, migrate, start Airflow."""
    from fleet import journal, lease, report
    from fleet.restore import choose, restore, same_keys

    sight = common.run(common.look(common.load(inventory, context)))
    common.known([name], sight.desired.instances)
    if name not in sight.observed.instances:
        raise FleetError(
            f"{name} is not applied", hint=f"`fleet apply {name}` first, then this", exit_code=ExitCode.REFUSED
        )
    chosen = common.run(choose(name, dump, sight.world))
    typer.echo(f"{name}: all that is in its database is replaced by\n{report.proof_text(chosen)}")
    if not common.run(same_keys(chosen, sight.world)):
        typer.echo("  made with other keys: the passwords in its connections and variables will be unreadable")
    common.type_name(name, yes, confirm)
    with journal.recording(f"restore {name}", inventory, ()) as written:
        tell = common.telling(written)

        async def work() -> None:
            async with lease.held(sight.world.cluster, name, common.say):
                await restore(sight.desired.instances[name], chosen, sight.world, tell)

        common.run(work())
    common.say(f"{name} runs on the backup of {chosen.begun}")
