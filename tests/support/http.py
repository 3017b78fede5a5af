"""The front as a program on this machine sees it: takes URLs below the sandbox's domain, gives answers, follows no redirect.

A resolver here knows only the platform's own names; browsers take every name below `localhost` for the loopback, as this does.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from fleet.drivers import trust
from fleet.sandbox import layout


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


def ask(url: str, method: str = "GET", body: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """One request; over TLS with the certificate checked against the sandbox's authority."""
    parts = urlsplit(url)
    host, query = parts.hostname or "", f"?{parts.query}" if parts.query else ""
    connection = http.client.HTTPConnection(host, parts.port or 80, timeout=30)
    if parts.scheme == "https":
        context = trust.context(layout.current().front_ca.read_text())
        connection = http.client.HTTPSConnection(host, parts.port or 443, timeout=30, context=context)
    # The name stays in the certificate's check and in the header; only where it leads is told here.
    connection._create_connection = lambda address, *more: socket.create_connection(  # type: ignore[attr-defined]
        ("127.0.0.1", address[1]), *more
    )
    try:
        connection.request(method, (parts.path or "/") + query, body or None, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode(errors="replace"))
    finally:
        connection.close()
