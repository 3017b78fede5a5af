"""The Airflow chart's values, in the official chart's dialect: takes the platform and an instance, gives values without any
secret (Secrets are named, never quoted), never the resources of the namespace around it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from fleet.desired import front, gcp, naming, official, rights, secrets, signon, smoke
from fleet.desired.resolve import Resolved
from fleet.model import GitDags, OfficialChart, Platform, Resources

# How long one of Airflow's tokens counts. The page renews its own from the session without asking; a longer time would be
# good only for a token that somebody copied.
TOKEN_SECONDS = 3600


def values(platform: Platform, instance: Resolved) -> dict[str, Any]:
    """Values of the instance's chart, with the team's own overrides merged over them, and fleet's own DAG in any case
    but one: an Airflow that was adopted keeps the pods that it has (ADR 0094)."""
    repository, tag = instance.image.rsplit(":", 1)
    base = {
        "airflowVersion": instance.version,
        "defaultAirflowRepository": repository,
        "defaultAirflowTag": tag,
        "images": {"airflow": {"pullPolicy": "IfNotPresent"}},
        "executor": instance.executor,
        "labels": {**({} if instance.adopted else {naming.INSTANCE_LABEL: instance.name}), **instance.labels},
        **_connection(platform, instance),
        "config": config(platform, instance),
        "data": {"metadataSecretName": secrets.METADATA},
        "fernetKeySecretName": secrets.FERNET,
        "apiSecretKeySecretName": secrets.API,
        "jwtSecretName": secrets.JWT,
        "enableBuiltInSecretEnvVars": {"AIRFLOW_CONN_AIRFLOW_DB": False},  # no DAG gets Airflow's own database
        **_components(platform, instance),
        **front.ingress(platform, instance),
        **_git_sync(instance),
        **_local_settings(instance),
        "rbac": {"create": False},
        **{part: {"enabled": False} for part in _ABSENT},
    }
    base = merge(base, gcp.airflow_values(platform, instance.name))
    if isinstance(instance.chart, OfficialChart):
        base = merge(base, official.additions(instance, base))
    merged = merge(base, instance.values)
    return merged if instance.adopted else smoke.with_dag(merged)


def _connection(platform: Platform, instance: Resolved) -> dict[str, Any]:
    """A changed connection must restart the pods that read it at their start; an adopted Airflow's has not been changed
    before it was rotated."""
    if instance.adopted and not instance.rotated:
        return {}
    return {"airflowPodAnnotations": {"fleet/secrets": _digest(secrets.inputs(platform, instance))}}


_ABSENT = ("createUserJob", "migrateDatabaseJob", "statsd", "redis", "postgresql", "pgbouncer")


def config(platform: Platform, instance: Resolved) -> dict[str, dict[str, str]]:
    """Sections of airflow.cfg."""
    return {
        "core": {
            "auth_manager": signon.MANAGERS[instance.manager],
            "load_examples": "False",
            "parallelism": str(instance.size.parallelism),
        },
        "api": {
            "base_url": naming.url(platform, instance.name) + "/",
            "expose_config": "False",
            # Up to Airflow 3.2 sign-in writes this audience and checks the other one (apache/airflow#67494).
            "jwt_audience": naming.client_id(instance.name),
        },
        # An audience of its own: a token of one instance is worth nothing at another (facts of the design).
        "api_auth": {
            "jwt_audience": naming.client_id(instance.name),
            "jwt_issuer": naming.url(platform, instance.name),
            "jwt_expiration_time": str(TOKEN_SECONDS),
        },
        **signon.config(platform, instance),
    }


def _components(platform: Platform, instance: Resolved) -> dict[str, Any]:
    size = instance.size
    sign_on = [from_secret(signon.SECRET_VARIABLE[instance.manager], secrets.SIGN_ON, "client-secret")]
    behind_front = [{"name": "FORWARDED_ALLOW_IPS", "value": "*"}] if platform.urls != "service" else []
    trust = front.trust(platform)
    groomer = {"logGroomerSidecar": {"enabled": False}}  # logs go to standard output and to the remote log store
    # Only the KubernetesExecutor talks to Kubernetes.
    talks = instance.executor == "KubernetesExecutor"
    no_token = {} if talks else {"serviceAccount": {"automountServiceAccountToken": False}}
    return {
        "apiServer": _component(instance, size.api_server)
        | no_token
        | ({"apiServerConfig": webserver_config(platform, instance)} if instance.manager == "fab" else {})
        | {key: value for key, value in trust.items() if key != "env"}
        | {"env": [_ASYNC_CONNECTION, *sign_on, *behind_front, *trust.get("env", [])]},
        "scheduler": _component(instance, size.scheduler) | groomer | no_token,
        "dagProcessor": _component(instance, size.dag_processor) | groomer,
        "triggerer": _component(instance, size.triggerer) | groomer | {"persistence": {"enabled": False}},
        "workers": {"kubernetes": {"resources": resources(size.worker)}},
    }


def _component(instance: Resolved, amount: Resources) -> dict[str, Any]:
    return {
        "replicas": 0 if instance.suspended else 1,
        "resources": resources(amount),
        "env": [_ASYNC_CONNECTION],
        "waitForMigrations": {"enabled": False},  # fleet migrates before it rolls the release
    }


def resources(amount: Resources) -> dict[str, dict[str, str]]:
    """A container's resources: no CPU limit, since throttling makes schedulers miss their heartbeat."""
    return {"requests": {"cpu": amount.cpu, "memory": amount.memory}, "limits": {"memory": amount.memory}}


def from_secret(variable: str, name: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


_ASYNC_CONNECTION = from_secret("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC", secrets.METADATA, "connection_async")


def _git_sync(instance: Resolved) -> dict[str, Any]:
    dags = instance.dags
    if not isinstance(dags, GitDags):
        return {"dags": {"gitSync": {"enabled": False}}}
    repository, tag = instance.git_sync_image.rsplit(":", 1)
    sync = {
        "enabled": True, "repo": dags.repository, "ref": dags.ref, "subPath": dags.path, "depth": 1,
        "period": f"{dags.interval}s",
    }  # fmt: skip
    if dags.credentials:
        sync["credentialsSecret"] = dags.credentials
    return {
        "dags": {"gitSync": sync},
        "images": {
            "airflow": {"pullPolicy": "IfNotPresent"},
            "gitSync": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        },
    }


def webserver_config(platform: Platform, instance: Resolved) -> str:
    """FAB's configuration for this instance's Keycloak client; the client secret comes from the environment."""
    rendered: str = _template("webserver_config.py.j2").render(
        issuer=f"{platform.sso.url.rstrip('/')}/realms/{platform.sso.realm}",
        client_id=naming.client_id(instance.name),
        display_name=naming.display_name(instance.name),
        owner=instance.owner,
        dag_roles={naming.dag_role(name): right.role for name, right in instance.access.dags.items()},
        dag_role=naming.DAG_ROLE,
    )
    return rendered


def _local_settings(instance: Resolved) -> dict[str, str]:
    """The policy that gives each DAG its roles; an instance without rights has none."""
    policy = rights.policy(instance.access)
    return {"airflowLocalSettings": _template("airflow_local_settings.py.j2").render(rights=policy)} if policy else {}


@cache
def _template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Python source, no HTML: every value goes through the filter `tojson`.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("fleet.desired", ""),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    # JSON's escape of a character beyond 16 bits is two characters to Python.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "ensure_ascii": False}
    return environment.get_template(name)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Helm's way: mappings key by key, anything else (lists too) replaced. Null takes away what ``base`` has, so that
    the chart's own default counts; where ``base`` has nothing, Helm is told, and takes away the chart's."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if value is None and key in merged:
            del merged[key]
        else:
            merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _digest(inputs: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
