"""Takes a chart and values, gives the objects that Helm renders, never touches a cluster."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from fleet.paths import asset
from fleet.sandbox.builds import tool

RELEASES = {
    "airflow": ("airflow", "airflow-marketing"),
    "guardrails": ("guardrails-marketing", "fleet-system"),
    "platform": ("platform", "fleet-system"),
}
# The least that each chart wants to be told.
LEAST: dict[str, dict[str, Any]] = {
    "airflow": {},
    "guardrails": {"instance": "marketing", "namespace": "airflow-marketing"},
    "platform": {"portal": {"url": "https://airflow.example.com", "issuer": "https://sso.example.com/realms/fleet"}},
}


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the sandbox's helm; raises CalledProcessError (its output in the message) when it fails."""
    done = subprocess.run([str(tool("helm")), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"helm {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done


def render_text(chart: str, values: dict[str, Any] | None = None) -> str:
    """The manifest of a chart as it would be installed for the instance `marketing`."""
    release, namespace = RELEASES[chart]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "values.yaml"
        file.write_text(yaml.safe_dump(LEAST[chart] | (values or {})), encoding="utf-8")
        return helm(
            "template", release, str(asset("charts") / chart), "--namespace", namespace, "--values", str(file)
        ).stdout


def render(chart: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The objects of that manifest."""
    return [document for document in yaml.safe_load_all(render_text(chart, values)) if document]


def named(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The object of this kind and name; raises StopIteration when there is none."""
    return next(item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name)
