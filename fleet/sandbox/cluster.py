"""Objects of the cluster: takes a site, applies what every cluster needs and the simulated nodes, never an instance's."""

from __future__ import annotations

import json
import time
from pathlib import Path

from fleet.errors import FleetError
from fleet.sandbox import config, gateway, postgres
from fleet.sandbox.credentials import DATABASE_ADMIN, SSO_ADMIN
from fleet.sandbox.layout import FRONT_CLASS, PLATFORM_NAMESPACE, PLATFORM_SECRET, Layout
from fleet.sandbox.shell import attempt, run
from fleet.sandbox.site import Site

_ESTABLISHED_SECONDS = 30.0


def apply_platform(site: Site) -> None:
    """Rights of the host's CoreDNS, the Secret by which fleet gets at the admin accounts, and what the front is there."""
    text = config.render(
        "cluster.yaml",
        namespace=PLATFORM_NAMESPACE,
        secret=PLATFORM_SECRET,
        credentials={
            "database-admin-username": DATABASE_ADMIN,
            "database-admin-password": site.password("postgres-admin"),
            "sso-admin-username": SSO_ADMIN,
            "sso-admin-password": site.password("keycloak-admin"),
            "terraform-backend-conn-str": postgres.url(site, "terraform"),
            "ca.crt": site.layout.front_ca.read_text(),
        },
    )
    _apply(site.layout, text)
    if site.layout.mode.real_node:
        _apply_front(site)


def _apply_front(site: Site) -> None:
    version, mark = site.versions.gateway_api, "gateway.networking.k8s.io/bundle-version"
    query = "jsonpath={.metadata.annotations." + mark.replace(".", "\\.") + "}"
    httproutes = "httproutes.gateway.networking.k8s.io"
    if _kubectl(site.layout, "get", "crd", httproutes, "--ignore-not-found", f"--output={query}") != version:
        _apply(site.layout, "", str(gateway.definitions(version)))
        _wait_until_established(site.layout, httproutes)
    front = site.credentials.front
    text = config.render(
        "front-cluster.yaml",
        namespace=PLATFORM_NAMESPACE,
        class_name=FRONT_CLASS,
        certificate=front.certificate.read_text(),
        key=front.key.read_text(),
    )
    _apply(site.layout, text)


def apply_simulated_nodes(site: Site) -> None:
    """As many simulated nodes as the mode says; those beyond that number go."""
    mode = site.layout.mode
    names = [f"simulated-{number:04d}" for number in range(1, mode.simulated_nodes + 1)]
    present = _names(site.layout, "nodes", "--selector=fleet/simulated=true")
    gone = sorted(set(present) - set(names))
    if gone:
        _kubectl(site.layout, "delete", "nodes", *gone)
    if set(names) - set(present):
        _apply(site.layout, config.render("nodes.yaml", names=names, tainted=mode.real_node))


def remove_simulated_nodes(layout: Layout) -> None:
    """Take the simulated nodes out of the cluster (kwok is about to go)."""
    _kubectl(layout, "delete", "nodes", "--selector=fleet/simulated=true", "--ignore-not-found")


def node_ready(layout: Layout, name: str) -> bool:
    """Whether the node says that it is ready."""
    return _holds(layout, "Ready", "node", name)


def _wait_until_established(layout: Layout, definition: str) -> None:
    """Until the API server serves the resource. `kubectl wait` fails at once where a new definition has no conditions yet."""
    end = time.monotonic() + _ESTABLISHED_SECONDS
    while not _holds(layout, "Established", "crd", definition):
        if time.monotonic() > end:
            raise FleetError(f"the API server does not serve {definition} after {_ESTABLISHED_SECONDS:.0f} s")
        time.sleep(0.2)


def _holds(layout: Layout, condition: str, kind: str, name: str) -> bool:
    query = f"jsonpath={{.status.conditions[?(@.type=='{condition}')].status}}"
    done = attempt(*_command(layout), "get", kind, name, "--ignore-not-found", f"--output={query}")
    return done.returncode == 0 and done.stdout == "True"


def _names(layout: Layout, *query: str) -> list[str]:
    items = json.loads(_kubectl(layout, "get", *query, "--output=json"))["items"]
    return [item["metadata"]["name"] for item in items]


def _apply(layout: Layout, text: str, source: str = "-") -> None:
    # Server-side: the client-side way would copy the Secret into an annotation.
    _kubectl(
        layout, "apply", "--server-side", "--force-conflicts", "--field-manager=fleet-sandbox", "-f", source, stdin=text
    )


def _kubectl(layout: Layout, *words: str, stdin: str = "") -> str:
    return run(*_command(layout), *words, stdin=stdin)


def _command(layout: Layout) -> tuple[str, ...]:
    return (str(Path(layout.bin) / "kubectl"), f"--kubeconfig={layout.kubeconfig}", "--request-timeout=20s")
