"""`fleet prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import common
from fleet.cli.teams import can_back_up

if TYPE_CHECKING:
    from fleet.cli.common import Sight
    from fleet.inventory import Document
    from fleet.prune import Orphan


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("prune")(prune)


def prune(
    names: Annotated[
        list[str] | None, typer.Argument(help="Only what is left of these; all orphans without.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and stop.")] = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Destroy databases without a proven backup of them.")
    ] = False,
    confirm: Annotated[
        list[str] | None,
        typer.Option("--confirm", metavar="NAME", help="A name once more, with --yes; may be given several times."),
    ] = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
) -> None:
    """Take away what bears fleet's mark and is in no inventory: show what goes, want each name typed whose data go, back its
    database up and prove the backup. What bears no mark stays."""
    from fleet import journal, report
    from fleet.prune import prune as take_away

    document = common.load(inventory, context)
    sight, found = common.run(_look(document, names or []))
    for each in found:
        typer.echo(f"{each.name}: this goes\n{report.join(each.lines(not no_backup))}")
    if not found or dry_run:
        common.say("nothing was changed" if found else "there are no orphans")
        return
    can_back_up(document, no_backup or not any(each.database for each in found))
    _confirm(found, yes, confirm or [])
    with journal.recording(f"prune {' '.join(each.name for each in found)}", inventory, ()) as written:
        done = common.run(take_away(found, sight.world, common.telling(written), with_backup=not no_backup))
        journal.outcomes(written, [outcome for outcome, _ in done])
    for _, proof in done:
        if proof:
            typer.echo(report.proof_text(proof))
    common.finish([outcome for outcome, _ in done], then="`fleet prune` goes on where this ended")
    common.say(f"{report.count(len(found), 'orphan')} taken away")


async def _look(document: Document, names: list[str]) -> tuple[Sight, list[Orphan]]:
    from fleet.drift.orphans import orphans
    from fleet.drift.orphans.things import things
    from fleet.prune import orphans as by_instance

    sight = await common.look(document)
    found = await things(sight.world, sight.observed)
    left = orphans(found, sight.desired.instances, sight.observed)
    return sight, await by_instance(left, found.databases, document.inventory, sight.observed, sight.world, names)


def _confirm(found: list[Orphan], yes: bool, typed: list[str]) -> None:
    """Each name whose data go is typed; what holds none goes with one question."""
    for each in found:
        if each.data:
            common.type_name(each.name, yes, each.name if each.name in typed else None)
    light = [each.name for each in found if not each.data]
    if light:
        common.confirm(f"Take away what is left of {', '.join(light)}?", yes)
