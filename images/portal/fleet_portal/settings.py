"""What the portal is told: takes the environment, gives settings, never a default for what only the platform knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Where Kubernetes mounts a pod's own token and the API server's CA.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Settings:
    """One portal.

    Args:
        url: its own origin, without a slash at its end.
        issuer: the realm, as it stands in Keycloak's tokens.
        namespace: where the records are.
        api: address of the Kubernetes API.
        account: folder with the pod's ``token`` and the API server's ``ca.crt``.
    """

    url: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    namespace: str
    api: str
    account: Path = ACCOUNT


def read(environment: Mapping[str, str]) -> Settings:
    """The settings of this pod.

    Raises:
        KeyError: a variable is missing.
        OSError: the file with the client's secret is missing.
    """
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    return Settings(
        url=environment["PORTAL_URL"].rstrip("/"),
        issuer=environment["PORTAL_ISSUER"],
        client_id=environment["PORTAL_CLIENT_ID"],
        client_secret=Path(environment["PORTAL_CLIENT_SECRET_FILE"]).read_text(encoding="utf-8").strip(),
        namespace=environment["PORTAL_NAMESPACE"],
        api=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
    )
