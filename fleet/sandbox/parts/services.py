"""What stands beside the cluster: takes a site, gives PostgreSQL, Keycloak, the git server and the Cloud SQL Admin API,
never Kubernetes parts."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from fleet.sandbox import keycloak, postgres, probes
from fleet.sandbox.cloudsql import part as cloudsql
from fleet.sandbox.layout import GIT_PORT
from fleet.sandbox.process import Part
from fleet.sandbox.site import Site


def parts(site: Site) -> list[Part]:
    """The services that Airflow instances, and their backups, lean on."""
    return [postgres.part(site), keycloak.part(site), _git(site), cloudsql.part(site)]


def _git(site: Site) -> Part:
    layout = site.layout
    # Whoever runs the sandbox owns the repositories, whichever user puts one there.
    trust = (("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*"))
    return Part(
        name="git-daemon",
        version=_git_version(),
        address=f"git://{layout.address}:{GIT_PORT}",
        command=(
            str(_git_programs() / "git-daemon"),
            "--export-all",
            "--reuseaddr",
            f"--base-path={layout.git}",
            f"--listen={layout.address}",
            f"--port={GIT_PORT}",
            str(layout.git),
        ),
        environment=trust,
        needs=("network",),
        prepare=lambda: layout.git.mkdir(parents=True, exist_ok=True),
        ready=probes.tcp(layout.address, GIT_PORT),
    )


@cache
def _git_programs() -> Path:
    return Path(_output("git", "--exec-path"))


@cache
def _git_version() -> str:
    return _output("git", "version").split()[2]


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
