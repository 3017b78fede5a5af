"""An API server of one's own: etcd and kube-apiserver and nothing else, with an audit log of every request.

No controller runs, so two hundred instances in it cost nothing but their objects, and nobody else sees them.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from ssl import create_default_context
from typing import Any

import yaml

from fleet.sandbox import builds, pki

# As the context of a sandbox, so that fleet finds it by the state folder; the sandbox itself is not concerned.
CONTEXT = "fleet-sandbox"
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True)
class ApiServer:
    """The running server."""

    home: Path  # the XDG_STATE_HOME in which fleet finds it
    url: str
    restart: Callable[[], None] = field(repr=False)  # ends the server and starts it again on the same data

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which fleet takes it for the sandbox."""
        return {**os.environ, "XDG_STATE_HOME": str(self.home)}

    @property
    def kubeconfig(self) -> Path:
        return self.home / "fleet" / "sandbox" / "kubeconfig"

    def requests(self, process: int) -> list[str]:
        """`verb path` of each request that one fleet process made, by the audit log."""
        agent = f"(process {process})"
        lines = map(json.loads, (self.home / "audit.log").read_text().splitlines())
        return [f"{line['verb']} {line['requestURI']}" for line in lines if agent in line.get("userAgent", "")]


@contextlib.contextmanager
def running() -> Iterator[ApiServer]:
    """The server while the block lasts; built like the sandbox's where it is not in the cache yet."""
    home = Path(tempfile.mkdtemp(prefix="fleet-api-", dir="/tmp"))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        yield _start(home, processes)
    finally:
        for process in reversed(processes):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
        shutil.rmtree(home)


def _start(home: Path, processes: list[subprocess.Popen[bytes]]) -> ApiServer:
    def run(name: str, *options: str) -> None:
        with (home / f"{name}.log").open("wb") as log:
            processes.append(subprocess.Popen([builds.tool(name), *options], stdout=log, stderr=log))

    client, peer, port = _free_port(), _free_port(), _free_port()
    etcd, url = f"http://127.0.0.1:{client}", f"https://127.0.0.1:{port}"
    run(
        "etcd", f"--data-dir={home / 'etcd'}", "--log-level=error", "--unsafe-no-fsync",
        f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
    )  # fmt: skip
    authority = pki.Authority(home, "ca")
    server = authority.issue(pki.Leaf("server", "server", hosts=("127.0.0.1",)))
    accounts, token = pki.signing_key(home, "accounts"), secrets.token_hex(16)
    (home / "tokens").write_text(f"{token},admin,admin,system:masters\n")
    (home / "policy").write_text(json.dumps(_POLICY))
    served = (
        "kube-apiserver", "--bind-address=127.0.0.1", f"--secure-port={port}", f"--etcd-servers={etcd}",
        f"--tls-cert-file={server.certificate}", f"--tls-private-key-file={server.key}",
        f"--token-auth-file={home / 'tokens'}", "--authorization-mode=RBAC", "--endpoint-reconciler-type=none",
        "--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.97.0.0/16",
        f"--service-account-key-file={accounts.certificate}", f"--service-account-signing-key-file={accounts.key}",
        "--disable-admission-plugins=ServiceAccount", "--profiling=false",
        f"--audit-policy-file={home / 'policy'}", f"--audit-log-path={home / 'audit.log'}",
    )  # fmt: skip

    def restart() -> None:
        processes[-1].terminate()
        processes.pop().wait(30)
        serve()

    def serve() -> None:
        run(*served)
        _wait(found, authority.pair.certificate, token)

    found = ApiServer(home, url, restart)
    _write_kubeconfig(found, token, authority.pair.certificate)
    serve()
    return found


def _write_kubeconfig(server: ApiServer, token: str, authority: Path) -> None:
    config: dict[str, Any] = {
        "apiVersion": "v1", "kind": "Config", "current-context": CONTEXT,
        "clusters": [{"name": "own", "cluster": {"server": server.url, "certificate-authority": str(authority)}}],
        "users": [{"name": "own", "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": "own", "user": "own"}}],
    }  # fmt: skip
    server.kubeconfig.parent.mkdir(parents=True)
    server.kubeconfig.write_text(yaml.safe_dump(config))


def _wait(server: ApiServer, authority: Path, token: str) -> None:
    context, deadline = create_default_context(cafile=str(authority)), time.monotonic() + 90
    request = urllib.request.Request(f"{server.url}/readyz", headers={"Authorization": f"Bearer {token}"})
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(request, context=context, timeout=2).close()
            return
        time.sleep(0.3)
    raise AssertionError((server.home / "kube-apiserver.log").read_text()[-3000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
