"""Charts that lie beside the inventory: takes an inventory, gives each folder with its digest, never one of another version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fleet.desired.chart import ChartFolder
from fleet.errors import ExitCode, FleetError, FleetErrors
from fleet.inventory import Document
from fleet.model import OfficialChart


def folders(document: Document) -> dict[str, ChartFolder]:
    """Path as it stands in the inventory → the folder that it means.

    Raises:
        FleetErrors: a folder holds no chart `airflow` of the version that the inventory names.
    """
    from fleet.digest import tree

    found: dict[str, ChartFolder] = {}
    errors = []
    for keys, chart in _named(document):
        folder = (document.path.parent / str(chart.path)).resolve()
        if wrong := _wrong(folder, chart.version):
            hint = "`helm pull airflow --repo https://airflow.apache.org --version … --untar` fetches one"
            errors.append(FleetError(wrong, where=document.where(*keys), hint=hint, exit_code=ExitCode.REFUSED))
        elif str(chart.path) not in found:
            found[str(chart.path)] = ChartFolder(folder, tree(folder))
    if errors:
        raise FleetErrors(errors, exit_code=ExitCode.REFUSED)
    return found


def _named(document: Document) -> Iterator[tuple[tuple[str, ...], OfficialChart]]:
    inventory = document.inventory
    chosen: dict[tuple[str, ...], Any] = {("defaults",): inventory.defaults.chart}
    chosen |= {("teams", name): team.chart for name, team in inventory.teams.items()}
    chosen |= {("instances", name): instance.chart for name, instance in inventory.instances.items()}
    for keys, chart in chosen.items():
        if isinstance(chart, OfficialChart) and chart.path is not None:
            yield (*keys, "chart", "path"), chart


def _wrong(folder: Path, version: str) -> str:
    """What is wrong with a folder; empty when it holds the chart in this version."""
    import yaml

    try:
        said = yaml.safe_load((folder / "Chart.yaml").read_text(encoding="utf-8"))
        name, there = said["name"], said["version"]
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError):
        return f"{folder} holds no Helm chart"
    if name != "airflow":  # the chart's name is the base of every object's name
        return f"{folder} holds the chart `{name}`, not `airflow`"
    return "" if there == version else f"{folder} holds version {there}, not {version}"
