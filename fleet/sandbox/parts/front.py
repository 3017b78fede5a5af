"""The front: takes a site, gives Traefik as a part, with the certificate of the sandbox's own names, never a route.

Routes come from the cluster (Ingresses, HTTPRoutes); the only one that is told here leads to Keycloak, which is no pod.
"""

from __future__ import annotations

from fleet.sandbox import probes
from fleet.sandbox.layout import FRONT_CLASS, SSO_HOST
from fleet.sandbox.process import Part
from fleet.sandbox.site import Site

_PING_PORT = 9082


def part(site: Site) -> Part:
    """Traefik on the pods' bridge and on the loopback, ports 443 and 80."""
    layout, keys = site.layout, site.credentials
    routes = site.write_config(
        "front-routes.yaml",
        "front-routes.yaml",
        certificate=keys.front.certificate,
        key=keys.front.key,
        address=layout.address,
        sso_host=SSO_HOST,
        keycloak=layout.keycloak_behind,
    )
    settings = site.write_config(
        "front.yaml",
        "front.yaml",
        address=layout.address,
        ping_port=_PING_PORT,
        routes=routes,
        ingress_class=FRONT_CLASS,
    )
    kubeconfig = keys.kubeconfigs["traefik"]
    return Part(
        name="traefik",
        version=site.version("traefik"),
        address=f"https://{layout.address}:443",
        command=(site.program("traefik"), f"--configFile={settings}"),
        environment=(("KUBECONFIG", str(kubeconfig)),),
        needs=("kube-apiserver", "network"),
        inputs=(settings, routes, kubeconfig, keys.front.certificate),
        ready=probes.http(f"http://127.0.0.1:{_PING_PORT}/ping"),
    )
