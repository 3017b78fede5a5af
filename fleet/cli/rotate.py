"""`fleet rotate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import common
from fleet.cli.upgrade import waiting
from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet.desired import DesiredInstance


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("rotate")(rotate)


def rotate(
    name: Annotated[str, typer.Argument(help="The team's name.")],
    fernet: Annotated[bool, typer.Option("--fernet", help="The key that stored passwords are encrypted with.")] = False,
    jwt: Annotated[
        bool, typer.Option("--jwt", help="The secret that the tokens of tasks and of people are signed with.")
    ] = False,
    database: Annotated[bool, typer.Option("--database", help="The password of the database's role.")] = False,
    drain_timeout: Annotated[float, waiting("How long running tasks may go on, where none may run meanwhile.")] = "10m",  # type: ignore[assignment]
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
) -> None:
    """Change one of a team's keys while its Airflow runs. Run it again to finish what was interrupted."""
    from dataclasses import replace

    from fleet import journal
    from fleet.rotate import Key, rotate

    asked: dict[Key, bool] = {"fernet": fernet, "jwt": jwt, "database": database}
    chosen = [key for key, wanted in asked.items() if wanted]
    if len(chosen) != 1:
        raise FleetError("which key?", hint="one of --fernet, --jwt and --database", exit_code=ExitCode.REFUSED)
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
        common.run(rotate(name, chosen[0], desire, sight.world, common.telling(written), drain_timeout))
    common.say(f"{name} runs with the new key")


_WORDS = {
    "fernet": "a new Fernet key beside the old one, everything encrypted anew, the old one out; pods are rolled three times",
    "jwt": "a new JWT secret, once no task runs (new ones wait); pods are rolled once, and people's tokens are renewed",
    "database": "a new password of the database's role; pods are rolled once",
}
