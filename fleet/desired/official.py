"""What the official Airflow chart needs beside the values that both charts understand: takes an instance and those values,
gives them with additions (chart 1.22.0), never takes anything away.

Its defaults are for one Airflow with everything in it: these make it the Airflow that our own chart makes by its defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.desired import secrets
from fleet.desired.resolve import Resolved
from fleet.model import GitDags

# Variable → Secret and its key. The chart would give them to every container, task pods too (ADR 0022).
_KEYS = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": (secrets.METADATA, "connection"),
    "AIRFLOW__CORE__FERNET_KEY": (secrets.FERNET, "fernet-key"),
    "AIRFLOW__API__SECRET_KEY": (secrets.API, "api-secret-key"),
    "AIRFLOW__API_AUTH__JWT_SECRET": (secrets.JWT, "jwt-secret"),
}
# Pod Security `restricted`. The root file system stays writable: the chart mounts nothing at /tmp.
_CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_POD = {
    # As the chart has it by default: 50000 is the user of Airflow's image, group 0 may write what he may.
    "runAsUser": 50000,
    "runAsGroup": 0,
    "fsGroup": 0,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
# `airflow jobs check` takes ten seconds on a busy machine, a cold api-server a minute (ADR 0023).
_STARTUP = {"startupProbe": {"periodSeconds": 10, "timeoutSeconds": 30, "failureThreshold": 30}}
_LIVENESS = {"livenessProbe": {"initialDelaySeconds": 60, "timeoutSeconds": 60}}
_NO_TOKEN = {"serviceAccount": {"automountServiceAccountToken": False}}
_CONFIG = {
    # Pods of a Deployment have no name in DNS, and the api-server fetches logs from them.
    "core": {"hostname_callable": "airflow.utils.net.get_host_ip_address"},
    "api": {"workers": "1"},
    "kubernetes_executor": {"worker_pods_creation_batch_size": "16"},
    "workers": {"execution_api_retries": "10"},
    "fab": {"enable_proxy_fix": "False"},  # the front's headers are uvicorn's business (`--proxy-headers`)
}


def additions(instance: Resolved, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Values to be merged over ``shared``, which both charts understand."""
    keys = [_from_secret(variable, *where) for variable, where in _KEYS.items()]
    components = {name: {"env": [*keys, *shared[name]["env"]], **own} for name, own in _OWN.items()}
    return {
        **components,
        "config": _CONFIG,
        "securityContexts": {"pod": _POD, "containers": _CONTAINER},
        "enableBuiltInSecretEnvVars": dict.fromkeys(_KEYS, False),
        # The scheduler of a LocalExecutor would become a StatefulSet with a volume of 100 GiB.
        "workers": {**_NO_TOKEN, "celery": {"persistence": {"enabled": False}}},
        **_NOT_MADE,
        **_git_sync(instance),
    }


# Made whatever the executor is, and used by nothing here: two ServiceAccounts, and a Secret for Celery's broker by a hook.
_NOT_MADE = {
    "createUserJob": {"serviceAccount": {"create": False}},
    "migrateDatabaseJob": {"serviceAccount": {"create": False}},
    "data": {"brokerUrlSecretName": "airflow-no-broker"},
}

_OWN: dict[str, dict[str, Any]] = {
    "apiServer": {"args": ["bash", "-c", "exec airflow api-server --proxy-headers"], **_STARTUP},
    "scheduler": {**_STARTUP, **_LIVENESS},
    "dagProcessor": {**_LIVENESS, **_NO_TOKEN},
    "triggerer": {**_LIVENESS, **_NO_TOKEN},
}


def _git_sync(instance: Resolved) -> dict[str, Any]:
    if not isinstance(instance.dags, GitDags):
        return {}
    # Said, and small: else the namespace's LimitRange would give each of these containers what a task gets.
    small = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}}
    container = {**_CONTAINER, "runAsUser": 65533}
    return {"dags": {"gitSync": {"securityContexts": {"container": container}, "resources": small, "maxFailures": 10}}}


def _from_secret(variable: str, name: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}
