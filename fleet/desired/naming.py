"""Names downstream: takes an instance's name, gives what it is called in each place, never invents a second rule."""

from __future__ import annotations

from fleet.model import Platform

SYSTEM_NAMESPACE = "fleet-system"
PLATFORM_SECRET = "fleet-platform"  # noqa: S105 (the name of a Secret)
INSTANCE_LABEL = "fleet/instance"
AIRFLOW_RELEASE = "airflow"
API_SERVER = "airflow-api-server"
API_PORT = 8080
CA_CONFIG_MAP = "fleet-ca"
CA_KEY = "ca.crt"  # in the platform's Secret and in that ConfigMap
PLATFORM_RELEASE = "platform"
DAG_ROLE = "dags-"  # how the roles of such rights begin
DRIFT = "fleet-drift"  # the scheduled look: its CronJob, its account, its sign-on client, and the Secret with its credentials
DRIFT_ROLE = "fleet_drift"  # its role on the database server
DRIFT_RELEASE = "drift"
DRIFT_METRICS = "fleet-metrics"  # what serves its reports to Prometheus
DRIFT_INVENTORY = "fleet-inventory"  # the ConfigMap that the inventory reaches it by
PORTAL = "fleet-portal"  # its Deployment, its label, its sign-on client, and the Secret with the client's secret


def namespace(instance: str) -> str:
    """Kubernetes namespace."""
    return f"airflow-{instance}"


def guardrails_release(instance: str) -> str:
    """Helm release of the guardrails; it lives in the system namespace, out of the team's reach."""
    return f"guardrails-{instance}"


def keys_secret(instance: str) -> str:
    """Secret in the system namespace that holds the instance's keys."""
    return f"keys-{instance}"


def next_keys_secret(instance: str) -> str:
    """Secret in the system namespace that holds keys about to take the place of the others; no instance's name has a dot."""
    return f"keys-{instance}.next"


def record(instance: str) -> str:
    """ConfigMap in the system namespace that says what was applied last."""
    return f"applied-{instance}"


def upgrades(instance: str) -> str:
    """ConfigMap in the system namespace that remembers the instance's upgrades."""
    return f"upgrades-{instance}"


def lease(instance: str) -> str:
    """Lease in the system namespace, held by whoever is at work on the instance."""
    return f"fleet-{instance}"


def drift_report(shard: int) -> str:
    """ConfigMap in the system namespace with what a pod of the scheduled look found last."""
    return f"drift-report-{shard}" if shard else "drift-report"


def sql(instance: str) -> str:
    """Database, schema and role: PostgreSQL names without dashes need no quotes anywhere."""
    return instance.replace("-", "_")


def client_id(instance: str) -> str:
    """Keycloak client."""
    return f"airflow-{instance}"


def dag_role(right: str) -> str:
    """Role of that client, its group, and FAB's role, for a right to some of the DAGs."""
    return f"{DAG_ROLE}{right}"


def display_name(instance: str) -> str:
    """What people read when they sign in."""
    return f"Airflow of {instance}"


def service_account(instance: str) -> str:
    """Id of the Google service account; `fleet.inventory.checks` counts on the prefix."""
    return f"airflow-{instance}"


def portal_url(platform: Platform) -> str | None:
    """The portal's address, without a slash at its end; None where there is no portal."""
    return f"https://{platform.domain}" if platform.portal.enabled and platform.urls != "service" else None


def url(platform: Platform, instance: str) -> str:
    """Base URL, without a slash at its end."""
    if platform.urls == "host":
        return f"https://{instance}.{platform.domain}"
    if platform.urls == "path":
        return f"https://{platform.domain}/{instance}"
    return f"http://{API_SERVER}.{namespace(instance)}.svc.cluster.local:{API_PORT}"
