"""Google Cloud's share of what should be: takes the platform and an instance's name, gives variables and values, nothing at all
where the platform is elsewhere."""

from __future__ import annotations

from typing import Any

from fleet.desired import naming
from fleet.model import Platform

# Components whose pods are the Google service account: all of them write or read logs.
_COMPONENTS = ("api-server", "dag-processor", "scheduler", "triggerer", "worker")
# https://cloud.google.com/kubernetes-engine/docs/how-to/network-policy#network-policy-and-workload-identity: Dataplane V2's
# metadata server, and that of other clusters.
_METADATA: list[dict[str, Any]] = [
    {"cidrs": ["169.254.169.254/32"], "ports": [80]},
    {"cidrs": ["169.254.169.252/32"], "ports": [988]},
]
# https://cloud.google.com/vpc/docs/configure-private-google-access: private.googleapis.com, to which the network's DNS leads.
_APIS: dict[str, Any] = {"cidrs": ["199.36.153.8/30"], "ports": [443]}

# https://cloud.google.com/kubernetes-engine/docs/how-to/nodelocal-dns-cache: Autopilot's pods ask this one, not kube-dns.
_DNS: list[dict[str, Any]] = [
    {
        "namespaceLabels": {"kubernetes.io/metadata.name": "kube-system"},
        "podLabels": {"k8s-app": "node-local-dns"},
        "ports": [53],
        "protocol": protocol,
    }
    for protocol in ("UDP", "TCP")
]


def platform_variables(platform: Platform) -> dict[str, Any]:
    """Variables that the stack `platform` has on Google Cloud only; the administrator's password is none of them."""
    if platform.gcp is None:
        return {}
    cloud = platform.gcp
    return {
        "cloud": "gcp",
        "gcp": {
            "project": cloud.project,
            "region": cloud.region,
            "network": cloud.network,
            "database": {**cloud.database.model_dump(), "host": platform.database.host},
            "log_bucket": {"name": cloud.log_bucket, "days": cloud.log_days},
        },
    }


def team_variables(platform: Platform, instance: str) -> dict[str, Any]:
    """Variables that the stack `team` has on Google Cloud only."""
    if platform.gcp is None:
        return {}
    database = platform.gcp.database
    return {
        "cloud": "gcp",
        "gcp": {
            "project": platform.gcp.project,
            "service_account": naming.service_account(instance),
            "namespace": naming.namespace(instance),
            "kubernetes_service_accounts": [f"{naming.AIRFLOW_RELEASE}-{name}" for name in _COMPONENTS],
            "log_bucket": platform.gcp.log_bucket,
            "database_server": database.name if database.iam_authentication else "",
        },
    }


def airflow_values(platform: Platform, instance: str) -> dict[str, Any]:
    """Values of the Airflow chart: pods are the service account, and logs go to the instance's folder of the bucket."""
    if platform.gcp is None:
        return {}
    email = f"{naming.service_account(instance)}@{platform.gcp.project}.iam.gserviceaccount.com"
    account = {"serviceAccount": {"annotations": {"iam.gke.io/gcp-service-account": email}}}
    return {
        "config": {
            "logging": {
                "remote_logging": "True",
                "remote_base_log_folder": f"gs://{platform.gcp.log_bucket}/{instance}",
            }
        },
        **dict.fromkeys(("apiServer", "scheduler", "dagProcessor", "triggerer"), account),
        "workers": {"kubernetes": account},
    }


def egress(platform: Platform) -> list[dict[str, Any]]:
    """Ways out that the guardrails leave open: names, who am I, and Google's own services."""
    return [*dns(platform), *_METADATA, _APIS] if platform.gcp else []


def dns(platform: Platform) -> list[dict[str, Any]]:
    """Ways to names beside the cluster's own DNS."""
    return _DNS if platform.gcp else []
