"""`python -m fleet_portal`: takes the pod's environment, gives a server on port 8080, never ends by itself."""

from __future__ import annotations

import logging
import os
import ssl

import httpx
import uvicorn

from fleet_portal import app, settings

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
    uvicorn.run(
        app.create(told, outside, cluster), host="0.0.0.0", port=PORT, access_log=False, server_header=False,  # noqa: S104
        proxy_headers=False, log_level="warning", timeout_graceful_shutdown=5,
    )  # fmt: skip


if __name__ == "__main__":
    main()
