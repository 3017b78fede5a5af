"""Readiness: takes an address, says whether something serves there, never raises."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

# Seconds; a busy machine may take its time for one answer.
_TIMEOUT = 5.0


def tcp(host: str, port: int) -> Callable[[], bool]:
    """Ready when the port takes connections."""

    def probe() -> bool:
        try:
            socket.create_connection((host, port), _TIMEOUT).close()
        except OSError:
            return False
        return True

    return probe


def http(url: str, ca: Path | None = None) -> Callable[[], bool]:
    """Ready when a GET answers 200; for https with the CA given, else any certificate (they are self-signed)."""

    def probe() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT, context=_tls(url, ca)) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    return probe


def _tls(url: str, ca: Path | None) -> ssl.SSLContext | None:
    if not url.startswith("https"):
        return None
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if ca is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
