"""A chart repository on this machine, with the tiny chart that stands for Airflow's official one."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fleet.drivers import tools

CHART = Path(__file__).parents[1] / "data" / "charts" / "airflow"


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The repository's address while the block lasts; its files lie in ``folder``."""
    helm = tools.find("helm")
    subprocess.run([helm, "package", CHART, "--destination", folder], check=True, capture_output=True)
    subprocess.run([helm, "repo", "index", folder], check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
