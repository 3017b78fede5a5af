"""Helm's releases as they stand: takes the Secrets that Helm keeps them in, gives each with its objects, never asks."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fleet.drift.helm import manifests
from fleet.drift.helm.manifests import Manifest

Part = Literal["guardrails", "airflow", "portal", "drift"]
# Of everything that is not the newest revision any more, but for the one that is deployed beside a failed one.
SELECTOR = "owner=helm,status!=superseded"


@dataclass(frozen=True)
class Applied:
    """A release that the records say was applied.

    Args:
        team: the instance's name, or ``platform``.
        inputs: `chart` and `values`, as recorded.
    """

    team: str
    part: Part
    name: str
    namespace: str
    inputs: Mapping[str, Any]

    @property
    def address(self) -> str:
        """As findings have it."""
        return f"release {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Release:
    """One revision of a release.

    Args:
        chart: as Helm keeps it: `metadata`, `templates`, `values`, `files`.
        manifest: text of all objects, hooks left out.
        at: when it was made, ISO 8601.
    """

    revision: int
    status: str  # Helm's: deployed, failed, pending-…, uninstalling, uninstalled
    chart: Mapping[str, Any]
    values: Mapping[str, Any]
    manifest: str
    at: str
    said: str

    @property
    def words(self) -> str:
        """Which one it is, for a reader."""
        return f"revision {self.revision} ({self.said})" if self.said else f"revision {self.revision}"

    def objects(self) -> list[Manifest]:
        """Its objects as the chart made them.

        Raises:
            ValueError: they cannot be read.
        """
        return manifests.objects(self.manifest)


def by_place(secrets: Iterable[Manifest]) -> dict[tuple[str, str], list[Manifest]]:
    """Namespace and name of a release → its Secrets, the newest revision first."""
    found: dict[tuple[str, str], list[Manifest]] = {}
    for secret in secrets:
        place = (secret["metadata"]["namespace"], secret["metadata"]["labels"]["name"])
        found.setdefault(place, []).append(secret)
    for each in found.values():
        each.sort(key=lambda secret: -int(secret["metadata"]["labels"]["version"]))
    return found


def newest(secrets: Iterable[Manifest]) -> dict[tuple[str, str], str]:
    """Namespace and name of a release → its newest Secret as it stands, for telling whether something moved."""
    return {
        place: f"{each[0]['metadata']['name']} {each[0]['metadata']['resourceVersion']}"
        for place, each in by_place(secrets).items()
    }


def read(secret: Manifest) -> Release:
    """What a Secret of Helm's says (https://pkg.go.dev/helm.sh/helm/v3/pkg/storage/driver: base64 of gzipped JSON).

    Raises:
        ValueError: it cannot be read.
    """
    labels = secret["metadata"]["labels"]
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        data = json.loads(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)
        info = data["info"]
        return Release(
            int(labels["version"]), labels["status"], data["chart"], data.get("config") or {}, data.get("manifest") or "",
            str(info.get("last_deployed") or ""), str(info.get("description") or ""),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValueError, OSError, EOFError) as error:
        raise ValueError(f"{secret['metadata']['name']} holds no release ({type(error).__name__})") from error
