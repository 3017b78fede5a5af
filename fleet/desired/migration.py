"""The migration of an instance's database: takes an instance, gives the Job that migrates it, never runs it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from fleet.desired import airflow, naming, secrets
from fleet.desired.resolve import Resolved

_DAY_SECONDS = 24 * 3600


def inputs(instance: Resolved) -> dict[str, Any]:
    """All that decides the migration. Memory as the scheduler's: both load all of Airflow."""
    return {
        "image": instance.image,
        "resources": airflow.resources(instance.size.scheduler),
        "labels": {naming.INSTANCE_LABEL: instance.name, **instance.labels},
    }


def job_name(inputs: Mapping[str, Any]) -> str:
    """One Job per image: what ran once is not run again."""
    return "airflow-migrate-" + hashlib.sha256(inputs["image"].encode()).hexdigest()[:10]


def job(namespace: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The Job. `airflow db migrate` migrates the auth manager's tables as well, so it must know the manager."""
    # The labels by which the guardrails' network policies let it to the database.
    labels = {
        "tier": "airflow",
        "release": naming.AIRFLOW_RELEASE,
        "component": "run-airflow-migrations",
        **inputs["labels"],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name(inputs), "namespace": namespace, "labels": labels},
        "spec": {
            "backoffLimit": 2,
            "activeDeadlineSeconds": 900,
            "ttlSecondsAfterFinished": _DAY_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": _pod(inputs)},
        },
    }


def _pod(inputs: Mapping[str, Any]) -> dict[str, Any]:
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
                "image": inputs["image"],
                "imagePullPolicy": "IfNotPresent",
                "args": ["airflow", "db", "migrate"],
                "env": _environment(),
                "resources": inputs["resources"],
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (the container's own)
                    {"name": "logs", "mountPath": "/opt/airflow/logs"},
                ],
            }
        ],
    }  # fmt: skip


def _environment() -> list[dict[str, Any]]:
    return [
        {"name": "AIRFLOW__CORE__AUTH_MANAGER", "value": airflow.FAB},
        airflow.from_secret("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", secrets.METADATA, "connection"),
        airflow.from_secret("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC", secrets.METADATA, "connection_async"),
        airflow.from_secret("AIRFLOW__CORE__FERNET_KEY", secrets.FERNET, "fernet-key"),
        airflow.from_secret("AIRFLOW__API__SECRET_KEY", secrets.API, "api-secret-key"),
    ]
