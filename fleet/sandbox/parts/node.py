"""The real node: takes a site, gives containerd, kubelet, kube-proxy and CoreDNS as parts, never the control plane."""

from __future__ import annotations

from pathlib import Path

from fleet.sandbox import cluster, containers, network, probes
from fleet.sandbox.layout import BRIDGE, DOMAIN, POD_NETWORK, REAL_NODE
from fleet.sandbox.process import Part
from fleet.sandbox.site import Site


def parts(site: Site) -> list[Part]:
    """All that turns this machine into one node."""
    return [_containerd(site), _kubelet(site), _kube_proxy(site), _coredns(site)]


def _containerd(site: Site) -> Part:
    layout = site.layout
    site.write_config(
        "cni/10-fleet.conflist",
        "cni.conflist",
        bridge=BRIDGE,
        data=layout.cni,
        network=POD_NETWORK,
        first=network.FIRST_POD_ADDRESS,
        gateway=layout.address,
    )
    settings = site.write_config(
        "containerd.toml",
        "containerd.toml",
        root=layout.containerd,
        state=containers.state_folder(layout),
        socket=layout.containerd_socket,
        pause_image=containers.pause_image(),
        cni_bin=containers.cni_folder(),
        cni_conf=layout.config / "cni",
    )
    return Part(
        name="containerd",
        version=containers.version(),
        address=str(layout.containerd_socket),
        command=("containerd", "--config", str(settings)),
        needs=("network",),
        inputs=(settings,),
        prepare=lambda: containers.forget_other_boot(layout),
        ready=lambda: containers.serves(layout),
        own_children=False,
    )


def _kubelet(site: Site) -> Part:
    layout, keys = site.layout, site.credentials
    kubeconfig = keys.kubeconfigs["kubelet"]
    healthy = probes.http("http://127.0.0.1:10248/healthz")
    settings = site.write_config(
        "kubelet.yaml",
        "kubelet.yaml",
        address=layout.address,
        ca=keys.ca,
        certificate=keys.kubelet.certificate,
        key=keys.kubelet.key,
        socket=layout.containerd_socket,
        pod_logs=layout.pod_logs,
    )
    return Part(
        name="kubelet",
        version=site.version("kubelet"),
        address=f"https://{layout.address}:10250",
        command=(
            site.program("kubelet"),
            f"--config={settings}",
            f"--kubeconfig={kubeconfig}",
            f"--root-dir={layout.kubelet}",
            f"--cert-dir={layout.pki / 'kubelet'}",
            f"--hostname-override={REAL_NODE}",
            f"--node-ip={layout.address}",
        ),
        needs=("kube-apiserver", "containerd", "image pause"),
        inputs=(settings, kubeconfig, keys.kubelet.certificate),
        # The cluster's word alone may be an old one, from before this kubelet was started.
        ready=lambda: healthy() and cluster.node_ready(layout, REAL_NODE),
        timeout=120,
    )


def _kube_proxy(site: Site) -> Part:
    kubeconfig = site.credentials.kubeconfigs["kube-proxy"]
    settings = site.write_config(
        "kube-proxy.yaml",
        "kube-proxy.yaml",
        address=site.layout.address,
        kubeconfig=kubeconfig,
        node=REAL_NODE,
        pod_network=POD_NETWORK,
    )
    return Part(
        name="kube-proxy",
        version=site.version("kube-proxy"),
        address="http://127.0.0.1:10256",
        command=(site.program("kube-proxy"), f"--config={settings}"),
        needs=("kube-apiserver", "network", "kubelet"),
        inputs=(settings, kubeconfig),
        ready=probes.tcp("127.0.0.1", 10256),
    )


def _coredns(site: Site) -> Part:
    kubeconfig = site.credentials.kubeconfigs["coredns"]
    corefile = site.write_config(
        "Corefile",
        "Corefile",
        address=site.layout.address,
        kubeconfig=kubeconfig,
        domain=DOMAIN,
        upstream=_upstream(),
    )
    return Part(
        name="coredns",
        version=site.version("coredns"),
        address=f"dns://{site.layout.address}:53",
        command=(site.program("coredns"), "-conf", str(corefile)),
        needs=("kube-apiserver", "network"),
        inputs=(corefile, kubeconfig),
        ready=probes.http("http://127.0.0.1:8181/ready"),
    )


def _upstream() -> str:
    """The host's resolver file, if it names a server; CoreDNS refuses to start on one that names none."""
    resolver = Path("/etc/resolv.conf")
    named = resolver.is_file() and any(line.startswith("nameserver") for line in resolver.read_text().splitlines())
    return str(resolver) if named else ""
