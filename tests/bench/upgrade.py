"""An upgrade of two hundred teams: takes them, gives how near it comes to its own steps' time, and its memory.

The teams are suspended and in an API server of their own: databases, backups and Helm releases are real, pods there are none.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

from tests.bench.measure import Row
from tests.support.asleep import Asleep

PARALLEL = 4


def rows(fleet: Asleep) -> Iterator[Row]:
    """Wall time over the lower bound (all steps' time, shared by as many as may work at once), and peak memory."""
    report, steps, mib = _upgrade(fleet)
    bound, number = steps / PARALLEL, len(fleet.teams)
    note = f"{report['seconds']:.0f} s against {bound:.0f} s, {PARALLEL} at once"
    yield Row(f"upgrade of {number}: wall time / lower bound", 1.3, report["seconds"] / bound, "×", note)
    yield Row(f"upgrade of {number}: peak memory", 400, mib, "MiB", "of fleet, or of the largest program that it ran")


def _upgrade(fleet: Asleep) -> tuple[dict[str, float], float, float]:
    """The report, the sum of all steps in seconds, and MiB."""
    words = ("upgrade", "--all", "--to", "3.3.2", "--yes", "--output", "json", "--max-parallel", str(PARALLEL))
    output = fleet.inventory.with_name("events")
    with output.open("w") as file:
        process = fleet.start(*words, stdout=file, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    lines = [json.loads(line) for line in output.read_text().splitlines() if line.startswith("{")]
    assert process.returncode == 0 and lines[-1]["counts"] == {"upgraded": len(fleet.teams)}, lines[-1]
    return lines[-1], sum(line["seconds"] for line in lines[:-1] if line["state"] == "done"), used.ru_maxrss / 1024
