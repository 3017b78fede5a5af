"""A chart from a repository, by the real Helm and a real (local) repository; a tiny chart stands in for the official one."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.drivers import tools
from fleet.drivers.helm import Helm
from fleet.errors import FleetError
from tests.support import chart_repository
from tests.support.sandbox import Sandbox


@pytest.fixture
def repository(sandbox: Sandbox, tmp_path: Path) -> Iterator[str]:
    """Address of a chart repository with one version of one chart."""
    with chart_repository.serving(tmp_path / "repository") as address:
        yield address


def test_the_named_version_comes_and_no_other(repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    helm = Helm("fleet-sandbox")
    archive = asyncio.run(helm.pull("airflow", repository, "1.22.0"))
    shown = subprocess.run([tools.find("helm"), "show", "chart", archive], check=True, capture_output=True, text=True)
    assert "version: 1.22.0" in shown.stdout
    with pytest.raises(FleetError, match=r"1\.21\.0"):
        asyncio.run(helm.pull("airflow", repository, "1.21.0"))
