"""`fleet access`: it looks into the inventory and Keycloak and changes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli import common
from fleet.errors import ExitCode, FleetError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("access")(access)


def access(
    name: Annotated[str | None, typer.Argument(help="Instance: who may enter it.", show_default=False)] = None,
    user: Annotated[str | None, typer.Option("--user", "-u", help="User name: where this person may enter.")] = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: common.OutputOption = "table",
) -> None:
    """Show who has which role at an instance, or which roles a person has, and why: as Keycloak has it at this moment."""
    from dataclasses import asdict

    from fleet import report
    from fleet.access import Grant, of_instance, of_person
    from fleet.drivers.world import World

    form = report.output(output)
    document = common.load(inventory, context)
    deployments = document.inventory.entries
    if name is None and user is None:
        raise FleetError("whose access?", hint="`fleet access TEAM`, or `--user NAME`", exit_code=ExitCode.REFUSED)
    chosen = common.known([name], deployments) if name else deployments.keys()

    async def work() -> list[Grant]:
        world = World(document.inventory.platform)
        realm = await (await world.keycloak()).realm(document.inventory.platform.sso.realm, *await world.sso_admin())
        if user is None:
            assert name is not None  # noqa: S101 (refused above)
            return await of_instance(realm, name, deployments[name].access)
        return await of_person(realm, user, {each: deployments[each].access for each in deployments if each in chosen})

    rows: list[report.Row] = [asdict(grant) for grant in common.run(work())]
    columns = ("person", "role", "means", "why") if user is None else ("instance", "role", "means", "why")
    typer.echo(report.render(rows, columns, form) if rows or form == "json" else "no role anywhere")
