"""Serves what the scheduled job published to Prometheus: takes a cluster, gives pages over HTTP, never looks at the fleet."""

from __future__ import annotations

import asyncio
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fleet.drift import published, report
from fleet.drivers.kubernetes import Cluster
from fleet.errors import FleetError


def page(cluster: Cluster, shards: int) -> str:
    """The metrics as they stand; empty where the job never looked.

    Raises:
        FleetError: the cluster does not answer.
    """
    data = asyncio.run(published.read_reports(cluster, shards))
    return report.metrics(data) if data else ""


def server(cluster: Cluster, shards: int, port: int) -> ThreadingHTTPServer:
    """A server of `/metrics`, and of `/-/alive` for probes; call its ``serve_forever``.

    Args:
        port: on every address; 0 for any that is free.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/-/alive":
                self._answer(200, "alive\n")
            elif self.path == "/metrics":
                try:
                    self._answer(200, page(cluster, shards))
                except FleetError as error:
                    self._answer(503, f"{error}\n")
            else:
                self._answer(404, "there is /metrics\n")

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: a scrape every few seconds is no news."""

    return ThreadingHTTPServer(("", port), Handler)
