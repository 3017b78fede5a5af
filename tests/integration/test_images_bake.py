"""A team's own image: DAGs alone cost nothing, requirements keep to Airflow's versions, the sandbox's node takes it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.errors import FleetError
from fleet.paths import asset
from fleet.sandbox import images, layout
from fleet.sandbox.images import cache
from fleet.sandbox.images.containerd import imported

VERSION = images.airflow_versions()[0]
DAGS = asset("images") / "airflow" / "demo" / "dags"


@pytest.fixture(scope="module", autouse=True)
def _no_archive_stays() -> Iterator[None]:
    yield
    shutil.rmtree(cache.root() / "test-bake", ignore_errors=True)


def top_layer(archive: Path) -> list[str]:
    """Names in the uppermost layer of an archive."""
    with tarfile.open(archive) as outer:
        (entry,) = json.load(outer.extractfile("manifest.json") or pytest.fail("no manifest"))
        with tarfile.open(fileobj=outer.extractfile(entry["Layers"][-1])) as layer:
            return [one.name for one in layer]


def test_dags_alone_are_one_small_layer() -> None:
    said: list[str] = []
    archive = images.bake("fleet.local/test-bake:dags", VERSION, dags=DAGS, say=said.append)
    assert top_layer(archive) == ["opt/airflow/dags/fleet_hello.py"]
    assert said in ([], ["writing fleet.local/test-bake:dags"])


def test_requirements_that_contradict_airflow_are_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi==0.100.0\n")
    with pytest.raises(FleetError, match="a build step failed") as caught:
        images.bake("fleet.local/test-bake:refused", VERSION, requirements=tmp_path / "requirements.txt")
    log = Path(caught.value.hint.rpartition(" ")[2])
    assert "fastapi==0.100.0" in log.read_text()


def test_the_nodes_containerd_has_what_was_imported() -> None:
    socket = layout.current().containerd_socket
    assert socket.exists(), "the sandbox does not run: `fleet sandbox up`"
    archive = images.bake("fleet.local/test-bake:dags", VERSION, dags=DAGS)
    images.import_image(archive, socket)
    try:
        assert {"fleet.local/test-bake:dags", images.PAUSE} <= imported(socket)
    finally:
        ctr = ["ctr", "--address", str(socket), "--namespace", "k8s.io"]
        subprocess.run([*ctr, "images", "rm", "fleet.local/test-bake:dags"], check=True)
