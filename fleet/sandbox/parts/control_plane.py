"""Kubernetes without a node: takes a site, gives etcd, API server, controllers, scheduler and kwok, never a node."""

from __future__ import annotations

from fleet.sandbox import cluster, probes
from fleet.sandbox.layout import API_PORT, ETCD_PEER_PORT, ETCD_PORT, SERVICE_NETWORK
from fleet.sandbox.process import Part
from fleet.sandbox.site import Site

_SIMULATED_POD_NETWORK = "10.245.0.0/16"


def parts(site: Site) -> list[Part]:
    """The control plane, and kwok where nodes are simulated."""
    simulated = [_kwok(site)] if site.layout.mode.simulated_nodes else []
    return [_etcd(site), _api_server(site), _controller_manager(site), _scheduler(site), *simulated]


def _etcd(site: Site) -> Part:
    address, keys = site.layout.address, site.credentials
    client, peer = f"https://{address}:{ETCD_PORT}", f"http://127.0.0.1:{_peer_port(site)}"
    return Part(
        name="etcd",
        version=site.version("etcd"),
        address=client,
        command=(
            site.program("etcd"),
            "--name=fleet-sandbox",
            f"--data-dir={site.layout.etcd}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=fleet-sandbox={peer}",
            f"--cert-file={keys.etcd.certificate}",
            f"--key-file={keys.etcd.key}",
            f"--trusted-ca-file={keys.etcd_ca}",
            "--client-cert-auth",
            "--auto-compaction-retention=1",
            "--log-level=warn",
        ),
        needs=("network",),
        inputs=(keys.etcd.certificate, keys.etcd_ca),
        ready=probes.tcp(address, ETCD_PORT),
        # Its log on disk is made to be cut off at any point; waiting for its clients gains nothing.
        stop_timeout=2,
    )


def _peer_port(site: Site) -> int:
    # Peers never talk here, but the port is bound: sandboxes of different modes must not collide on the loopback.
    return ETCD_PEER_PORT if site.layout.mode.real_node else ETCD_PEER_PORT + 1


def _api_server(site: Site) -> Part:
    layout, keys = site.layout, site.credentials
    audit = site.write_config("audit-policy.yaml", "audit-policy.yaml")
    # A loopback address may not be announced as the endpoint of the service `kubernetes`.
    endpoints = (
        (f"--advertise-address={layout.address}",)
        if layout.mode.real_node
        else ("--endpoint-reconciler-type=none", f"--advertise-address={layout.address}")
    )
    return Part(
        name="kube-apiserver",
        version=site.version("kube-apiserver"),
        address=layout.api_url,
        command=(
            site.program("kube-apiserver"),
            f"--bind-address={layout.address}",
            f"--secure-port={API_PORT}",
            *endpoints,
            f"--etcd-servers=https://{layout.address}:{ETCD_PORT}",
            f"--etcd-cafile={keys.etcd_ca}",
            f"--etcd-certfile={keys.etcd_client.certificate}",
            f"--etcd-keyfile={keys.etcd_client.key}",
            f"--client-ca-file={keys.ca}",
            f"--tls-cert-file={keys.api.certificate}",
            f"--tls-private-key-file={keys.api.key}",
            f"--kubelet-certificate-authority={keys.ca}",
            f"--kubelet-client-certificate={keys.api_to_kubelet.certificate}",
            f"--kubelet-client-key={keys.api_to_kubelet.key}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={keys.service_accounts.certificate}",
            f"--service-account-signing-key-file={keys.service_accounts.key}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            "--profiling=false",
            f"--audit-policy-file={audit}",
            f"--audit-log-path={layout.logs / 'audit.log'}",
            "--audit-log-maxsize=50",
            "--audit-log-maxbackup=2",
        ),
        needs=("etcd",),
        inputs=(keys.ca, keys.api.certificate, keys.etcd_client.certificate, keys.service_accounts.certificate, audit),
        ready=probes.http(f"{layout.api_url}/readyz", keys.ca),
        timeout=120,
        follow_up=lambda: cluster.apply_platform(site),
        # It waits for open watches before it ends; nobody misses them here.
        stop_timeout=2,
    )


def _controller_manager(site: Site) -> Part:
    keys, address = site.credentials, site.layout.address
    kubeconfig = keys.kubeconfigs["kube-controller-manager"]
    return Part(
        name="kube-controller-manager",
        version=site.version("kube-controller-manager"),
        address=f"https://{address}:10257",
        command=(
            site.program("kube-controller-manager"),
            f"--kubeconfig={kubeconfig}",
            f"--bind-address={address}",
            f"--root-ca-file={keys.ca}",
            f"--cluster-signing-cert-file={keys.ca}",
            f"--cluster-signing-key-file={keys.ca_key}",
            f"--service-account-private-key-file={keys.service_accounts.key}",
            "--use-service-account-credentials",
            "--allocate-node-cidrs=false",
            "--leader-elect=false",
            "--profiling=false",
        ),
        needs=("kube-apiserver",),
        inputs=(kubeconfig, keys.ca),
        ready=probes.http(f"https://{address}:10257/healthz"),
    )


def _scheduler(site: Site) -> Part:
    address, kubeconfig = site.layout.address, site.credentials.kubeconfigs["kube-scheduler"]
    return Part(
        name="kube-scheduler",
        version=site.version("kube-scheduler"),
        address=f"https://{address}:10259",
        command=(
            site.program("kube-scheduler"),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={address}",
            "--leader-elect=false",
            "--profiling=false",
        ),
        needs=("kube-apiserver",),
        inputs=(kubeconfig,),
        ready=probes.http(f"https://{address}:10259/healthz"),
    )


def _kwok(site: Site) -> Part:
    address, kubeconfig = site.layout.address, site.credentials.kubeconfigs["kwok"]
    stages = site.write_config("kwok.yaml", "kwok.yaml")
    return Part(
        name="kwok",
        version=site.version("kwok"),
        address=f"http://{address}:10247",
        command=(
            site.program("kwok"),
            f"--kubeconfig={kubeconfig}",
            f"--config={stages}",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            f"--cidr={_SIMULATED_POD_NETWORK}",
            f"--node-ip={address}",
            "--node-lease-duration-seconds=40",
            f"--server-address={address}:10247",
        ),
        needs=("kube-apiserver",),
        inputs=(kubeconfig, stages),
        ready=probes.http(f"http://{address}:10247/healthz"),
        follow_up=lambda: cluster.apply_simulated_nodes(site),
    )
