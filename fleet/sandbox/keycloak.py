"""Keycloak: takes its release from Maven, gives a server built for PostgreSQL, never its development mode."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from fleet.errors import FleetError
from fleet.paths import cache_dir
from fleet.sandbox import builds, probes
from fleet.sandbox.credentials import SSO_ADMIN
from fleet.sandbox.layout import KEYCLOAK_PORT, POSTGRES_PORT
from fleet.sandbox.process import Part
from fleet.sandbox.shell import run
from fleet.sandbox.site import Site

_MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
# Fixed when the server is built, which saves half of its start.
_BUILD = ("--db=postgres", "--health-enabled=true", "--http-management-health-enabled=false")
_JAVA_HEAP = "-Xms128m -Xmx640m"
# The quick compiler only: a server that serves a handful of requests never earns the thorough one back.
_JAVA_OPTIONS = "-XX:TieredStopAtLevel=1"


def part(site: Site) -> Part:
    """The server on its PostgreSQL database, with an administrator whose password is random."""
    layout, address = site.layout, site.layout.address
    environment = {
        "KC_DB_URL": f"jdbc:postgresql://{address}:{POSTGRES_PORT}/keycloak",
        "KC_DB_USERNAME": "keycloak",
        "KC_DB_PASSWORD": site.password("postgres-keycloak"),
        "KC_BOOTSTRAP_ADMIN_USERNAME": SSO_ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": site.password("keycloak-admin"),
        "JAVA_OPTS_KC_HEAP": _JAVA_HEAP,
        "JAVA_OPTS_APPEND": _JAVA_OPTIONS,
    }
    return Part(
        name="keycloak",
        version=site.versions.keycloak,
        address=layout.keycloak_url,
        command=(
            str(home(site.versions.keycloak) / "bin" / "kc.sh"),
            "start",
            "--optimized",
            # No cluster: else a killed server's successor waits for it, and calls itself ill for half a minute.
            "--cache=local",
            "--http-enabled=true",
            f"--http-host={address}",
            f"--http-port={KEYCLOAK_PORT}",
            f"--hostname={layout.keycloak_url}",
            # The front is the only one who may say under which name and scheme somebody came.
            "--proxy-headers=xforwarded",
            f"--proxy-trusted-addresses={address}",
            "--shutdown-delay=0s",
            "--shutdown-timeout=2s",
            "--log-level=warn,org.keycloak.events:info,io.quarkus:info",
        ),
        environment=tuple(environment.items()),
        needs=("postgresql", "keycloak build"),
        ready=probes.http(f"{layout.keycloak_behind}/health/ready"),
        timeout=240,
        stop_timeout=20,
    )


def home(version: str) -> Path:
    """The built release in the cache; what it was built with is part of its name."""
    options = hashlib.sha256(" ".join(_BUILD).encode()).hexdigest()[:8]
    return cache_dir() / "keycloak" / f"{version}-{options}"


def install(version: str) -> str:
    """Fetch, unpack and build the release unless the cache has it; says which of the two it was.

    Raises:
        FleetError: Java or Maven is missing, the release cannot be had, or its build failed.
    """
    if home(version).is_dir():
        return "from cache"
    for program, package in (("java", "openjdk-17-jre-headless"), ("mvn", "maven")):
        if shutil.which(program) is None:
            raise FleetError(f"{program} is missing", where="keycloak", hint=f"apt-get install {package}")
    parent = home(version).parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        _unpack(_download(version, Path(folder)), Path(folder))
        release = Path(folder) / f"keycloak-{version}"
        run(str(release / "bin" / "kc.sh"), "build", *_BUILD, env=os.environ | {"JAVA_OPTS_APPEND": _JAVA_OPTIONS})
        builds.publish(release, home(version))
    return "built"


def _download(version: str, folder: Path) -> Path:
    artifact = f"org.keycloak:keycloak-quarkus-dist:{version}:zip"
    maven = ("mvn", "--batch-mode", "--quiet")
    run(*maven, f"{_MAVEN_PLUGIN}:get", f"-Dartifact={artifact}", "-Dtransitive=false")
    run(*maven, f"{_MAVEN_PLUGIN}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}", cwd=str(folder))
    return folder / f"keycloak-quarkus-dist-{version}.zip"


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as release:
        release.extractall(folder)
    archive.unlink()
    for script in folder.glob("keycloak-*/bin/*.sh"):
        script.chmod(0o755)
