"""`fleet platform install`, `status` and `metrics`: what the instances share, and the look at drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import changes, common
from fleet.errors import ExitCode

if TYPE_CHECKING:
    from fleet.inventory import Document
    from fleet.report import Row

app = typer.Typer(help="What the instances share: realm, portal, the look at drift.", no_args_is_help=True)


@app.command()
def install(
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
    refresh: common.Refresh = False,
) -> None:
    """Make what the instances share as the inventory says, and no instance: `fleet apply` for the platform alone."""
    document = common.load(inventory, context)
    sight = common.run(common.look(document))
    found = changes.find(sight, [], refresh).shared
    changes.show(found)
    if not found.empty:
        common.confirm("Make these changes?", yes)
        changes.make(found, sight, "platform install", inventory)
    if not document.inventory.platform.drift.enabled:
        common.say("nobody looks at drift on a schedule: `platform.drift.enabled: true` in the inventory changes that")


@app.command()
def status(
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: common.OutputOption = "table",
) -> None:
    """Show the portal and the look at drift: when it ran, what it found, when it runs next. Ends with 1 when something is
    not as it should be."""
    from fleet import report

    form = report.output(output)
    rows = common.run(_rows(common.load(inventory, context)))
    typer.echo(report.render(rows, ("what", "state", "detail"), form))
    if any(row["state"] not in ("", "fine", "off") for row in rows):
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def metrics(
    context: Annotated[str, typer.Option("--context", metavar="NAME", help="Kubeconfig context, or in-cluster.")],
    shards: Annotated[int, typer.Option("--shards", min=1, help="How many pods share the teams.")] = 1,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="TCP port.")] = 8080,
) -> None:
    """Serve what the job published to Prometheus, at /metrics; runs until it is ended. The platform's chart runs it."""
    import signal
    import threading

    from fleet.drift import serve
    from fleet.drivers.kubernetes import Cluster

    with serve.server(Cluster(context), shards, port) as server:
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        common.say(f"serving at port {server.server_port}")
        server.serve_forever()


async def _rows(document: Document) -> list[Row]:
    from fleet import report
    from fleet.drift.health import health

    sight, settings = await common.look(document), document.inventory.platform.drift
    found = await health(settings, sight.observed, sight.world)
    url = (sight.desired.portal or {}).get("values", {}).get("portal", {}).get("url", "")
    rows: list[Row] = [{"what": "portal", "state": _state(sight.desired.portal, sight.observed.portal), "detail": url}]
    job = _state(sight.desired.drift, sight.observed.drift)
    if found is None or job != "fine":
        rows.append({"what": "look at drift", "state": job, "detail": settings.schedule if settings.enabled else ""})
    return [*rows, *(found.rows(report.now()) if found else [])]


def _state(wanted: object, release: str | None) -> str:
    if wanted is None:
        return "off" if release is None else "to be removed: `fleet platform install`"
    return {"deployed": "fine", None: "not installed: `fleet platform install`"}.get(
        release, f"the release is {release}"
    )
