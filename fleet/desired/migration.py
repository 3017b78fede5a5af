"""The migration of an instance's database: takes an instance, gives the Job that migrates it, never runs it.

What else runs Airflow's command line beside an instance is a Job like that one: :func:`another`.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fleet.desired import airflow, naming, rights, secrets, signon, smoke
from fleet.desired.resolve import Resolved
from fleet.model import Platform

_DAY_SECONDS = 24 * 3600
# Several of Airflow's commands in one process: each start of its command line costs some seconds of CPU.
_ONE_PROCESS = """
import json, sys
from airflow.__main__ import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["airflow", *words]
    main()
"""


def inputs(platform: Platform, instance: Resolved) -> dict[str, Any]:
    """All that makes a migration necessary: another image, database or auth manager, or another role of FAB's."""
    server = platform.database
    dag_roles = rights.roles(instance.access)
    return {
        "image": instance.image,
        "version": instance.version,
        "database": f"{server.host}:{server.port}/{naming.sql(instance.name)}",
        **({"dag_roles": dag_roles} if dag_roles else {}),
        **({"manager": "keycloak"} if instance.manager == "keycloak" else {}),
    }


def command(instance: Resolved) -> list[str]:
    """What the Job runs. A DAG that names a role or a pool which is not there could not be parsed, or is warned of."""
    steps = [["db", "migrate"], ["pools", "set", smoke.POOL, str(smoke.SLOTS), smoke.PURPOSE]]
    if dag_roles := rights.roles(instance.access):
        steps.append(["roles", "create", *dag_roles])
    return ["python", "-c", _ONE_PROCESS, json.dumps(steps)]


def job(platform: Platform, instance: Resolved) -> dict[str, Any]:
    """The Job. `airflow db migrate` migrates the auth manager's tables as well, so it must know the manager."""
    # The labels by which the guardrails' network policies let it to the database.
    own = {"tier": "airflow", "release": naming.AIRFLOW_RELEASE, "component": "run-airflow-migrations"}
    labels = {**own, naming.INSTANCE_LABEL: instance.name, **instance.labels}
    # One Job per image and database: what ran once is not run again.
    digest = hashlib.sha256(json.dumps(inputs(platform, instance), sort_keys=True).encode()).hexdigest()
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"airflow-migrate-{digest[:10]}",
            "namespace": naming.namespace(instance.name),
            "labels": labels,
        },
        "spec": {
            "backoffLimit": 2,
            "activeDeadlineSeconds": 900,
            "ttlSecondsAfterFinished": _DAY_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": _pod(instance)},
        },
    }


def another(job: Mapping[str, Any], name: str, args: list[str], image: str = "") -> dict[str, Any]:
    """A Job with the same pod, keys and way to the database that runs something else, and that once.

    Args:
        job: as :func:`job` gave it.
        args: of the image: `airflow`, `bash`, `python` and what follows.
        image: another than the migration's, if one is given.
    """
    made: dict[str, Any] = copy.deepcopy(dict(job))
    made["metadata"]["name"] = name
    made["spec"]["backoffLimit"] = 0
    (container,) = made["spec"]["template"]["spec"]["containers"]
    container |= {"args": args, "image": image or container["image"]}
    return made


def _pod(instance: Resolved) -> dict[str, Any]:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": 50000, "runAsGroup": 0, "fsGroup": 0,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "logs", "emptyDir": {}}],
        "containers": [
            {
                "name": "migrate",
                "image": instance.image,
                "imagePullPolicy": "IfNotPresent",
                "args": command(instance),
                "env": _environment(instance),
                "resources": airflow.resources(instance.size.scheduler),  # both load all of Airflow
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (the container's own)
                    {"name": "logs", "mountPath": "/opt/airflow/logs"},
                ],
            }
        ],
    }  # fmt: skip


def _environment(instance: Resolved) -> list[dict[str, Any]]:
    return [
        {"name": "AIRFLOW__CORE__AUTH_MANAGER", "value": signon.MANAGERS[instance.manager]},
        airflow.from_secret("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", secrets.METADATA, "connection"),
        airflow.from_secret("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC", secrets.METADATA, "connection_async"),
        airflow.from_secret("AIRFLOW__CORE__FERNET_KEY", secrets.FERNET, "fernet-key"),
        airflow.from_secret("AIRFLOW__API__SECRET_KEY", secrets.API, "api-secret-key"),
    ]
