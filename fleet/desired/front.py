"""The way in from outside of the cluster: takes the platform and an instance, gives the values that make its route and its
trust in the front's certificate authority, nothing where there is no front."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fleet.desired import naming
from fleet.desired.resolve import Resolved
from fleet.model import Platform

_CA_FOLDER = "/etc/fleet/ca"
# The first is Python's and OpenSSL's, the second that of `requests`, which brings roots of its own.
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def ingress(platform: Platform, instance: Resolved) -> dict[str, Any]:
    """Values of the Airflow chart that make an Ingress."""
    front = platform.front
    if platform.urls == "service" or front.kind != "ingress" or _is_the_portals(platform, instance):
        return {}
    host, path = place(platform, instance.name)
    tls = {"tls": {"enabled": True, "secretName": front.tls_secret}} if front.tls_secret else {}
    own = {
        "enabled": True,
        "hosts": [{"name": host, **tls}],
        "path": path,
        "pathType": "Prefix",
        "annotations": dict(front.annotations),
        **({"ingressClassName": front.class_name} if front.class_name else {}),
    }
    return {"ingress": {"apiServer": own}}


def route(platform: Platform, instance: Resolved) -> dict[str, Any] | None:
    """Value `network.front.route` of the guardrails chart."""
    front = platform.front
    if platform.urls == "service" or front.gateway is None or _is_the_portals(platform, instance):
        return None
    host, path = place(platform, instance.name)
    return {
        "gateway": front.gateway.model_dump(),
        "host": host,
        "path": path,
        "service": naming.API_SERVER,
        "annotations": dict(front.annotations),
    }


def _is_the_portals(platform: Platform, instance: Resolved) -> bool:
    """Whether the address is the portal's for now, which says there that the instance is suspended."""
    return instance.suspended and naming.portal_url(platform) is not None


def trust(platform: Platform) -> dict[str, Any]:
    """Values `apiServer` of the Airflow chart: only the API server talks to Keycloak."""
    if not platform.private_ca:
        return {}
    file = f"{_CA_FOLDER}/{naming.CA_KEY}"
    return {
        "extraVolumes": [{"name": "fleet-ca", "configMap": {"name": naming.CA_CONFIG_MAP}}],
        "extraVolumeMounts": [{"name": "fleet-ca", "mountPath": _CA_FOLDER, "readOnly": True}],
        "env": [{"name": variable, "value": file} for variable in _CA_VARIABLES],
    }


def place(platform: Platform, instance: str) -> tuple[str, str]:
    """Host and path of an instance; the front hands the path on as it is."""
    url = urlsplit(naming.url(platform, instance))
    return url.netloc, url.path or "/"
