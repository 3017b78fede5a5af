"""The program `fleet`: takes the command line, gives an exit status, never lets a traceback out unless asked.

Imports here and in the command modules stay light (typer and the standard library); each command imports its flow when run.
"""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from fleet import __version__
from fleet.cli import (
    access,
    adopt,
    backup,
    changes,
    doctor,
    drift,
    look,
    platform,
    prune,
    rotate,
    sandbox,
    suspend,
    teams,
    upgrade,
    verify,
)
from fleet.errors import ExitCode, FleetError

app = typer.Typer(
    name="fleet",
    help="An Apache Airflow for every team, kept by one inventory.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
changes.register(app)
teams.register(app)
adopt.register(app)
suspend.register(app)
upgrade.register(app)
rotate.register(app)
backup.register(app)
look.register(app)
access.register(app)
doctor.register(app)
drift.register(app)
prune.register(app)
verify.register(app)
app.add_typer(platform.app, name="platform")
app.add_typer(sandbox.app, name="sandbox")

_debug = False


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show every external command before it runs.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """An Apache Airflow for every team, kept by one inventory."""
    global _debug
    _debug = debug
    if verbose:
        import logging

        logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
        logging.getLogger("fleet.commands").setLevel(logging.INFO)


def main() -> None:
    """Run the command line and exit: the one place that catches (exit codes: design §5, `fleet.errors.ExitCode`)."""
    # What a command imports stays: to look for garbage among it takes a tenth of a short command's time.
    gc.set_threshold(100_000, 10, 10)
    try:
        app()
    except FleetError as error:
        from fleet.report import error_text

        if _debug:
            raise
        typer.echo(error_text(error), err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if _debug:
            raise
        # The message of an unforeseen error may quote anything, so only its type is shown.
        typer.echo(
            f"error: a fault in fleet itself ({type(error).__name__})\n  `fleet --debug …` shows where", err=True
        )
        sys.exit(ExitCode.FAILED)
