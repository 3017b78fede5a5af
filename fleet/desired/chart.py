"""Which chart installs Airflow: takes the inventory's choice, gives what decides it as plain data, never reads a chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.model import FleetChart, OfficialChart


@dataclass(frozen=True)
class ChartFolder:
    """A chart that lies beside the inventory.

    Args:
        path: where it is on this machine; never recorded, since the next machine has it elsewhere.
        content: digest of its files.
    """

    path: Path
    content: str


def inputs(chart: FleetChart | OfficialChart, shipped: str, folders: Mapping[str, ChartFolder]) -> str | dict[str, str]:
    """The digest of the chart that fleet ships (``shipped``), or source, version and origin of the official one.

    Raises:
        KeyError: ``folders`` lacks the chart's path; `fleet.charts` has refused that before.
    """
    if isinstance(chart, FleetChart):
        return shipped
    chosen = {"source": chart.source, "version": chart.version}
    if chart.path is None:
        return {**chosen, "repository": str(chart.repository)}
    return {**chosen, "path": chart.path, "content": folders[chart.path].content}


def folder(chart: FleetChart | OfficialChart, folders: Mapping[str, ChartFolder]) -> Path | None:
    """Where the chosen chart lies, if it lies beside the inventory."""
    if isinstance(chart, OfficialChart) and chart.path is not None:
        return folders[chart.path].path
    return None
