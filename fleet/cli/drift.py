"""`fleet drift`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import common
from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet.drift.heal import Todo
    from fleet.drift.look import Report
    from fleet.drift.scene import Scene
    from fleet.drift.shards import Shard
    from fleet.inventory import Document

_FORMS = ("table", "json", "markdown", "prometheus")
_LAYERS = ("terraform", "helm", "database", "sso", "orphans")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("drift")(drift)


def drift(
    teams: Annotated[
        list[str] | None, typer.Option("--team", help="Only this team; may be given several times.", metavar="NAME")
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Only this layer: terraform, helm, database, sso or orphans.", metavar="LAYER"),
    ] = None,
    since_last: Annotated[
        bool, typer.Option("--since-last", help="Only what is new since the look before, and what is gone since.")
    ] = False,
    heal: Annotated[
        bool, typer.Option("--heal", help="Put right what can be put right without harm, after showing it.")
    ] = False,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="table, json, markdown or prometheus.", metavar="FORMAT")
    ] = "table",
    yes: common.Yes = False,
    publish: Annotated[
        bool,
        typer.Option(
            "--publish", help="As the scheduled job: tell it by ConfigMap, Events and webhook; drift ends with 0."
        ),
    ] = False,
    shard: Annotated[
        str,
        typer.Option(
            "--shard", help="With --publish, only a part of the teams: 0/3 is the first of three.", metavar="N/OF"
        ),
    ] = "0/1",
) -> None:
    """Find what is no longer as the inventory says, in every layer. Ends with 2 on drift, with 1 when something could not be
    looked at. Changes nothing without --heal."""
    form = _one_of("output format", output, _FORMS)
    if publish:
        if teams or layers or since_last or heal:
            raise FleetError(
                "what is published is all that is found", hint="leave the other options out", exit_code=ExitCode.REFUSED
            )
        return _publish(inventory, context, shard, form)
    if since_last and form == "prometheus":
        raise FleetError("metrics are of all that is found", hint="leave --since-last out", exit_code=ExitCode.REFUSED)
    asked = _Asked(
        common.load(inventory, context), teams or [], [_one_of("layer", each, _LAYERS) for each in layers or _LAYERS]
    )
    common.known(asked.teams, asked.document.inventory.entries)
    scene, found = asked.look()
    typer.echo(_since(found, asked, form) if since_last else _text(found, form), nl=form != "prometheus")
    asked.remember(found)
    if heal:
        found = _heal(found, scene, asked, inventory, yes)
    if found.unseen:
        raise typer.Exit(ExitCode.FAILED)
    if found.findings:
        raise typer.Exit(ExitCode.REFUSED)


@dataclass(frozen=True)
class _Asked:
    """What is looked at."""

    document: Document
    teams: list[str]
    layers: list[str]
    shard: Shard = field(default_factory=lambda: _all())

    @property
    def context(self) -> str:
        return self.document.inventory.platform.kubernetes.context

    def look(self) -> tuple[Scene, Report]:
        """The world now, and what is wrong with it."""
        from fleet.drift.look import look
        from fleet.drift.scene import Scene

        async def work() -> tuple[Scene, Report]:
            sight = await common.look(self.document)
            named = self.shard.of(self.teams or sight.desired.instances)
            platform = self.shard.first and not self.teams
            scene = Scene(self.document.inventory, sight.desired, sight.observed, sight.world, named, platform)
            return scene, await look(scene, self.layers)  # type: ignore[arg-type]

        return common.run(work())

    def remember(self, found: Report) -> None:
        """A look at everything is what the next one is compared with."""
        from fleet.drift import since

        if not self.teams and len(self.layers) == len(_LAYERS):
            since.keep(found, self.context)


def _all() -> Shard:
    from fleet.drift.shards import Shard

    return Shard()


def _publish(inventory: Path, context: str | None, part: str, form: str) -> None:
    """Look, print, and tell; what kept the look from beginning is told as well, where there is a cluster to tell it to."""
    from fleet.drift import publish, shards

    shard, document = shards.parse(part), None
    try:
        document = common.load(inventory, context)
        found = _Asked(document, [], list(_LAYERS), shard).look()[1]
    except FleetError as error:
        if document is None and context is None:
            raise
        found = publish.failed(error)
    except Exception as error:  # whose message may quote anything
        if document is None:
            raise
        found = publish.failed(FleetError(f"a fault in fleet itself ({type(error).__name__} {_place(error)})"))
    typer.echo(_text(found, form), nl=form != "prometheus")
    common.run(_tell(found, document, context, shard))
    if found.unseen:
        raise typer.Exit(ExitCode.FAILED)


def _place(error: Exception) -> str:
    """Where it was raised, as file and line."""
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"at {Path(last.filename).name}:{last.lineno}"


async def _tell(found: Report, document: Document | None, context: str | None, shard: Shard) -> None:
    from fleet.drift import publish
    from fleet.drivers.kubernetes import Cluster
    from fleet.drivers.world import World

    if document is None:
        await publish.publish(found, Cluster(context or ""), shard, None)
        return
    world, settings = World(document.inventory.platform), document.inventory.platform.drift.webhook
    authority = None
    with suppress(FleetError):  # which is in the report, where credentials are missing
        authority = await world.authority()
    await publish.publish(found, world.cluster, shard, publish.Hook(settings, authority) if settings else None)


def _text(found: Report, form: str) -> str:
    from fleet.drift import report

    return {
        "table": report.text,
        "json": report.json_text,
        "markdown": report.markdown,
        "prometheus": report.prometheus,
    }[form](found)


def _since(found: Report, asked: _Asked, form: str) -> str:
    import json

    from fleet.drift import published, since
    from fleet.drivers.kubernetes import Cluster

    job, context = asked.document.inventory.platform.drift, asked.context
    told = common.run(published.read_reports(Cluster(context), job.shards)) if job.enabled else None
    before = since.last(context, told)
    if before is None:
        common.say("there is no look before this one: everything is new")
        return _text(found, form)
    compared = since.since(found, before)
    if form == "json":
        return json.dumps(since.data(compared), indent=2, ensure_ascii=False)
    return since.text(compared) if form == "table" else since.markdown(compared)


def _heal(found: Report, scene: Scene, asked: _Asked, inventory: Path, yes: bool) -> Report:
    """Put right what can be, and look again; gives what is left."""
    from fleet import journal
    from fleet.drift import heal

    work = heal.todo(found.findings, scene.desired, scene.observed, common.run(_underway(scene)))
    _show(work)
    if not work.mended:
        return found
    common.confirm("Put these right?", yes)
    with journal.recording("drift --heal", inventory, work.changes) as written:
        tell = common.telling(written)
        outcomes = common.run(heal.heal(work, scene.desired, scene.observed, scene.world, tell))
        journal.outcomes(written, outcomes)
    _, left = asked.look()
    _show_left(left)
    common.finish(outcomes, then="`fleet drift --heal` goes on where this ended")
    return left


async def _underway(scene: Scene) -> dict[str, str]:
    """Instances whose upgrade is not over, with why nothing is changed there."""
    from fleet.upgrade import memory

    found = await memory.read_all(scene.world.cluster)
    return {name: "an upgrade has begun and is not over" for name, each in found.items() if each.underway is not None}


def _show(work: Todo) -> None:
    for finding in work.mended:
        common.say(f"~ {finding.team}: {finding.place}\n    {finding.mend}")
    for finding, reason in work.left:
        common.say(f"- {finding.team}: {finding.place}\n    left: {reason}")


def _show_left(left: Report) -> None:
    from fleet.drift import report

    common.say(f"after it: {report.summary(left)}")


def _one_of(what: str, name: str, among: tuple[str, ...]) -> str:
    if name not in among:
        raise FleetError(f"there is no {what} `{name}`", hint=", ".join(among), exit_code=ExitCode.REFUSED)
    return name
