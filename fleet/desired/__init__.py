"""What should be: takes an inventory, gives every instance as the inputs of its parts, never looks at the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from fleet.desired import airflow, chart, drift, guardrails, migration, naming, portal, secrets, stacks
from fleet.desired.chart import ChartFolder
from fleet.desired.resolve import Resolved, resolve
from fleet.model import Inventory

Part = Literal["terraform", "guardrails", "secrets", "migration", "airflow"]
# In the order in which apply makes them; terraform and guardrails need nothing of each other.
PARTS: tuple[Part, ...] = ("terraform", "guardrails", "secrets", "migration", "airflow")


@dataclass(frozen=True)
class Contents:
    """Digests of the shipped modules and charts, so that a new fleet version shows as a change of what it changed.

    ``folders`` holds the chart folders that the inventory names, by the path that stands there.
    """

    platform_stack: str
    team_stack: str
    guardrails_chart: str
    airflow_chart: str
    platform_chart: str
    folders: Mapping[str, ChartFolder] = field(default_factory=dict)


@dataclass(frozen=True)
class DesiredInstance:
    """One Airflow as it should be.

    ``parts`` holds, per part, all that decides the part's outcome and no secret, as plain JSON: what was applied last is
    recorded in the same form, and the difference of the two is the plan.
    """

    name: str
    namespace: str
    owner: str
    url: str
    version: str
    database: str
    suspended: bool
    chart_folder: Path | None  # None: the chart that fleet ships, or one from a repository
    migration_job: Mapping[str, Any]
    parts: Mapping[Part, Mapping[str, Any]]


@dataclass(frozen=True)
class Desired:
    """A whole fleet as it should be."""

    platform: Mapping[str, Any]
    portal: Mapping[str, Any] | None  # None: there is to be none
    instances: Mapping[str, DesiredInstance]
    drift: Mapping[str, Any] | None = None  # the look at drift on a schedule; None as above
    inventory: str = ""  # as that look reads it


def build(
    inventory: Inventory, contents: Contents, rotated: Mapping[str, Mapping[str, int]] = MappingProxyType({})
) -> Desired:
    """The fleet that ``inventory`` describes, in the inventory's order (shared instances first).

    Args:
        rotated: instance → key → how often it was changed. That is no wish but a fact of the world, which plans look at.
    """
    deployments = inventory.entries
    suspended = [name for name, deployment in deployments.items() if deployment.suspended]
    return Desired(
        platform={"modules": contents.platform_stack, "variables": stacks.platform(inventory)},
        portal={"chart": contents.platform_chart, "values": values}
        if (values := portal.values(inventory.platform, suspended))
        else None,
        drift=drift.inputs(inventory, contents.platform_chart),
        inventory=drift.text(inventory),
        instances={
            name: _instance(inventory, resolve(inventory, name, deployment, rotated.get(name, {})), contents)
            for name, deployment in deployments.items()
        },
    )


def _instance(inventory: Inventory, instance: Resolved, contents: Contents) -> DesiredInstance:
    platform = inventory.platform
    return DesiredInstance(
        name=instance.name,
        namespace=naming.namespace(instance.name),
        owner=instance.owner,
        url=naming.url(platform, instance.name),
        version=instance.version,
        database=naming.sql(instance.name),
        suspended=instance.suspended,
        chart_folder=chart.folder(instance.chart, contents.folders),
        migration_job=migration.job(platform, instance),
        parts={
            "terraform": {"modules": contents.team_stack, "variables": stacks.team(platform, instance)},
            "guardrails": {"chart": contents.guardrails_chart, "values": guardrails.values(platform, instance)},
            "secrets": secrets.inputs(platform, instance),
            "migration": migration.inputs(platform, instance),
            "airflow": {
                "chart": chart.inputs(instance.chart, contents.airflow_chart, contents.folders),
                "values": airflow.values(platform, instance),
            },
        },
    )
