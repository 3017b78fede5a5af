"""A Helm release that somebody made: takes a namespace, gives the chart, the values and the objects that Helm wrote
down, never changes a thing.

Helm keeps each revision in a Secret, zipped JSON: https://helm.sh/docs/topics/advanced/#storage-backends
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from fleet import paths
from fleet.drivers.kubernetes import Cluster, Manifest, core

WORKLOADS = ("Deployment", "StatefulSet")
# What the official chart says of itself; fleet's own says nothing of the kind.
_OFFICIAL_HOME = "https://airflow.apache.org"


@dataclass(frozen=True)
class Release:
    """One revision of a release."""

    name: str
    namespace: str
    revision: int
    chart: str
    version: str  # of the chart
    official: bool
    defaults: Mapping[str, Any]  # the chart's own values
    values: Mapping[str, Any]  # what was given beside them
    manifest: tuple[Manifest, ...]

    @property
    def shipped(self) -> bool:
        """Whether it is the chart that comes with this fleet, as far as name and version tell."""
        own = yaml.safe_load((paths.asset("charts") / "airflow" / "Chart.yaml").read_text(encoding="utf-8"))
        return not self.official and (self.chart, self.version) == (own["name"], own["version"])


async def read(cluster: Cluster, namespace: str, name: str) -> Release | None:
    """The revision that is deployed; None where there is none."""
    labels = f"owner=helm,name={name},status=deployed"
    found = await cluster.list(core("secrets", namespace), labels=labels)
    newest = max(found, key=lambda each: int(each["metadata"]["labels"]["version"]), default=None)
    return decoded(newest) if newest else None


def decoded(secret: Manifest) -> Release:
    """What such a Secret holds."""
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    held = json.loads(gzip.decompress(packed))
    chart = held["chart"]["metadata"]
    return Release(
        name=held["name"],
        namespace=held["namespace"],
        revision=held["version"],
        chart=chart["name"],
        version=chart["version"],
        official=chart["name"] == "airflow" and str(chart.get("home", "")).startswith(_OFFICIAL_HOME),
        defaults=held["chart"].get("values") or {},
        values=held.get("config") or {},
        manifest=objects(held["manifest"]),
    )


def objects(manifest: str) -> tuple[Manifest, ...]:
    """The objects in Helm's text."""
    return tuple(each for each in yaml.load_all(manifest, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if each)
