"""Who may do what in the sandbox: takes its layout, gives certificates, kubeconfigs and passwords, never prints one."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

from fleet.sandbox import config, pki
from fleet.sandbox.layout import CONTEXT, DOMAIN, KUBERNETES_SERVICE, REAL_NODE, Layout
from fleet.sandbox.pki import Authority, Leaf, Pair

DATABASE_ADMIN = "fleet_admin"
SSO_ADMIN = "fleet-admin"

_API_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
)
# Name of the kubeconfig, user and groups as the API server reads them from the certificate.
_CLIENTS = (
    Leaf("admin", "fleet-sandbox-admin", ("system:masters",)),
    Leaf("kube-controller-manager", "system:kube-controller-manager"),
    Leaf("kube-scheduler", "system:kube-scheduler"),
    Leaf("kube-proxy", "system:kube-proxy"),
    Leaf("coredns", "system:coredns"),
    Leaf("traefik", "fleet-sandbox-front"),
    # kwok plays the kubelet of every simulated node, which no built-in role allows one user to do.
    Leaf("kwok", "fleet-sandbox-kwok", ("system:masters",)),
    Leaf("kubelet", f"system:node:{REAL_NODE}", ("system:nodes",)),
)


@dataclass(frozen=True)
class Credentials:
    """Certificates of the servers, kubeconfig files of the clients."""

    ca: Path
    ca_key: Path
    etcd_ca: Path
    etcd: Pair
    etcd_client: Pair
    api: Pair
    api_to_kubelet: Pair
    kubelet: Pair
    front: Pair
    service_accounts: Pair
    kubeconfigs: dict[str, Path]


def issue(layout: Layout) -> Credentials:
    """Make what is missing or about to expire, and write the kubeconfigs."""
    hosts = tuple(dict.fromkeys((layout.address, "127.0.0.1")))
    cluster, etcd = Authority(layout.pki, "ca"), Authority(layout.pki, "etcd-ca")
    # An authority of its own: to trust it in a browser must not mean to trust whoever signs for the cluster.
    front = Authority(layout.pki, layout.front_ca.stem, only=DOMAIN)
    return Credentials(
        ca=cluster.pair.certificate,
        ca_key=cluster.pair.key,
        etcd_ca=etcd.pair.certificate,
        etcd=etcd.issue(Leaf("etcd-server", "etcd", hosts=hosts)),
        etcd_client=etcd.issue(Leaf("etcd-client", "kube-apiserver")),
        api=cluster.issue(Leaf("api", "kube-apiserver", hosts=(*_API_NAMES, *hosts, KUBERNETES_SERVICE))),
        api_to_kubelet=cluster.issue(Leaf("api-to-kubelet", "kube-apiserver")),
        kubelet=cluster.issue(Leaf("kubelet-server", REAL_NODE, hosts=(REAL_NODE, *hosts))),
        front=front.issue(Leaf("front", DOMAIN, hosts=(DOMAIN, f"*.{DOMAIN}"))),
        service_accounts=pki.signing_key(layout.pki, "service-accounts"),
        kubeconfigs={leaf.name: _kubeconfig(layout, cluster, leaf) for leaf in _CLIENTS},
    )


def password(layout: Layout, name: str) -> str:
    """The random password of this name, made at the first call and kept in a file that only the owner reads."""
    path = layout.secrets / name
    if not path.is_file():
        layout.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        config.write(path, secrets.token_urlsafe(24))
    return path.read_text()


def _kubeconfig(layout: Layout, authority: Authority, leaf: Leaf) -> Path:
    pair = authority.issue(Leaf(f"client-{leaf.name}", leaf.common_name, leaf.groups))
    text = config.render(
        "kubeconfig.yaml",
        context=CONTEXT,
        server=layout.api_url,
        user=leaf.common_name,
        ca=_base64(authority.pair.certificate),
        certificate=_base64(pair.certificate),
        key=_base64(pair.key),
    )
    path = layout.kubeconfig if leaf.name == "admin" else layout.config / f"{leaf.name}.kubeconfig"
    return config.write(path, text)


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
