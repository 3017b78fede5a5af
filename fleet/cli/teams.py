"""`fleet add-team` and `fleet remove-team`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet.cli import changes, common
from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet.inventory import Document


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("add-team")(add_team)
    app.command("remove-team")(remove_team)


def add_team(
    name: Annotated[str, typer.Argument(help="The team's name: lower-case letters, digits, dashes.")],
    owner: Annotated[str | None, typer.Option(help="Whom to call: an e-mail address or a group.")] = None,
    size: Annotated[str | None, typer.Option(help="One of the inventory's sizes.")] = None,
    airflow: Annotated[str | None, typer.Option(help="Airflow version.")] = None,
    image: Annotated[str | None, typer.Option(help="Image, with or without a tag.")] = None,
    executor: Annotated[str | None, typer.Option(help="KubernetesExecutor or LocalExecutor.")] = None,
    dags: Annotated[str | None, typer.Option(help="`baked`, `none`, or the address of a git repository.")] = None,
    dags_ref: Annotated[str | None, typer.Option(help="Branch, tag or commit of that repository.")] = None,
    dags_path: Annotated[str | None, typer.Option(help="Folder of the DAGs in that repository.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="A YAML file with the entry's keys; flags go before it.", dir_okay=False),
    ] = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
    no_apply: Annotated[bool, typer.Option("--no-apply", help="Only write the entry, for review.")] = False,
) -> None:
    """Add a team: write its entry, show the plan, make it so, wait until its Airflow is healthy, say its URL."""
    flags = {"owner": owner, "size": size, "airflow": airflow, "image": image, "executor": executor}
    entry = {**from_file(source), **{key: value for key, value in flags.items() if value is not None}}
    if dags is not None:
        entry["dags"] = _dags(dags, dags_ref, dags_path)
    elif dags_ref or dags_path:
        raise FleetError("--dags-ref and --dags-path go with --dags ADDRESS", exit_code=ExitCode.REFUSED)

    from fleet.inventory import edit

    if no_apply:
        edit.add_team(inventory, name, entry)
        common.say(f"{inventory}: {name} added; `fleet apply` makes it so")
        return
    document = edit.preview_team(inventory, name, entry)
    sight = common.run(common.look(common.in_context(document, context)))
    found = changes.find(sight, [name])
    common.run(changes.check_budget(found, sight))
    changes.show(found)
    common.confirm(f"Add {name} to {inventory} and make these changes?", yes)
    edit.add_team(
        inventory, name, entry, digest=document.digest
    )  # from here on `fleet apply` goes on, whatever happens
    changes.make(found, sight, f"add-team {name}", inventory)
    typer.echo(sight.desired.instances[name].url)


def from_file(source: Path | None) -> dict[str, Any]:
    """An entry's keys out of a file; none where there is no file."""
    if source is None:
        return {}
    import yaml

    try:
        entry = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FleetError(f"cannot be read: {error}", where=str(source), exit_code=ExitCode.REFUSED) from error
    if not isinstance(entry, dict):
        raise FleetError("holds no keys of a team's entry", where=str(source), exit_code=ExitCode.REFUSED)
    return entry


def _dags(where: str, ref: str | None, path: str | None) -> dict[str, Any]:
    if where in ("baked", "none"):
        return {"source": where}
    chosen = {"source": "git", "repository": where, "ref": ref, "path": path}
    return {key: value for key, value in chosen.items() if value is not None}


def remove_team(
    name: Annotated[str, typer.Argument(help="The team's name.")],
    keep_database: Annotated[
        bool, typer.Option("--keep-database", help="Leave the database and the keys that its contents need.")
    ] = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Destroy the database without a proven backup of it.")
    ] = False,
    confirm: common.Confirm = None,
    inventory: common.InventoryPath = common.DEFAULT_INVENTORY,
    context: common.Context = None,
    yes: common.Yes = False,
) -> None:
    """Remove a team: show what goes, back its database up and prove the backup, destroy it all, take its entry out last. A name
    that only the world knows will do as well."""
    from fleet import journal, report
    from fleet.inventory import edit
    from fleet.remove import holding, remove

    document = common.load(inventory, context)
    sight = common.run(common.look(document))
    held = holding(name, sight.desired, sight.observed)
    if held is None and name not in document.inventory.teams:
        common.known([name], [*sight.desired.instances, *sight.observed.instances])
    if held:
        can_back_up(document, keep_database or no_backup)
        typer.echo(f"{name}: this goes\n{report.join(held.lines(keep_database, not no_backup))}")
    common.type_name(name, yes, confirm)
    if held:
        with journal.recording(f"remove-team {name}", inventory, ()) as written:
            tell = common.telling(written)
            proof = common.run(remove(held, sight.world, tell, keep_database=keep_database, with_backup=not no_backup))
        if proof:
            typer.echo(report.proof_text(proof))
    if name in document.inventory.teams:
        edit.remove_team(inventory, name)
    common.say(f"{name} is removed" + ("; its database and keys are kept" if keep_database else ""))


def can_back_up(document: Document, unneeded: bool) -> None:
    """Raises FleetError when a backup is needed and the inventory does not say how."""
    if unneeded or document.inventory.platform.database.cloud_sql is not None:
        return
    raise FleetError(
        "the database cannot be backed up: the inventory names no Cloud SQL instance",
        hint="add `platform.database.cloud_sql`; or --keep-database, or --no-backup to lose what is in it",
        exit_code=ExitCode.REFUSED,
    )
