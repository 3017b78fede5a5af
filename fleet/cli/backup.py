"""`fleet backup` and `fleet restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import common
from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet.proof import Proof
    from fleet.report import Output

Name = Annotated[str, typer.Argument(help="The team's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    names: Annotated[list[str] | None, typer.Argument(help="The teams' names.", show_default=False)] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every team that is applied.")] = False,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: common.OutputOption = "table",
) -> None:
    """Back teams' databases up and prove that the backups can be restored. Airflow goes on running."""
    from fleet import journal, report
    from fleet.backup import backups

    form = report.output(output)
    if bool(names) == everyone:
        raise FleetError("whose database?", hint="name teams, or say --all", exit_code=ExitCode.REFUSED)
    sight = common.run(common.look(common.load(inventory, context)))
    chosen = _applied(sight) if everyone else list(dict.fromkeys(names or ()))
    common.known(chosen, sight.observed.instances)
    with journal.recording(f"backup {' '.join(chosen)}", inventory, ()) as written:
        found = common.run(backups(chosen, sight.world, common.telling(written)))
        journal.outcomes(written, [outcome for outcome, _ in found])
    typer.echo(_text([proof for _, proof in found if proof], form))
    common.finish([outcome for outcome, _ in found], "what was proven is kept; run the same command for the others")


def _applied(sight: common.Sight) -> list[str]:
    return [name for name in sight.desired.instances if name in sight.observed.instances]


def _text(proofs: list[Proof], form: Output) -> str:
    from fleet import report

    if form == "table":
        return "\n".join(map(report.proof_text, proofs))
    if form == "json":
        return f"[{', '.join(proof.text() for proof in proofs)}]"
    rows: list[report.Row] = [
        {"instance": proof.instance, "table": table, "rows": count}
        for proof in proofs
        for table, count in proof.tables.items()
    ]
    return report.render(rows, ("instance", "table", "rows"), form)


def restore(
    name: Name,
    dump: Annotated[
        str | None, typer.Option("--from", metavar="OBJECT", help="gs://… of a backup; by default the newest.")
    ] = None,
    scratch: Annotated[
        bool, typer.Option("--scratch", help="Only prove it, in a database of its own that is dropped again.")
    ] = False,
    confirm: common.Confirm = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
) -> None:
    """Put a backup into the place of a team's database: prove it, stop Airflow, switch, migrate, start Airflow."""
    from fleet import journal, lease, report
    from fleet.restore import choose, restore, same_keys

    sight = common.run(common.look(common.load(inventory, context)))
    if scratch:
        return _verify(name, dump, sight, inventory)
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


def _verify(name: str, dump: str | None, sight: common.Sight, inventory: Path) -> None:
    """Restore into a scratch database only: nothing that anybody uses is changed, so nothing is asked."""
    from fleet import journal, lease, report
    from fleet.restore import choose, verify

    common.known([name], sight.observed.instances)
    chosen = common.run(choose(name, dump, sight.world))
    with journal.recording(f"restore {name} --scratch", inventory, ()) as written:
        tell = common.telling(written)

        async def work() -> None:
            async with lease.held(sight.world.cluster, name, common.say):
                await verify(chosen, sight.world, tell)

        common.run(work())
    typer.echo(f"{report.proof_text(chosen)}\nverified: it restores to what was backed up")
