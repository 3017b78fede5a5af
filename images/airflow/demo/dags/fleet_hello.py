"""A first DAG: says where it ran, in a pod of its own team's namespace, and hands that on to a second task."""

from __future__ import annotations

import platform
import socket
import sys
from pathlib import Path

from airflow.sdk import dag, task

NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dag(
    dag_id="fleet_hello",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    tags=["fleet"],
    doc_md=__doc__,
)
def fleet_hello() -> None:
    @task
    def where() -> dict[str, str]:
        """Host, namespace (where the pod tells it) and Python of this task."""
        found = {
            "host": socket.gethostname(),
            "namespace": NAMESPACE.read_text() if NAMESPACE.is_file() else "unknown",
            "python": platform.python_version(),
            "executable": sys.executable,
        }
        print("Hello from", found)
        return found

    @task
    def report(found: dict[str, str]) -> str:
        """One line about the first task, from a second pod."""
        line = f"task 1 ran on {found['host']} with Python {found['python']}, task 2 on {socket.gethostname()}"
        print(line)
        return line

    report(where())


fleet_hello()
