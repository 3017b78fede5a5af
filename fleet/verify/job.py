"""The Jobs that try the walls from inside: takes a live pod template, gives the Job under a name of its own, never runs it.

A task's pod is made from the template that the executor uses, Airflow's from the scheduler's Deployment: account, image,
environment, security context and volumes are theirs, so that a hole in these is found. Only what runs in it differs.
"""

from __future__ import annotations

import base64
import io
import json
import secrets
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

from fleet.desired import naming
from fleet.verify.probe import NODE, ORDERS

Inside = Literal["task", "airflow"]

LABEL = "fleet/verify"
# With it a Job that fleet could not delete, because it was killed, goes by itself.
_KEPT_SECONDS = 60
DEADLINE_SECONDS = 300
_PROGRAM = "FLEET_VERIFY_PROGRAM"
# The package, put before anything that the team's image may have under the same name.
_START = f"""
import base64, io, os, sys, zipfile
folder = "/tmp/fleet-verify"
zipfile.ZipFile(io.BytesIO(base64.b64decode(os.environ["{_PROGRAM}"]))).extractall(folder)
sys.path.insert(0, folder)
import probe
probe.main()
"""
# Little, so that it fits beside a full Airflow: Python with a database driver.
_RESOURCES = {"requests": {"cpu": "50m", "memory": "192Mi"}, "limits": {"memory": "192Mi"}}


def job(instance: str, inside: Inside, template: Mapping[str, Any], orders: Mapping[str, Any]) -> dict[str, Any]:
    """The Job.

    Args:
        template: a pod, or a Deployment's pod template.
        orders: what the probes read; no secret.
    """
    component = template["metadata"]["labels"]["component"]
    # Of the labels just those by which network policies choose: no Deployment and no Service is to take it for its own.
    labels = {"tier": "airflow", "component": component, LABEL: inside, naming.INSTANCE_LABEL: instance}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"fleet-verify-{inside}-{secrets.token_hex(3)}",
            "namespace": naming.namespace(instance),
            "labels": labels,
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": _pod(template["spec"], orders)},
        },
    }


def _pod(live: Mapping[str, Any], orders: Mapping[str, Any]) -> dict[str, Any]:
    container = dict(live["containers"][0])
    for key in ("args", "ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"):
        container.pop(key, None)
    environment = [
        {"name": ORDERS, "value": json.dumps(orders)},
        {"name": _PROGRAM, "value": program()},
        {"name": NODE, "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
    ]
    container |= {
        "name": "verify",
        "command": ["python", "-I", "-c", _START],
        "env": [*container.get("env", []), *environment],
        "resources": _RESOURCES,
    }
    left_out = ("initContainers", "containers", "restartPolicy", "affinity", "topologySpreadConstraints")
    rest = {key: value for key, value in live.items() if key not in left_out}
    return {**rest, "restartPolicy": "Never", "terminationGracePeriodSeconds": 5, "containers": [container]}


@cache
def program() -> str:
    """The package `probe` as a zip file in base64."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(resources.files("fleet.verify.probe").iterdir(), key=lambda file: file.name):
            if each.name.endswith(".py"):
                archive.writestr(f"probe/{each.name}", each.read_text(encoding="utf-8"))
    return base64.b64encode(packed.getvalue()).decode()
