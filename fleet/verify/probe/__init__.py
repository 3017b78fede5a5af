"""What runs inside a team's pod: takes its orders from the environment, gives one JSON line per try, changes nothing.

The package travels as a zip file in the pod's environment, so it imports nothing but the standard library, what is in Airflow's
image (psycopg2), and itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from . import airflow, database, kubernetes, machine
from .common import Context, Outcome, Probe, ProbeOther, address, unknown

ORDERS = "FLEET_VERIFY"
NODE = "FLEET_VERIFY_NODE"
MARK = "fleet-verify"

TASK: tuple[dict[str, Probe], dict[str, ProbeOther]] = (machine.PROBES, {})
AIRFLOW: tuple[dict[str, Probe], dict[str, ProbeOther]] = (
    {**kubernetes.PROBES, **database.PROBES, **airflow.PROBES},
    {**kubernetes.AGAINST, **database.AGAINST, **airflow.AGAINST},
)


def main() -> None:
    """Try everything that this pod is to try."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    context: Context = {
        **json.loads(os.environ[ORDERS]),
        "node": address(os.environ[NODE]),
        "kubernetes": f"https://{address(host)}:{port}",
    }
    for attempt, against, (verdict, how) in outcomes(context):
        line: dict[str, Any] = {MARK: attempt, "against": against, "verdict": verdict, "how": " ".join(how.split())}
        print(json.dumps(line), flush=True)


def outcomes(context: Context) -> Iterator[tuple[str, str, Outcome]]:
    """Attempt, the other team (or nothing), and what became of it."""
    alone, against = TASK if context["place"] == "task" else AIRFLOW
    for attempt, probe in alone.items():
        yield attempt, "", _safely(probe, context)
    for other in context["others"]:
        for attempt, probe_other in against.items():
            yield attempt, other["name"], _safely(probe_other, context, other)


def _safely(probe: Any, *arguments: Any) -> Outcome:
    """A probe that stumbles has learnt nothing, and stops no other."""
    try:
        outcome: Outcome = probe(*arguments)
        return outcome
    except Exception as error:  # whatever it is; its words might quote a password
        return unknown(f"the probe stumbled ({type(error).__name__})")
