"""What lies in images/ agrees with itself: the Dockerfiles, the requirements, the constraints, the builder."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

from fleet.errors import FleetError
from fleet.paths import asset
from fleet.sandbox import images
from fleet.sandbox.images import catalog
from fleet.sandbox.images.builder import Builder
from fleet.sandbox.images.stages import Copy

IMAGES = asset("images")
AIRFLOW = IMAGES / "airflow"
VERSIONS = images.airflow_versions()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(version: str) -> dict[str, str]:
    lines = (AIRFLOW / f"constraints-{version}.txt").read_text().splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(name): pin for name, pin in found}


def requirements() -> list[str]:
    lines = (AIRFLOW / "requirements.txt").read_text().splitlines()
    return [canonical(re.split(r"[<>=]", line)[0]) for line in lines if line and not line.startswith("#")]


def test_the_versions_of_the_issue_are_there_newest_first() -> None:
    assert VERSIONS == ("3.3.2", "3.2.2")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_requirement_is_pinned_exactly(version: str) -> None:
    found = pins(version)
    assert set(requirements()) <= set(found)
    assert found["apache-airflow"] == found["apache-airflow-core"] == version
    assert all(re.fullmatch(r"\d[\w.]*", pin) for pin in found.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_what_fabs_oauth_needs(version: str) -> None:
    found = pins(version)
    assert int(found["authlib"].split(".")[0]) < 2
    assert {"joserfc", "asyncpg", "psycopg2-binary", "apache-airflow-providers-fab"} <= set(found)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_builder_understands_the_airflow_dockerfile(version: str) -> None:
    builder = catalog._airflow_builder(version, lambda _: None)
    config = builder.target.config
    assert config.user == "50000"
    assert config.env["AIRFLOW_HOME"] == config.workdir == "/opt/airflow"
    assert config.env["PATH"].startswith("/opt/airflow/venv/bin:")
    assert config.labels["org.opencontainers.image.version"] == version
    assert config.entrypoint[-1] == "/entrypoint"
    copied = {source for step in builder.plans["build"].steps if isinstance(step, Copy) for source in step.sources}
    assert f"constraints-{version}.txt" in copied


def test_versions_share_everything_below_airflow_itself() -> None:
    keys = [catalog._airflow_builder(version, lambda _: None).plans for version in VERSIONS]
    assert len({plans["base"].key for plans in keys}) == 1
    assert len({plans["airflow"].key for plans in keys}) == len(VERSIONS)


def test_the_default_of_every_build_argument_is_the_newest_version() -> None:
    text = (AIRFLOW / "Dockerfile").read_text() + (AIRFLOW / "extend" / "Dockerfile").read_text()
    assert set(re.findall(r"^ARG AIRFLOW_VERSION=(\S+)", text, re.MULTILINE)) == {VERSIONS[0]}
    assert re.findall(r"^ARG AIRFLOW_IMAGE=(\S+)", text, re.MULTILINE) == [images.airflow_reference(VERSIONS[0])]


def test_no_file_names_a_package_mirror() -> None:
    # The portal's own source speaks of addresses that are no mirrors.
    apart = {"__pycache__", "fleet_portal"}
    files = [path for path in IMAGES.rglob("*") if path.is_file() and not apart.intersection(path.parts)]
    named = [path for path in files if re.search(r"https?://|deb\.debian|pypi\.org", path.read_text(), re.IGNORECASE)]
    assert named == []


def test_the_builder_understands_the_portals_dockerfile() -> None:
    folder = IMAGES / "portal"
    builder = Builder(folder / "Dockerfile", folder, {}, catalog._Parents(lambda _: None), lambda _: None)
    assert builder.target.config.user == "65532:65532"
    assert builder.target.config.entrypoint == ("/opt/portal/bin/python", "-m", "fleet_portal")


def test_the_portal_is_tested_with_the_packages_that_it_runs_with() -> None:
    lines = (IMAGES / "portal" / "requirements.txt").read_text().splitlines()
    found = dict(re.sub(r"\[.*\]", "", line).split("==") for line in lines if line and not line.startswith("#"))
    there = {name: metadata.version(name) for name in found}
    # fleet itself takes a range of this one.
    assert there.pop("cryptography").split(".")[0] == found.pop("cryptography").split(".")[0]
    direct = ("httpx", "jinja2", "pyjwt", "starlette", "uvicorn")
    assert {name: there[name] for name in direct} == {name: found[name] for name in direct}


def test_a_version_without_constraints_is_refused() -> None:
    with pytest.raises(FleetError, match=r"no image can be built for Airflow 2\.10\.0"):
        images.airflow("2.10.0", lambda _: None)


def test_baking_refuses_what_is_not_there_before_it_builds(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="no such file or folder"):
        images.bake("fleet.local/team:1", "3.3.2", dags=tmp_path / "nothing")
    with pytest.raises(FleetError, match="has no version"):
        images.bake("fleet.local/team", "3.3.2", dags=tmp_path)
