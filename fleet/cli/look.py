"""`fleet validate`, `schema`, `status`, `logs`, `open` and `history`: they look and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import common
from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet import report
    from fleet.drift.health import Health
    from fleet.inventory import Document

_COLUMNS = ("instance", "state", "version", "url", "database", "age")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("validate")(validate)
    app.command("schema")(schema)
    app.command("status")(status)
    app.command("logs")(logs)
    app.command("open")(open_page)
    app.command("history")(history)


def validate(inventory: common.InventoryPath = common.DEFAULT_INVENTORY) -> None:
    """Check the inventory; every error at once, each with its line. Needs no cluster."""
    document = common.load(inventory)
    wanted = common.desired(document)
    count = len(wanted.instances)
    typer.echo(f"{inventory}: {count} instance{'s' * (count != 1)}, no errors")


def schema() -> None:
    """Print the inventory's JSON Schema, for editors and for checks."""
    import json

    from fleet.inventory.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def status(
    name: Annotated[str | None, typer.Argument(help="Only this instance, with its pods.", show_default=False)] = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="table, json, markdown or prometheus.", metavar="FORMAT")
    ] = "table",
) -> None:
    """Show every instance: state, Airflow version, URL, database, age. Ends with 1 when one is not as it should be."""
    from fleet import report

    if output == "prometheus":
        return _metrics(common.load(inventory, context), name)
    form = report.output(output)
    document = common.load(inventory, context)

    async def work() -> tuple[list[report.Row], list[report.Row], str]:
        sight = await common.look(document)
        rows = report.status_rows(sight.desired, sight.observed, report.now())
        if name is None:
            return rows, [], await _looked(document, sight)
        common.known([name], [str(row["instance"]) for row in rows])
        from fleet.pods import pod_rows

        pods = await pod_rows(sight.world.cluster, name, report.now())
        return [row for row in rows if row["instance"] == name], pods, ""

    rows, pods, trouble = common.run(work())
    if trouble and form == "json":
        rows.append({"instance": "platform", "state": f"look at drift: {trouble}"})
    typer.echo(report.render(rows, _COLUMNS, form) if rows or form == "json" else "no instances")
    if pods and form != "json":
        typer.echo("\n" + report.render(pods, ("pod", "component", "state", "restarts", "age"), form))
    if trouble:
        common.say(f"the look at drift is {trouble}; `fleet platform status` says more")
    if trouble or any(not report.is_fine(row) for row in rows):
        raise typer.Exit(ExitCode.FAILED)


async def _looked(document: Document, sight: common.Sight) -> str:
    """What is wrong with the look at drift on a schedule; empty where nothing is, or where there is none."""
    from fleet import report
    from fleet.drift.health import health

    found = await health(document.inventory.platform.drift, sight.observed, sight.world)
    return found.trouble(report.now()) if found else ""


def _metrics(document: Document, name: str | None) -> None:
    """Never fails for an instance that is not well: Prometheus is told, and decides what to make of it."""
    from fleet import metrics, report
    from fleet.diff import diff
    from fleet.drift import report as drift_report
    from fleet.drift.health import health

    if name is not None:
        raise FleetError(
            "metrics are of the whole fleet", hint="leave the instance's name out", exit_code=ExitCode.REFUSED
        )

    async def work() -> tuple[common.Sight, Health | None]:
        sight = await common.look(document)
        return sight, await health(document.inventory.platform.drift, sight.observed, sight.world)

    sight, looked = common.run(work())
    rows = report.status_rows(sight.desired, sight.observed, report.now())
    typer.echo(metrics.text(rows, diff(sight.desired, sight.observed)), nl=False)
    if looked and looked.data:
        typer.echo(drift_report.metrics(looked.data), nl=False)


def logs(
    name: Annotated[str, typer.Argument(help="Instance.")],
    component: Annotated[
        str | None, typer.Option("--component", "-c", help="api-server, scheduler, dag-processor, triggerer or worker.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until interrupted.")] = False,
    tail: Annotated[int, typer.Option("--tail", min=0, help="Lines per pod to begin with.")] = 50,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
) -> None:
    """Print what an instance's pods say, each line with its pod's name before it."""
    from fleet.pods import log_lines

    document = common.load(inventory, context)
    common.known([name], document.inventory.entries)

    async def work() -> int:
        from fleet.drivers.world import World

        count = 0
        async for line in log_lines(World(document.inventory.platform).cluster, name, component, tail, follow):
            typer.echo(line)
            count += 1
        return count

    if not common.run(work()) and not follow:
        raise FleetError(f"no pod of {name} has said anything", hint=f"`fleet status {name}` shows its pods")


def open_page(
    name: Annotated[str, typer.Argument(help="Instance.")],
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
) -> None:
    """Open an instance's page in the browser, and print its URL."""
    import webbrowser

    from fleet.desired import naming

    wanted = common.load(inventory).inventory
    common.known([name], wanted.entries)
    url = naming.url(wanted.platform, name)
    if wanted.platform.urls == "service":
        forward = (
            f"kubectl --namespace {naming.namespace(name)} port-forward service/{naming.API_SERVER} {naming.API_PORT}"
        )
        raise FleetError(
            f"no browser reaches {url}: with `urls: service` there is no front",
            hint=forward,
            exit_code=ExitCode.REFUSED,
        )
    typer.echo(f"{url}/")
    if not webbrowser.open(f"{url}/"):
        common.say("no browser was found here; open the page yourself")


def history(
    what: Annotated[
        str | None, typer.Argument(help="One run, step by step; or a team: its upgrades.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many runs, from the newest.")] = 20,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: common.OutputOption = "table",
) -> None:
    """Show what was changed from this machine, and what came of it; or a team's upgrades, from whatever machine."""
    from dataclasses import asdict

    from fleet import journal, report

    form = report.output(output)
    columns: tuple[str, ...] = ("name", "started", "command", "changes", "ended", "seconds")
    if what is None:
        rows: list[report.Row] = [asdict(each) for each in journal.runs(limit)]
    elif rows := [{**line, "why": report.reason(line)} for line in journal.lines(what)]:
        columns = ("at", "kind", "instance", "step", "state", "seconds", "why")
    else:
        rows = _upgrades(what, common.load(inventory, context))[:limit]
        columns = ("number", "at", "who", "from", "to", "outcome", "why")
    typer.echo(report.render(rows, columns, form) if rows or form == "json" else "nothing yet")


def _upgrades(name: str, document: Document) -> list[report.Row]:
    """A team's upgrades, the newest first."""
    from fleet.drivers.world import World
    from fleet.upgrade import memory

    if name not in document.inventory.entries:
        raise FleetError(
            f"there is no run and no team `{name}`", hint="`fleet history` lists the runs", exit_code=ExitCode.REFUSED
        )
    return memory.rows(common.run(memory.read(World(document.inventory.platform).cluster, name)))
