"""`fleet rotate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import common
from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet.desired import DesiredInstance


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("rotate")(rotate)


def rotate(
    name: Annotated[str, typer.Argument(help="The team's name.")],
    fernet: Annotated[bool, typer.Option("--fernet", help="The key that stored passwords are encrypted with.")] = False,
    database: Annotated[bool, typer.Option("--database", help="The password of the database's role.")] = False,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
) -> None:
    """Change one of a team's keys while its Airflow runs. Run it again to finish what was interrupted."""
    from dataclasses import replace

    from fleet import journal
    from fleet.rotate import Key, rotate

    chosen: list[Key] = [*(["fernet"] if fernet else []), *(["database"] if database else [])]  # type: ignore[list-item]
    if len(chosen) != 1:
        raise FleetError("which key?", hint="one of --fernet and --database", exit_code=ExitCode.REFUSED)
    document = common.load(inventory, context)
    sight = common.run(common.look(document))
    common.known([name], sight.desired.instances)
    if name not in sight.observed.instances:
        raise FleetError(f"{name} is not applied", hint=f"`fleet apply {name}` first", exit_code=ExitCode.REFUSED)

    def desire(rotated: Mapping[str, int]) -> DesiredInstance:
        known = replace(sight.observed.instances[name], rotated=rotated)
        observed = replace(sight.observed, instances={**sight.observed.instances, name: known})
        return common.desired(document, observed).instances[name]

    typer.echo(f"{name}: {_WORDS[chosen[0]]}")
    common.confirm("Change it?", yes)
    with journal.recording(f"rotate {name} --{chosen[0]}", inventory, ()) as written:
        common.run(rotate(name, chosen[0], desire, sight.world, common.telling(written)))
    common.say(f"{name} runs with the new key")


_WORDS = {
    "fernet": "a new Fernet key beside the old one, everything encrypted anew, the old one out; pods are rolled three times",
    "database": "a new password of the database's role; pods are rolled once",
}
