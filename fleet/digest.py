"""Digests of shipped files: takes a folder, gives a short text that changes when a file in it does, never caches."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from fleet import paths
from fleet.desired import Contents
from fleet.desired.chart import ChartFolder


def tree(*folders: Path, leave_out: frozenset[str] = frozenset({"tests", ".terraform"})) -> str:
    """16 hexadecimal digits over the names and contents of all files below ``folders``, but for the named subfolders."""
    total = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if path.is_file() and not leave_out.intersection(relative.parts):
                total.update(f"{relative}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def contents(folders: Mapping[str, ChartFolder] | None = None) -> Contents:
    """The digests of the modules and charts that this fleet ships, beside the inventory's own chart folders."""
    terraform, charts = paths.asset("terraform"), paths.asset("charts")
    modules = terraform / "modules"
    return Contents(
        platform_stack=tree(terraform / "stacks" / "platform", modules),
        team_stack=tree(terraform / "stacks" / "team", modules),
        guardrails_chart=tree(charts / "guardrails"),
        airflow_chart=tree(charts / "airflow"),
        platform_chart=tree(charts / "platform"),
        folders=folders or {},
    )
