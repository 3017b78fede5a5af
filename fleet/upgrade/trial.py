"""Runs in a pod with another Airflow's image: takes the database's revisions, prints what that Airflow makes of them, of the
settings and of the DAGs; writes nothing.

It is sent as text and knows no other module of fleet's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ORDERS = "FLEET_TRIAL"
BEGIN, END = "--- fleet: the trial says ---", "--- fleet: the trial has ended ---"
# Part → the package that has its migrations, and the command that runs them.
_PARTS = {"airflow": ("airflow", "db"), "fab": ("airflow.providers.fab", "fab-db")}
# `airflow dags list-import-errors` refuses a database that is not migrated. A process of its own: a DAG may end it.
_PARSE = """
import json, sys
from pathlib import Path
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag
found = []
for bundle in DagBundlesManager().get_all_dag_bundles():
    bundle.initialize()
    bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    for name, text in bag.import_errors.items():
        file = Path(bundle.path, name)
        found.append([bundle.name, str(file.relative_to(bundle.path)), text])
Path(sys.argv[1]).write_text(json.dumps(found))
"""
# What changed from Airflow 2 to 3 is said of settings that are as they should be, too.
_NO_ISSUE = "Changed default value"


def main() -> None:
    """Print the findings as JSON between two lines of their own."""
    orders = json.loads(os.environ[ORDERS])
    found = {"migrations": {}, "lint": lint(), "imports": imports()}
    found["migrations"] = {part: migrations(part, current) for part, current in orders["revisions"].items()}
    print(f"\n{BEGIN}\n{json.dumps(found)}\n{END}", flush=True)


def migrations(part: str, current: str) -> dict[str, Any]:
    """What would be run from the revision ``current`` on, oldest first, and its SQL; or that this image does not know it."""
    package, command = _PARTS[part]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return {"known": False, "run": [], "sql": ""}
    scripts = import_module("alembic.script").ScriptDirectory(str(Path(spec.origin).parent / "migrations"))
    try:
        scripts.get_revision(current)
        run = [(each.revision, each.doc) for each in scripts.iterate_revisions(scripts.get_heads(), current)]
    except import_module("alembic.util").CommandError:
        return {"known": False, "run": [], "sql": ""}
    sql = _airflow(command, "migrate", "--show-sql-only", "--from-revision", current).stdout if run else ""
    return {"known": True, "run": run[::-1], "sql": statements(sql)}


def statements(text: str) -> str:
    """The SQL of such an output: what stands between BEGIN and COMMIT, without the log lines around it."""
    lines = text.splitlines()
    begin = next((number for number, line in enumerate(lines) if line.startswith("BEGIN")), 0)
    end = max((number for number, line in enumerate(lines) if line.startswith("COMMIT")), default=len(lines))
    return "\n".join(lines[begin : end + 1])


def lint() -> list[str]:
    """Settings that this Airflow does not know any more, in its own words."""
    return issues(_airflow("config", "lint").stdout)


def issues(text: str) -> list[str]:
    """The items of such an output; long ones are broken into lines."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith("  - "):
            found.append(line[4:].strip())
        elif found and line.strip() and not line.startswith("Please update"):
            found[-1] += f" {line.strip()}"
    return [each for each in found if not each.startswith(_NO_ISSUE)]


def imports() -> dict[str, Any]:
    """Bundle, file and error of each DAG file that does not import; or why that could not be tried."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        # As in the DAG processor, what a DAG asks for at its top (variables, connections) comes from the database.
        environment = {**os.environ, "_AIRFLOW_PROCESS_CONTEXT": "server"}
        command = [sys.executable, "-c", _PARSE, str(report)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if not report.is_file():
            said = done.stderr.strip().splitlines()
            return {"failed": said[-1] if said else f"exit code {done.returncode}", "errors": []}
        return {"failed": "", "errors": json.loads(report.read_text())}


def _airflow(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "4000"}
    return subprocess.run(["airflow", *arguments], capture_output=True, text=True, env=environment)


if __name__ == "__main__":
    main()
