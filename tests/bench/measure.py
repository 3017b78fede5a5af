"""Each budget of the design, as a row: takes nothing, gives what was measured and the goal, never judges by anything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import yaml

from tests.support import scale
from tests.support.sandbox import FLEET, start

ROOT = Path(__file__).resolve().parents[2]
RUNS = 15
TEAMS, INSTANCES = 1000, 200
_EMPTY_APP = """
import typer
app = typer.Typer()
@app.command()
def main() -> None:
    \"\"\"Nothing.\"\"\"
app()
"""


@dataclass(frozen=True)
class Row:
    """One budget."""

    budget: str
    goal: float
    measured: float
    unit: str
    note: str = ""

    @property
    def verdict(self) -> str:
        return "held" if self.measured <= self.goal else "missed"


def help_text() -> Iterator[Row]:
    """`fleet --help` against an empty typer app, in CPU time: what else the machine does is left out."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(_EMPTY_APP)
        pairs = [(_cpu(FLEET, "--help"), _cpu(str(empty), "--help")) for _ in range(RUNS + 1)][1:]  # the first warms up
    ours, theirs = (median(column) for column in zip(*pairs, strict=True))
    note = f"{ours * 1000:.0f} ms against {theirs * 1000:.0f} ms of CPU"
    yield Row("fleet --help / an empty typer app", 1.3, ours / theirs, "×", note)


def _cpu(*command: str) -> float:
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONSAFEPATH": "1"}
    )
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, command
    process.returncode = 0
    return used.ru_utime + used.ru_stime


def thousand_teams() -> Iterator[Row]:
    """From the file to the plan."""
    entries = yaml.safe_load((ROOT / "tenants.yaml").read_text())
    entries.pop("waves", None)
    sizes = ("small", "medium", "large")
    entries["teams"] = {
        f"team-{number:04d}": {
            "owner": f"team-{number}@example.com", "size": sizes[number % 3],
            "dags": {"source": "git", "repository": f"https://git.example.com/team-{number}.git"},
            "access": {"groups": {"admin": [f"team-{number}-admins"], "viewer": [f"team-{number}"]}},
        }
        for number in range(TEAMS)
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tenants.yaml"
        path.write_text(yaml.safe_dump(entries))
        command = [sys.executable, "-m", "tests.bench.thousand", str(path)]
        runs = [json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout) for _ in range(3)]
    said = min(runs, key=lambda run: float(run["seconds"]))
    assert said["teams"] == TEAMS
    yield Row(
        "1,000 teams: load, validate, desired, diff", 2, said["seconds"], "s", f"best of 3; {said['cpu']:.2f} s of CPU"
    )
    yield Row("1,000 teams: peak memory", 300, said["mib"], "MiB")


def two_hundred_instances() -> Iterator[Row]:
    """A fleet of 200 and a fleet of one, on an API server of their own."""
    with scale.fleet(start()) as fleet:
        fleet.prepare_terraform(fleet.grow(1, "bench-second"))
        with fleet.one_more("bench-second") as few:
            assert few.status == 0, few.output
        fleet.grow(INSTANCES, "bench-second")
        looks = [fleet.run("status") for _ in range(3)]
        requests = max(len(look.requests) for look in looks)
        yield Row(f"fleet status, {INSTANCES} instances: API requests", 15, requests, "", "by the audit log")
        best = min(looks, key=lambda look: look.seconds)
        note = f"best of {len(looks)}; {best.cpu:.2f} s of CPU"
        yield Row(f"fleet status, {INSTANCES} instances: time", 2, best.seconds, "s", note)
        idle = fleet.run("apply", "--yes")
        yield Row(f"apply with nothing to do, {INSTANCES} instances: processes", 0, len(idle.processes), "")
        fleet.grow(INSTANCES, "bench-second", "bench-next")
        with fleet.one_more("bench-next") as many:
            assert many.status == 0, many.output
        note = f"{len(few.processes)} in a fleet of one"
        yield Row(f"one more team in {INSTANCES}: processes", len(few.processes), len(many.processes), "", note)
