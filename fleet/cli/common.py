"""What several commands share: options, the question before a change, asyncio with clean cancellation."""

from __future__ import annotations

import signal
import sys
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet.apply import Event, Outcome, Tell
    from fleet.desired import Desired
    from fleet.drivers.world import World
    from fleet.inventory import Document
    from fleet.journal import Journal
    from fleet.observe import Observed

T = TypeVar("T")

InventoryPath = Annotated[
    Path, typer.Option("--inventory", "-f", envvar="FLEET_INVENTORY", help="The inventory.", show_default=True)
]
DEFAULT_INVENTORY = Path("tenants.yaml")
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
Confirm = Annotated[str | None, typer.Option("--confirm", metavar="NAME", help="The name once more, with --yes.")]
OutputOption = Annotated[str, typer.Option("--output", "-o", help="table, json or markdown.", metavar="FORMAT")]
Context = Annotated[
    str | None, typer.Option("--context", metavar="NAME", help="Another kubeconfig context than the inventory's.")
]
Refresh = Annotated[bool, typer.Option("--refresh", help="Take everything for changed, whatever the records say.")]


def say(text: str) -> None:
    """Talk: to standard error, so that standard output stays data."""
    typer.echo(text, err=True)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a flow; Ctrl-C and SIGTERM alike cancel it, and it ends its external programs cleanly before this raises.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    import asyncio

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (asyncio.run made one)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(cancellable())
    except (asyncio.CancelledError, KeyboardInterrupt):
        say("interrupted; run the same command again to go on")
        raise KeyboardInterrupt from None  # typer ends the program with status 130


def load(path: Path, context: str | None = None) -> Document:
    """The inventory, checked; for this run with another kubeconfig context, if one is given."""
    from fleet.inventory import load

    return in_context(load(path), context)


def in_context(document: Document, context: str | None) -> Document:
    """The same inventory on another cluster."""
    if context is None:
        return document
    from dataclasses import replace

    inventory = document.inventory
    platform = inventory.platform.model_copy(
        update={"kubernetes": inventory.platform.kubernetes.model_copy(update={"context": context})}
    )
    return replace(document, inventory=inventory.model_copy(update={"platform": platform}))


def desired(document: Document, observed: Observed | None = None) -> Desired:
    """What the inventory asks for, with the modules and charts of this fleet; overrides checked.

    Args:
        observed: how often keys were changed; without it, as for an inventory that was never applied.
    """
    from fleet import charts, overrides
    from fleet.desired import build
    from fleet.digest import contents

    rotated = {name: each.rotated for name, each in observed.instances.items()} if observed else {}
    wanted = build(document.inventory, contents(charts.folders(document)), rotated)
    overrides.check(document, wanted)
    return wanted


@dataclass(frozen=True)
class Sight:
    """An inventory, what it asks for, and what there is."""

    desired: Desired
    observed: Observed
    world: World


async def look(document: Document) -> Sight:
    """Read the world once."""
    from fleet.drivers.world import World
    from fleet.observe import observe

    world = World(document.inventory.platform)
    observed = await observe(world.cluster)
    return Sight(desired(document, observed), observed, world)


def known(names: Sequence[str], there: Collection[str]) -> frozenset[str]:
    """Names given on the command line, checked.

    Raises:
        FleetError: one of them is unknown.
    """
    for name in names:
        if name not in there:
            from difflib import get_close_matches

            near = get_close_matches(name, there, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(there) or 'none'}"
            raise FleetError(f"there is no instance `{name}`", hint=hint, exit_code=ExitCode.REFUSED)
    return frozenset(names)


def confirm(question: str, yes: bool) -> None:
    """Go on only if told to.

    Raises:
        FleetError: nobody can be asked.
        typer.Exit: the answer was no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise FleetError(
            "this changes something, and nobody can be asked", hint="add `--yes`", exit_code=ExitCode.REFUSED
        )
    if not typer.confirm(question, err=True):
        say("nothing was changed")
        raise typer.Exit(ExitCode.REFUSED)


def type_name(name: str, yes: bool, confirm: str | None) -> None:
    """What takes data away wants the name typed: on the terminal, or as `--yes --confirm NAME`.

    Raises:
        FleetError: nobody can be asked.
        typer.Exit: another name was typed.
    """
    if yes or not sys.stdin.isatty():
        if yes and confirm == name:
            return
        raise FleetError(
            "this takes data away, and wants the name once more",
            hint=f"--yes --confirm {name}",
            exit_code=ExitCode.REFUSED,
        )
    if typer.prompt(f"Type the name {name} to go on", err=True) != name:
        say("that is another name; nothing was changed")
        raise typer.Exit(ExitCode.REFUSED)


def telling(journal: Journal) -> Tell:
    """Progress to the terminal and to the journal."""

    def tell(event: Event) -> None:
        journal.event(event)
        show(event)

    return tell


def show(event: Event) -> None:
    """One line of progress when a step ends."""
    if event.state == "started":
        return
    if event.state == "waiting":
        say(f"… {event.detail}")
        return
    mark = typer.style("✓", fg="green") if event.state == "done" else typer.style("✗", fg="red")
    detail = f"  {event.detail}" if event.detail else ""
    say(f"{mark} {event.instance:<20} {event.step:<11} {event.seconds:6.1f} s{detail}")


def finish(outcomes: Sequence[Outcome], then: str = "`fleet apply` goes on where this ended") -> None:
    """Say what came of it, and what to do ``then``; leave with the fitting status.

    Raises:
        typer.Exit: something failed.
    """
    from fleet.report import error_text

    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        assert outcome.error is not None  # noqa: S101 (chosen by it above)
        say(error_text(outcome.error))
    if not failed:
        return
    say(f"{len(failed)} of {len(outcomes)} failed; {then}")
    raise typer.Exit(ExitCode.FAILED if len(failed) == len(outcomes) else ExitCode.PARTLY_DONE)
