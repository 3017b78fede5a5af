"""`python -m fleet_portal`: takes the pod's environment, gives a server on two ports, never ends by itself."""

from __future__ import annotations

import logging
import os
import socket
import ssl

import httpx
import uvicorn

from fleet_portal import app, settings, suspended

PORT = 8080
# Shorter than a page waits for its Airflows.
_SECONDS = 3.0


def main() -> None:
    """Serve."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    told = settings.read(os.environ)
    # SSL_CERT_FILE, where it is set, names the CAs that signed Keycloak's certificate.
    outside = httpx.AsyncClient(verify=ssl.create_default_context(), timeout=_SECONDS, trust_env=False)
    cluster = httpx.AsyncClient(
        verify=ssl.create_default_context(cafile=told.account / "ca.crt"), timeout=_SECONDS, trust_env=False
    )
    config = uvicorn.Config(
        app.create(told, outside, cluster), access_log=False, server_header=False, proxy_headers=False, log_level="warning",
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    ports = [socket.create_server(("0.0.0.0", port)) for port in (PORT, suspended.PORT)]  # noqa: S104
    uvicorn.Server(config).run(sockets=ports)


if __name__ == "__main__":
    main()
