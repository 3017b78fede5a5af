"""A chart from a repository, by the real Helm and a real (local) repository; a tiny chart stands in for the official one."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fleet.drivers import tools
from fleet.drivers.helm import Helm
from fleet.errors import FleetError
from tests.support.sandbox import Sandbox

CHART = Path(__file__).parents[1] / "data" / "charts" / "airflow"


@pytest.fixture
def repository(sandbox: Sandbox, tmp_path: Path) -> Iterator[str]:
    """Address of a chart repository with one version of one chart."""
    helm, folder = tools.find("helm"), tmp_path / "repository"
    subprocess.run([helm, "package", CHART, "--destination", folder], check=True, capture_output=True)
    subprocess.run([helm, "repo", "index", folder], check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_named_version_comes_and_no_other(repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    helm = Helm("fleet-sandbox")
    archive = asyncio.run(helm.pull("airflow", repository, "1.22.0"))
    shown = subprocess.run([tools.find("helm"), "show", "chart", archive], check=True, capture_output=True, text=True)
    assert "version: 1.22.0" in shown.stdout
    with pytest.raises(FleetError, match=r"1\.21\.0"):
        asyncio.run(helm.pull("airflow", repository, "1.21.0"))
