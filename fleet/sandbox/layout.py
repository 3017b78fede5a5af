"""Where the sandbox lives: takes the XDG folders and the recorded mode, gives paths and addresses, never starts anything."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from fleet.paths import cache_dir, state_dir

BRIDGE = "fleet0"
BRIDGE_ADDRESS = "10.244.0.1"
POD_NETWORK = "10.244.0.0/24"
SERVICE_NETWORK = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
CONTEXT = "fleet-sandbox"
REAL_NODE = "fleet-node"
# Browsers take every name below `localhost` for this machine (RFC 6761); pods and this machine's programs are told.
DOMAIN = "fleet.localhost"
SSO_HOST = f"sso.{DOMAIN}"
FRONT_CLASS = "traefik"
PLATFORM_NAMESPACE = "fleet-system"
PLATFORM_SECRET = "fleet-platform"  # noqa: S105 - the name of a Secret, not a secret

API_PORT = 6443
ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
POSTGRES_PORT = 5432
KEYCLOAK_PORT = 8180
GIT_PORT = 9418
CLOUD_SQL_PORT = 9410

# What the local Cloud SQL Admin API calls its one instance (and its project), and the bucket it finds there.
CLOUD_SQL_INSTANCE = "fleet-sandbox"
BACKUP_BUCKET = "fleet-backups"


@dataclass(frozen=True)
class Mode:
    """What the last ``up`` was asked for; recorded, so that ``status`` and ``down`` know it."""

    real_node: bool = True
    simulated_nodes: int = 0


@dataclass(frozen=True)
class Layout:
    """Paths below ``root`` (state) and ``cache``, and the address that every part listens on."""

    root: Path
    cache: Path
    mode: Mode

    @property
    def address(self) -> str:
        """Address of every server: the bridge where pods run, else the loopback."""
        return BRIDGE_ADDRESS if self.mode.real_node else "127.0.0.1"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def git(self) -> Path:
        """Bare repositories below it are served at ``git://<address>:9418/<name>``."""
        return self.root / "git"

    @property
    def buckets(self) -> Path:
        """Stands for Cloud Storage: ``gs://bucket/path`` is the file ``bucket/path`` below it."""
        return self.root / "buckets"

    @property
    def terraformrc(self) -> Path:
        return self.root / "terraformrc"

    @property
    def etcd(self) -> Path:
        return self.root / "etcd"

    @property
    def containerd(self) -> Path:
        return self.root / "containerd"

    @property
    def containerd_socket(self) -> Path:
        return self.run / "containerd.sock"

    @property
    def kubelet(self) -> Path:
        return self.root / "kubelet"

    @property
    def pod_logs(self) -> Path:
        return self.root / "pod-logs"

    @property
    def cni(self) -> Path:
        return self.root / "cni"

    @property
    def postgres(self) -> Path:
        """Data and socket of PostgreSQL.

        The server refuses to run as root, and root's home is closed to every other user; so for root the folder
        lies below /var/lib, told apart by the state folder's path.
        """
        if os.geteuid() != 0:
            return self.root / "postgres"
        return Path("/var/lib") / f"fleet-sandbox-{hashlib.sha256(str(self.root).encode()).hexdigest()[:8]}"

    @property
    def keycloak_url(self) -> str:
        """Keycloak as everybody else calls it: through the front, where there is one."""
        return f"https://{SSO_HOST}" if self.mode.real_node else self.keycloak_behind

    @property
    def keycloak_behind(self) -> str:
        """Keycloak itself."""
        return f"http://{self.address}:{KEYCLOAK_PORT}"

    @property
    def front_ca(self) -> Path:
        """The authority that signs the front's certificate; it can sign for nothing but the sandbox's own names."""
        return self.pki / "front-ca.crt"

    @property
    def api_url(self) -> str:
        return f"https://{self.address}:{API_PORT}"

    def environment(self) -> dict[str, str]:
        """Variables for a shell; ``PATH`` holds the prefix only, the caller appends the rest."""
        values = {
            "PATH": str(self.bin),
            "KUBECONFIG": str(self.kubeconfig),
            "PGHOST": self.address,
            "PGPORT": str(POSTGRES_PORT),
            "KEYCLOAK_URL": self.keycloak_url,
            "FLEET_SANDBOX_GIT": f"git://{self.address}:{GIT_PORT}",
            "FLEET_SANDBOX_GIT_ROOT": str(self.git),
        }
        if self.mode.real_node:
            values["FLEET_SANDBOX_CA"] = str(self.front_ca)
        if self.terraformrc.is_file():
            values["TF_CLI_CONFIG_FILE"] = str(self.terraformrc)
        return values

    def remember(self) -> None:
        """Write the mode down for the next command."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._record.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self.mode)))
        temporary.replace(self._record)

    @property
    def _record(self) -> Path:
        return self.root / "mode.json"


def exists() -> bool:
    """Whether an ``up`` was ever begun in this state folder."""
    return (_root() / "mode.json").is_file()


def current() -> Layout:
    """The layout of the sandbox as last recorded; before the first ``up``, the one with a real node."""
    record = _root() / "mode.json"
    mode = Mode(**json.loads(record.read_text())) if record.is_file() else Mode()
    return with_mode(mode)


def with_mode(mode: Mode) -> Layout:
    """The layout of a sandbox in this mode."""
    return Layout(_root(), cache_dir(), mode)


def _root() -> Path:
    return state_dir() / "sandbox"
