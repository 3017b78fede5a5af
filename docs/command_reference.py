"""The commands' reference: takes the command line, gives pages, never writes them (generate.py does)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from fleet.cli.main import app
from fleet.drift.report import METRICS as DRIFT
from fleet.errors import ExitCode
from fleet.metrics import METRICS, Metric

MADE = "<!-- Made by docs/generate.py; change the code and run it again. -->"

MEANINGS = {
    ExitCode.DONE: "All is done, or there was nothing to do.",
    ExitCode.FAILED: "It failed. For `fleet status`: some instance is not as it should be. For `fleet sandbox status`: "
    "some part is not up. For `fleet verify`: something could not be tried.",
    ExitCode.REFUSED: "Refused, and nothing was changed: a wrong inventory or option, an unknown name, the answer was no, "
    "or there was nobody to ask. For `fleet verify`: a wall has a hole.",
    ExitCode.PARTLY_DONE: "Some instances are done, others failed; run the same command again to go on.",
    ExitCode.INTERRUPTED: "Interrupted by Ctrl-C or SIGTERM; run the same command again to go on.",
}


def pages() -> dict[str, str]:
    """Path below docs, and content."""
    return {
        "reference/commands.md": _commands(),
        "reference/exit-codes.md": _exit_codes(),
        "reference/metrics.md": _metrics(),
    }


def _commands() -> str:
    lines = ["# Commands", "", MADE, ""]
    lines += [
        "Options of the program stand before the command: `fleet --verbose apply`. `fleet COMMAND --help` says the same.",
        "",
    ]
    return "\n".join([*lines, *_command("fleet", get_command(app))])


def _metrics() -> str:
    lines = ["# Metrics", "", MADE, ""]
    lines += [
        "`fleet status --output prometheus` prints these, all gauges, in Prometheus' text format. Let a timer write them to a",
        "file of the node exporter's textfile collector, or send them to a push gateway. It ends with 0 whatever state the",
        "instances are in.",
        "",
    ]
    drift = [
        "## Drift",
        "",
        "`fleet drift --output prometheus` prints these. Those of the look on a schedule are served by the Service",
        "`fleet-metrics` in `fleet-system`, port 8080, at `/metrics` ([how to](../how-to/schedule-drift.md));",
        "`fleet status --output prometheus` has them too, where there is such a look.",
        "",
    ]
    return "\n".join([*lines, *_gauges(METRICS), *drift, *_gauges(DRIFT)])


def _gauges(metrics: Iterable[Metric]) -> list[str]:
    rows = [[f"`{each.name}`", ", ".join(f"`{label}`" for label in each.labels), each.meaning] for each in metrics]
    return [*_table(["metric", "labels", "meaning"], rows)]


def _command(path: str, command: Any) -> Iterator[str]:
    """The section of a command, then those of the commands below it."""
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [
        each for each in command.params if each.param_type_name == "option" and not each.hidden and each.name != "help"
    ]
    below = {name: each for name, each in getattr(command, "commands", {}).items() if not each.hidden}
    words = [path, *(["[OPTIONS]"] if options else []), *(["COMMAND"] if below else []), *map(_usage, arguments)]
    yield from [f"## {path}", "", _text(command.help), "", f"    {' '.join(words)}", ""]
    yield from _table(["argument", "meaning"], [[f"`{_name(each)}`", _text(each.help)] for each in arguments])
    yield from _table(
        ["option", "default", "meaning"], [[_flags(each), _default(each), _text(each.help)] for each in options]
    )
    yield from _table(
        ["command", "meaning"], [[_link(f"{path} {name}"), _text(each.help)] for name, each in below.items()]
    )
    for name, each in below.items():
        yield from _command(f"{path} {name}", each)


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    if rows:
        yield from ("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])
        yield ""


def _usage(argument: Any) -> str:
    name = _name(argument) + ("…" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _flags(option: Any) -> str:
    kinds = {str: "TEXT", int: "NUMBER", Path: "PATH"}
    kind = "" if option.is_flag else " " + (option.metavar or kinds[option.type_descriptor.annotation])
    return ", ".join(f"`{flag}{kind}`" for flag in option.opts)


def _default(option: Any) -> str:
    if option.is_flag or option.default in (None, "") or not option.show_default:
        return ""
    return f"`{option.default}`" + (f" or `${option.envvar}`" if option.envvar else "")


def _link(path: str) -> str:
    return f"[`{path}`](#{path.replace(' ', '-')})"


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _exit_codes() -> str:
    lines = ["# Exit codes", "", MADE, ""]
    lines += [
        "The exit status of every `fleet` command. Data goes to standard output, talk and errors to standard error.",
        "",
    ]
    rows = [[f"`{int(code)}`", code.name.lower().replace("_", " "), MEANINGS[code]] for code in ExitCode]
    lines += _table(["status", "name", "meaning"], rows)
    lines += [
        "`fleet plan` ends with 0 whether or not it finds changes; `fleet plan --output json` prints `[]` when there are none.",
        "",
    ]
    return "\n".join(lines)
