"""`fleet upgrade` and `fleet rollback`."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Collection
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet.cli import changes, common
from fleet.errors import ExitCode, FleetError, FleetErrors

if TYPE_CHECKING:
    from fleet.drift.finding import Layer
    from fleet.drift.look import Report
    from fleet.inventory import Document
    from fleet.report import Output, Row
    from fleet.upgrade.report import Rollout
    from fleet.upgrade.rollout import Result
    from fleet.upgrade.run import Checks, Runner, Upgrade
    from fleet.upgrade.targets import Aim, Chosen

# What is a team's own, without Terraform: its plan of a whole fleet takes longer and more memory than all the rest.
_LAYERS: tuple[Layer, ...] = ("helm", "database", "sso")
_TOLD = 3  # findings of drift that the preflight tells of a team, the worst first
_UNITS = {"s": 1, "m": 60, "h": 3600}
_PLANNED = ("wave", "instance", "from", "to", "why", "disruption")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("upgrade")(upgrade)
    app.command("rollback")(rollback)


def _seconds(text: str) -> float:
    """`90s`, `5m`, `1h` in seconds."""
    if text[:-1].isdigit() and text[-1:] in _UNITS:
        return float(text[:-1]) * _UNITS[text[-1]]
    raise typer.BadParameter(f"`{text}` is no time: 90s, 5m, 1h")


def waiting(what: str) -> Any:
    """An option that takes a time: `90s`, `5m`, `1h`."""
    return typer.Option(metavar="TIME", parser=_seconds, help=what)


def upgrade(
    everything: Annotated[bool, typer.Option("--all", help="Every instance.")] = False,
    team: Annotated[
        list[str] | None, typer.Option("--team", metavar="NAME", help="This instance; again for more.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Those with this label; again for more.")
    ] = None,
    wave: Annotated[
        list[str] | None, typer.Option("--wave", metavar="NAME", help="Those of this wave; again for more.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="VERSION", help="To this Airflow version.")] = None,
    image: Annotated[str | None, typer.Option("--image", help="To this image, with or without a tag.")] = None,
    chart_version: Annotated[
        str | None, typer.Option("--chart-version", metavar="VERSION", help="To this version of the official chart.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show waves, reasons and disruption; change nothing.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only the preflight: also asks the new Airflow itself; changes nothing.")
    ] = False,
    max_parallel: Annotated[int, typer.Option("--max-parallel", min=1, help="Instances at once.")] = 4,
    max_failures: Annotated[
        int | None,
        typer.Option(
            "--max-failures",
            min=1,
            show_default="1 in the first wave, then 5 %",
            help="Failures in a wave after which nothing more is begun.",
        ),
    ] = None,
    soak: Annotated[float, waiting("Between two waves, for faults that take their time to show: 90s, 5m, 1h.")] = "0s",  # type: ignore[assignment]
    pause_between: Annotated[bool, typer.Option("--pause-between", help="Ask before each further wave.")] = False,
    ignore_windows: Annotated[bool, typer.Option("--ignore-windows", help="Also outside maintenance windows.")] = False,
    drain_timeout: Annotated[float, waiting("How long running tasks may go on.")] = "10m",  # type: ignore[assignment]
    gate_timeout: Annotated[float, waiting("How long a gate may stay red; on the way back at least 10m.")] = "10m",  # type: ignore[assignment]
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Migrate without a backup to go back to.")] = False,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    output: common.OutputOption = "table",
    yes: common.Yes = False,
) -> None:
    """Upgrade instances in waves, each with a backup, gates and a way back. Run it again to go on where it ended.

    Without --to, --image and --chart-version: bring them to what the inventory says.
    """
    from fleet import report
    from fleet.upgrade.flow import Settings
    from fleet.upgrade.rollout import Rules
    from fleet.upgrade.run import Runner
    from fleet.upgrade.targets import Aim, Chosen

    form = report.output(output)
    chosen, aim = Chosen(team or (), label or (), wave or ()), Aim(to, image, chart_version)
    _refuse(chosen, everything, pause_between)
    document = common.load(inventory, context)
    found, sight = _prepare(document, chosen, aim)
    if found.missing:
        common.say(f"not applied yet, so left out: {', '.join(found.missing)}; `fleet apply` makes them")
    shared = everything and aim.nothing and bool(found.changes.platform or found.changes.portal)
    if not found.names and not shared:
        common.say("nothing to do: every chosen instance that is applied is there already")
        return
    _hold_against(found, sight, document, no_backup)
    if dry_run or form != "json":
        typer.echo(report.render(_rows(found), _PLANNED, form))
    if dry_run:
        return
    if not check:
        common.confirm(f"Upgrade {len(found.names)} instances in {len(found.groups)} waves?", yes)
        if shared:
            changes.make(found.shared, sight, "upgrade", inventory)
    runner = Runner(
        found, sight.world, _drifted(document, sight), Settings(drain_timeout, gate_timeout, not no_backup),
        Rules(max_parallel, max_failures), soak, ignore_windows, sight.observed, common.say,
        _asking if pause_between else _going_on,
    )  # fmt: skip
    if check:
        _check(runner, form)
    else:
        _carry_out(runner, inventory, form)


def _drifted(document: Document, sight: common.Sight) -> Callable[[Collection[str]], Awaitable[dict[str, list[str]]]]:
    """What of instances is no longer as it was applied; an upgrade may leave it so."""

    async def look(names: Collection[str]) -> dict[str, list[str]]:
        from fleet.drift.look import look
        from fleet.drift.scene import Scene

        if not names:
            return {}
        teams = frozenset(names)
        scene = Scene(document.inventory, sight.desired, sight.observed, sight.world, teams, platform=False)
        found = await look(scene, _LAYERS)
        return {name: _of_one(name, found) for name in names}

    return look


def _of_one(name: str, found: Report) -> list[str]:
    """The worst of its findings, and what could not be looked at."""
    mine = [each for each in found.findings if each.team == name]
    lines = [f"{each.kind.meaning}: {each.place}" for each in mine[:_TOLD]]
    if len(mine) > _TOLD:
        lines.append(f"and {len(mine) - _TOLD} more; `fleet drift --team {name}` has them all")
    unseen = [each for each in found.unseen if each.team in ("", name)]
    return lines + [f"could not look at {each.layer}: {each.what}" for each in unseen]


def _check(runner: Runner, form: Output) -> None:
    """The preflight by itself.

    Raises:
        typer.Exit: an instance could not be upgraded as it is.
    """
    from fleet import report

    checks = common.run(runner.preflight(common.show))
    rows: list[Row] = [
        {"instance": name, "ready": not runner.blocked.get(name), "found": line, "sql": checks.sql.get(name, "")}
        for name in runner.upgrade.names
        for line in [*runner.blocked.get(name, ()), *checks.lines.get(name, ())] or ["nothing to say"]
    ]
    typer.echo(report.render(rows, ("instance", "ready", "found"), form))
    if any(runner.blocked.values()):
        raise typer.Exit(ExitCode.FAILED)


def _asking(wave: str) -> bool:
    return typer.confirm(f"Go on with wave {wave}?", err=True)


def _going_on(wave: str) -> bool:
    return True


def _refuse(chosen: Chosen, everything: bool, pause_between: bool) -> None:
    if everything != chosen.everything:
        hint = "--all, or some of --team, --label and --wave"
        raise FleetError("say which instances", hint=hint, exit_code=ExitCode.REFUSED)
    if pause_between and not sys.stdin.isatty():
        hint = "leave --pause-between out; --soak waits by itself"
        raise FleetError("nobody can be asked between two waves", hint=hint, exit_code=ExitCode.REFUSED)


def _prepare(document: Document, chosen: Chosen, aim: Aim) -> tuple[Upgrade, common.Sight]:
    """What is to be done, seen against the world."""
    from fleet.upgrade import memory, run

    common.known(chosen.teams, document.inventory.entries)
    after, edits = run.preview(document, chosen, aim)
    sight = common.run(common.look(after))
    memories = common.run(memory.read_all(sight.world.cluster))
    return run.prepare(after, edits, sight.desired, sight.observed, memories, chosen), sight


def _hold_against(found: Upgrade, sight: common.Sight, document: Document, no_backup: bool) -> None:
    """What must be so before anything is begun.

    Raises:
        FleetError: a downgrade, too few connections, or no way to back a database up.
    """
    from fleet.upgrade import paths

    wrong = [
        FleetError(what, where=name)
        for name, (before, after) in found.versions(sight.observed).items()
        if before != after and (what := paths.problem(before, after))
    ]
    if wrong:
        raise FleetErrors(wrong, exit_code=ExitCode.REFUSED)
    common.run(changes.check_budget(found.changes, sight))
    migrates = any("migration" in found.orders[name].parts for name in found.names)
    if migrates and not no_backup and document.inventory.platform.database.cloud_sql is None:
        raise FleetError(
            "the databases cannot be backed up: the inventory names no Cloud SQL instance",
            hint="add `platform.database.cloud_sql`; or --no-backup, to go back by Airflow's own downgrade only",
            exit_code=ExitCode.REFUSED,
        )


def _rows(found: Upgrade) -> list[Row]:
    return [
        {
            "wave": group.name, "instance": name, "from": found.moves[name][0], "to": found.moves[name][1],
            "why": found.reasons(name), "disruption": found.disruption(name),
        }
        for group in found.groups
        for name in group.instances
    ]  # fmt: skip


def _carry_out(runner: Runner, inventory: Path, form: Output) -> None:
    """Run it, write it down, report.

    Raises:
        typer.Exit: not every instance was upgraded.
    """
    from fleet import journal
    from fleet.apply import Outcome, now
    from fleet.cli.live import live
    from fleet.upgrade.report import Rollout

    command, started = " ".join(["fleet", *sys.argv[1:]]), now()
    shown = nullcontext(_as_json) if form == "json" else live(runner.upgrade.groups)
    with journal.recording(command, inventory, runner.upgrade.changes.changes) as written, shown as show:

        def tell(event: Any) -> None:
            written.event(event)
            show(event)

        results, checks = common.run(_gently(runner, tell))
        journal.outcomes(written, [Outcome(each.instance, each.error, each.seconds) for each in results])
    _finish(Rollout.of(command, started, runner.upgrade.moves, checks, results), form, runner.stopped)


async def _gently(runner: Runner, tell: Any) -> tuple[list[Result], Checks]:
    """The first Ctrl-C lets what runs come to its end, the second cancels it."""
    import asyncio
    import signal

    task = asyncio.current_task()
    assert task is not None  # noqa: S101 (asyncio.run made one)

    def interrupted() -> None:
        if runner.stopped:
            task.cancel()
            return
        runner.stopped = "interrupted"
        common.say("what runs comes to its end, nothing more is begun; Ctrl-C once more to leave it as it is")

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted)
    checks = await runner.preflight(tell)
    return await runner.run(tell), checks


def _as_json(event: Any) -> None:
    from dataclasses import asdict

    typer.echo(json.dumps({"kind": "step", **asdict(event)}))


def _finish(rollout: Rollout, form: Output, stopped: str) -> None:
    from fleet.report import render
    from fleet.upgrade import report

    if form == "json":
        typer.echo(json.dumps({"kind": "report", **report.data(rollout)}))
    elif form == "markdown":
        typer.echo(report.markdown(rollout))
    else:
        rows: list[Row] = report.rows(rollout)
        typer.echo(render(rows, ("wave", "instance", "state", "seconds", "why"), form))
    common.say(f"report: {report.keep(rollout)}")
    states = {each.state for each in rollout.results}
    if stopped:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if states - {"upgraded"}:
        raise typer.Exit(ExitCode.PARTLY_DONE if "upgraded" in states or states <= {"skipped"} else ExitCode.FAILED)


def rollback(
    name: Annotated[str, typer.Argument(help="The team's name.")],
    to_revision: Annotated[
        int | None,
        typer.Option(
            "--to-revision", metavar="N", help="Before this upgrade of `fleet history TEAM`; by default the newest."
        ),
    ] = None,
    from_backup: Annotated[
        bool, typer.Option("--from-backup", help="By the backup, not by Airflow's downgrade; what came since is lost.")
    ] = False,
    confirm: common.Confirm = None,
    drain_timeout: Annotated[float, waiting("How long running tasks may go on.")] = "10m",  # type: ignore[assignment]
    gate_timeout: Annotated[float, waiting("How long a gate may stay red.")] = "10m",  # type: ignore[assignment]
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
) -> None:
    """Bring a team's Airflow back to how it was before an upgrade: database, release, and its entry in the inventory."""
    from fleet import journal, lease
    from fleet.upgrade import by_hand
    from fleet.upgrade.flow import Settings

    document = common.load(inventory, context)
    common.known([name], document.inventory.entries)
    sight = common.run(common.look(document))
    choice = common.run(by_hand.choose(name, to_revision, from_backup, sight.world))
    typer.echo(f"{name}: back to {choice.words}")
    if from_backup:
        common.type_name(name, yes, confirm)
    else:
        common.confirm(f"Bring {name} back?", yes)
    with journal.recording(f"rollback {name}", inventory, ()) as written:
        tell = common.telling(written)

        async def work() -> str:
            async with lease.held(sight.world.cluster, name, common.say):
                desired = sight.desired.instances[name]
                return await by_hand.back(
                    desired, choice, document, sight.world, tell, Settings(drain_timeout, gate_timeout)
                )

        said = common.run(work())
    common.say(f"{name} is back; database {said}")
