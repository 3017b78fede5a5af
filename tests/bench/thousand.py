"""A thousand teams through the pure half of the house, in a process of its own: prints seconds and peak memory as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from fleet.cli import common
from fleet.diff import PLATFORM, PORTAL, diff
from fleet.observe import Observed, ObservedInstance
from fleet.plan import plan
from fleet.record import Record


def main(path: Path) -> None:
    """Load, validate, build and compare the inventory twice: with an empty world, and with one where all was applied."""
    started, cpu = time.monotonic(), time.process_time()
    wanted = common.desired(common.load(path))
    changes = plan(diff(wanted, Observed(None, {}))).changes
    seconds, used = time.monotonic() - started, time.process_time() - cpu
    applied = {}
    for name, instance in wanted.instances.items():
        record = Record(name)
        for part, inputs in instance.parts.items():
            record = record.with_part(part, json.loads(json.dumps(inputs)), "")
        applied[name] = ObservedInstance(name, record)
    platform = Record(PLATFORM).with_part(PLATFORM, wanted.platform, "").with_part(PORTAL, wanted.portal or {}, "")
    started, cpu = time.monotonic(), time.process_time()
    diff(wanted, Observed(platform, applied, "deployed"))
    seconds, used = seconds + time.monotonic() - started, used + time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB
    print(
        json.dumps(
            {"teams": len(wanted.instances), "changes": len(changes), "seconds": seconds, "cpu": used, "mib": peak}
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
