"""`fleet adopt`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet.cli import changes, common, teams
from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet.adopt.weigh import Adoption
    from fleet.inventory import Document


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("adopt")(adopt)


def adopt(
    name: Annotated[str, typer.Argument(help="The team's name, from which all names follow.")],
    owner: Annotated[str | None, typer.Option(help="Whom to call: an e-mail address or a group.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="A YAML file with more of the entry's keys: egress, access, size.", dir_okay=False),
    ] = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
) -> None:
    """Take an Airflow that was installed by hand into the fleet: import it, write its entry, restart none of its pods.
    Run it again to go on where it ended."""
    from fleet import journal
    from fleet.adopt import carry, words
    from fleet.inventory import edit

    given = {**teams.from_file(source), **({"owner": owner} if owner else {})}
    if "values" in given:
        raise FleetError("`values` come from the release", where=str(source), exit_code=ExitCode.REFUSED)
    document = common.load(inventory, context)
    if name in document.inventory.entries:
        raise FleetError(f"there is an entry `{name}` already", where=str(inventory), exit_code=ExitCode.REFUSED)
    adoption, wanted = common.run(_look(document, name, given, context))
    typer.echo(words.text(adoption, inventory))
    if dry_run:
        return
    common.confirm(f"Take {name} over?", yes)
    with journal.recording(f"adopt {name}", inventory, ()) as written:
        tell = common.telling(written)
        common.run(_carry(adoption, wanted, tell, carry.adopt))
    edit.add_team(inventory, name, dict(adoption.entry))
    common.say(f"{name}: `fleet plan` and Terraform's own plan are empty; it is in {inventory}")
    typer.echo(adoption.desired.url)


async def _look(document: Document, name: str, given: dict[str, Any], context: str | None) -> tuple[Adoption, Document]:
    """What would be done, and the inventory as it would be; nothing is changed."""
    from fleet.adopt import look, proposal, refusals, room, weigh
    from fleet.apply import airflow_chart
    from fleet.drivers.world import World
    from fleet.inventory import edit

    platform = document.inventory.platform
    found = await look.look(name, platform, World(platform))
    weigh.refuse([*refusals.chart(found), *refusals.names(found, platform)], name)
    assert found.client is not None and found.database is not None  # noqa: S101 (else its name was refused)
    sizes = room.roomy(document.inventory, found.pods, found.database.connections, given)
    given = {**proposal.access(found.client, name), **given}
    entry = proposal.propose(document.inventory, name, found.release, given, sizes)
    wanted = common.in_context(edit.preview_team(document.path, name, entry), context)
    sight = await common.look(wanted)
    await changes.check_budget(changes.find(sight, [name]), sight)
    _refuse_platform(sight, document)
    desired = sight.desired.instances[name]
    chart = await airflow_chart(desired, sight.world)
    return await weigh.weigh(found, entry, desired, chart, sight.world), wanted


def _refuse_platform(sight: common.Sight, document: Document) -> None:
    """The realm and its scopes have to be there, and an adoption makes nothing of the platform's."""
    from fleet.desired import stacks

    if sight.observed.platform is None:
        raise FleetError(
            "the platform is to be applied first", hint="`fleet apply`, then this again", exit_code=ExitCode.REFUSED
        )
    if sight.desired.platform["variables"] != stacks.platform(document.inventory):
        raise FleetError(
            "the entry would change the platform: a group without a slash is one that fleet makes",
            hint="write the path of a group that is there, such as `/data`",
            exit_code=ExitCode.REFUSED,
        )


async def _carry(adoption: Adoption, wanted: Document, tell: Any, work: Any) -> None:
    """Do it, and hold it against fleet's plan and Terraform's.

    Raises:
        FleetError: a step failed, or a plan is not empty.
    """
    from fleet.desired import stacks
    from fleet.drivers.world import World

    name = adoption.found.name
    await work(adoption, World(wanted.inventory.platform), tell)
    sight = await common.look(wanted)
    found = changes.find(sight, [name])
    stack = await sight.world.open_stack("team")
    variables = sight.desired.instances[name].parts["terraform"]["variables"]
    resources = [f"{each.action} {each.address}" for each in await stack.plan(name, variables, stacks.NO_SECRETS)]
    left = [f"{change.part}: {', '.join(change.reasons)}" for change in found.instances.get(name, ())]
    if left or resources:
        raise FleetError(
            f"something is left to do: {'; '.join([*left, *resources])}", where=name,
            hint="look into it, then run the same command again: the entry is not written yet",
        )  # fmt: skip
