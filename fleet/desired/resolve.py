"""Fills what a team leaves open: takes an inventory's entry, gives it with every default settled, never validates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fleet.model import (
    DEFAULT_SIZES,
    Access,
    Chart,
    Dags,
    Deployment,
    Egress,
    Executor,
    Inventory,
    Manager,
    Quota,
    Size,
)


@dataclass(frozen=True)
class Resolved:
    """One instance with nothing left to default."""

    name: str
    owner: str
    version: str
    image: str
    git_sync_image: str
    executor: Executor
    dags: Dags
    chart: Chart
    manager: Manager
    size: Size
    quota: Quota
    access: Access
    egress: tuple[Egress, ...]
    values: Mapping[str, Any]
    labels: Mapping[str, str]
    suspended: bool
    adopted: bool
    rotated: Mapping[str, int]


def resolve(
    inventory: Inventory, name: str, entry: Deployment, rotated: Mapping[str, int] = MappingProxyType({})
) -> Resolved:
    """The entry over the inventory's defaults.

    Args:
        rotated: key → how often it was changed, as the instance's own Secret says.

    Raises:
        KeyError: the size is unknown; the inventory's checks have refused that before.
    """
    defaults = inventory.defaults
    size = (DEFAULT_SIZES | inventory.sizes)[entry.size or defaults.size]
    version = entry.airflow or defaults.airflow
    return Resolved(
        name=name,
        owner=entry.owner,
        version=version,
        image=with_tag(entry.image or defaults.image, version),
        git_sync_image=defaults.git_sync_image,
        executor=entry.executor or defaults.executor,
        dags=entry.dags or defaults.dags,
        chart=entry.chart or defaults.chart,
        manager=(entry.sso or defaults.sso).manager,
        size=size,
        quota=size.quota.model_copy(update=entry.quota.model_dump(exclude_none=True)),
        access=entry.access,
        egress=tuple(entry.egress),
        values=entry.values,
        labels=entry.labels,
        suspended=entry.suspended,
        adopted=entry.adopted,
        rotated=rotated,
    )


def with_tag(image: str, tag: str) -> str:
    """``image`` with ``tag`` unless it has one; a colon before the last slash is a registry's port."""
    return image if ":" in image.rsplit("/", 1)[-1] else f"{image}:{tag}"
