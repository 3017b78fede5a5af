"""`fleet sandbox …`: takes the command line, hands it to `fleet.sandbox`, never imports that before a command runs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.errors import ExitCode, FleetError

if TYPE_CHECKING:
    from fleet.sandbox.state import PartStatus

app = typer.Typer(
    help="A whole platform on this machine: Kubernetes, PostgreSQL, Keycloak, a front.", no_args_is_help=True
)


@app.command()
def up(
    simulated_nodes: Annotated[
        int | None,
        typer.Option(min=0, max=5000, help="Simulated nodes beside the real one; without it, as many as last time."),
    ] = None,
    simulated_only: Annotated[
        bool,
        typer.Option("--simulated-only", help="No real node and nothing outside the own folders; no container runs."),
    ] = False,
) -> None:
    """Start what does not run yet; the first time, build it (about 15 minutes on 2 cores)."""
    from fleet.sandbox import lifecycle

    current = lifecycle.up(simulated_nodes, simulated_only)
    typer.echo(f"The sandbox runs at {current.address}; to use it in this shell:\n  {_HOW_TO_USE}", err=True)


@app.command()
def down(purge: Annotated[bool, typer.Option("--purge", help="Delete its data as well.")] = False) -> None:
    """Stop everything and remove what it put on the machine; its data stays for the next `up`, unless --purge."""
    from fleet import sandbox

    sandbox.down(purge=purge)


@app.command()
def status(
    output: Annotated[str, typer.Option("--output", "-o", help="table or json.", metavar="FORMAT")] = "table",
) -> None:
    """Show each part: state, version, address, memory. Exit status 0 when all are up, else 1."""
    from fleet import sandbox

    rows = sandbox.status()
    if output not in ("table", "json"):
        raise FleetError(f"no output format {output}", hint="table or json", exit_code=ExitCode.REFUSED)
    _print_json(rows) if output == "json" else _print_table(rows)
    if not rows or any(row.state != "up" for row in rows):
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def env() -> None:
    """Print what a shell needs to use the sandbox: eval "$(fleet sandbox env)"."""
    from fleet import sandbox

    for name, value in sandbox.environment().items():
        # The prefix must not swallow the caller's own path.
        quoted = f'{shlex.quote(value)}:"$PATH"' if name == "PATH" else shlex.quote(value)
        typer.echo(f"export {name}={quoted}")


@app.command()
def image(
    tag: Annotated[str, typer.Argument(help="Reference of the new image, fleet.local/marketing:1.")],
    airflow_version: Annotated[str, typer.Option(help="The Airflow to build on; without it, the newest.")] = "",
    requirements: Annotated[Path | None, typer.Option(help="Requirements file for pip.")] = None,
    dags: Annotated[Path | None, typer.Option(help="Folder of DAGs to bake in.")] = None,
    plugins: Annotated[Path | None, typer.Option(help="Folder of plugins to bake in.")] = None,
) -> None:
    """Build a team's own image on top of Airflow's, without Docker, and give it to the real node."""
    from fleet.sandbox import images, layout

    version = airflow_version or images.airflow_versions()[0]
    archive = images.bake(tag, version, requirements, dags, plugins, lambda line: typer.echo(line, err=True))
    current = layout.current()
    if current.containerd_socket.exists():
        images.import_image(archive, current.containerd_socket)
    typer.echo(archive)


@app.command()
def user(
    name: Annotated[str, typer.Argument(help="User name; Keycloak keeps it in lower case.")],
    group: Annotated[
        list[str] | None,
        typer.Option("--group", "-g", help="Group to be in, `/marketing/admin`; may be repeated.", metavar="PATH"),
    ] = None,
    realm: Annotated[str, typer.Option(help="Realm.")] = "fleet",
) -> None:
    """Make a person who can sign in, or give one a new password and more groups; prints the password, this once."""
    from fleet.sandbox import layout, people

    typer.echo(people.add(layout.current(), realm, name.lower(), group or []))


_PLAIN_WIDTH = 200
_HOW_TO_USE = 'eval "$(fleet sandbox env)"'


def _print_json(rows: list[PartStatus]) -> None:
    import json
    from dataclasses import asdict

    typer.echo(json.dumps([asdict(row) for row in rows], indent=2))


def _print_table(rows: list[PartStatus]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("PART", "STATE", "VERSION"):
        table.add_column(name, no_wrap=True)
    table.add_column("ADDRESS", overflow="fold")
    for name in ("PID", "MEMORY", "UPTIME"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        pid = str(row.pid or "")
        table.add_row(row.name, row.state, row.version, row.address, pid, _memory(row), _uptime(row.uptime_seconds))
    # Into a file or a pipe nothing is cut off.
    console = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
    console.print(table) if rows else typer.echo("There is no sandbox; `fleet sandbox up` makes one.", err=True)


def _memory(row: PartStatus) -> str:
    return "" if row.memory_mib is None else f"{row.memory_mib} MiB"


def _uptime(seconds: int | None) -> str:
    if seconds is None:
        return ""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}h{rest // 60:02d}m" if hours else f"{rest // 60}m{rest % 60:02d}s"
