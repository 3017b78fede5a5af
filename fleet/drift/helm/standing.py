"""Releases against what was applied: takes both, gives findings about the releases themselves, never about their objects."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fleet import paths
from fleet.drift.finding import Finding
from fleet.drift.helm import kinds, wording
from fleet.drift.helm.releases import Applied, Part, Release
from fleet.drift.mend import Reapply

_FOLDERS: Mapping[Part, str] = {
    "guardrails": "guardrails",
    "airflow": "airflow",
    "portal": "platform",
    "drift": "platform",
}
_MANY = 20  # values of one release that are told one by one
_NOTHING = object()


@dataclass(frozen=True)
class Standing:
    """A release as it was applied, and as it stands.

    Args:
        newest: its newest revision; None where there is none, or where it was uninstalled.
        deployed: the revision that is in force, which may be an older one than a failed one.
        shipped: whether the chart that was applied is the one that this fleet ships.
    """

    applied: Applied
    newest: Release | None
    deployed: Release | None
    shipped: bool = False


def findings(standing: Standing) -> Iterator[Finding]:
    """What is wrong with a release."""
    applied, newest = standing.applied, standing.newest
    mend = Reapply(applied.part)
    if newest is None:
        yield Finding(kinds.RELEASE_GONE, applied.team, applied.address, expected="deployed", mend=mend)
    elif newest.status != "deployed":
        kind = kinds.RELEASE_FAILED if newest.status == "failed" else kinds.RELEASE_STUCK
        found = f"{newest.status}: {newest.words}"
        yield Finding(kind, applied.team, applied.address, "status", "deployed", found, "helm", newest.at, mend=mend)
    else:
        yield from _chart(standing, newest)
        yield from _values(applied, newest)


def _values(applied: Applied, release: Release) -> Iterator[Finding]:
    leaves = list(_leaves((), applied.inputs["values"], release.values))
    for names, want, live in leaves[:_MANY]:
        sides = ["" if each is _NOTHING else wording.leaf(names[-1], each) for each in (want, live)]
        yield _of(kinds.VALUES, applied, release, ".".join(("values", *names)), sides[0], sides[1])
    if len(leaves) > _MANY:
        yield _of(kinds.VALUES, applied, release, "values", "", f"and {len(leaves) - _MANY} more that differ")


def _of(kind: Any, applied: Applied, release: Release, field: str, expected: str, found: str) -> Finding:
    said = f"{found or 'none'}, by {release.words}"
    return Finding(
        kind, applied.team, applied.address, field, expected, said, "helm", release.at, mend=Reapply(applied.part)
    )


def _leaves(names: tuple[str, ...], want: Any, live: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Values that differ; what is null is not there."""
    if isinstance(want, Mapping) and isinstance(live, Mapping):
        for key in {**want, **live}:
            yield from _leaves((*names, key), want.get(key), live.get(key))
    elif want != live and not (want in (None, {}) and live in (None, {})):
        yield names, _NOTHING if want is None else want, _NOTHING if live is None else live


def _chart(standing: Standing, release: Release) -> Iterator[Finding]:
    applied, chosen = standing.applied, standing.applied.inputs["chart"]
    found = release.chart["metadata"]
    name = f"{found['name']} {found['version']}"
    if isinstance(chosen, Mapping):
        wanted, other = f"airflow {chosen['version']}", ""
    else:
        folder = _FOLDERS[applied.part]
        other = ", ".join(_others(folder, release.chart)[:3]) if standing.shipped else ""
        wanted = name if found["name"] == folder else folder
    if name != wanted:
        yield _of(kinds.CHART, applied, release, "chart", wanted, name)
    elif other:
        yield _of(kinds.CHART, applied, release, "chart", f"{wanted} as fleet ships it", f"{name} with other {other}")


def _others(folder: str, chart: Mapping[str, Any]) -> tuple[str, ...]:
    """Files of a release's chart that are not as shipped; Helm keeps no others as they were."""
    ours = _shipped(paths.asset("charts") / folder)
    kept = [*(chart.get("templates") or []), *(chart.get("files") or [])]
    there = {each["name"]: each["data"] for each in kept if each["name"].startswith(("templates/", "files/"))}
    return tuple(sorted(name for name in {*ours, *there} if ours.get(name) != there.get(name)))


@cache
def _shipped(folder: Path) -> Mapping[str, str]:
    """Its templates and files, as Helm keeps them: base64."""
    found = [path for below in ("templates", "files") for path in sorted((folder / below).rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): base64.b64encode(path.read_bytes()).decode() for path in found}
