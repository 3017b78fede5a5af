"""Installs and removes Helm releases: takes a chart and values, gives the release's revision, never decides when.

pyhelm3 builds the command lines. It runs them through a shell and knows no echo; `_Command` runs them as an argument list
through our process runner instead (ADR 0007).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pyhelm3 import Command
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from fleet import paths
from fleet.drivers import process, tools
from fleet.errors import FleetError


class _Command(Command):
    async def run(self, command: list[Any], input: bytes | None = None) -> bytes:
        argv = [self._executable, *(str(part) for part in command)]
        if self._kubeconfig:
            argv += ["--kubeconfig", str(self._kubeconfig)]
        argv += ["--kube-context", str(self._kubecontext)]
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_passes),
            stop=stop_after_attempt(6),
            wait=wait_exponential_jitter(multiplier=2, max=15),
            reraise=True,
        ):
            with attempt:
                finished = await process.run(argv, stdin=input or b"")
                if finished.returncode != 0:
                    raise _error(finished)
        return finished.stdout


@dataclass(frozen=True)
class Helm:
    """Helm on one cluster.

    Args:
        context: name of the kubeconfig context.
    """

    context: str

    def _command(self) -> _Command:
        return _Command(
            executable=str(tools.find("helm")), kubeconfig=tools.kubeconfig(self.context), kubecontext=self.context
        )

    async def upgrade(self, release: str, namespace: str, chart: Path, values: Mapping[str, Any]) -> int:
        """Install or upgrade a release, without waiting for its pods (fleet looks at them itself).

        Returns:
            The release's new revision.

        Raises:
            FleetError: Helm refused; its words are in the error.
        """
        answer: Any = await self._command().install_or_upgrade(
            release, chart, dict(values), namespace=namespace, create_namespace=False
        )
        return int(answer["version"])

    async def rendered(self, release: str, namespace: str, chart: Path, values: Mapping[str, Any]) -> str:
        """The objects that an upgrade of a release would make, as Helm's text; nothing is kept.

        Raises:
            FleetError: Helm refused, or there is no such release.
        """
        given = json.dumps(dict(values)).encode()  # JSON is YAML
        command = ["upgrade", release, chart, "--namespace", namespace, "--values", "-"]
        answer = json.loads(await self._command().run([*command, "--dry-run=server", "--output", "json"], given))
        return str(answer["manifest"])

    async def template(self, release: str, namespace: str, chart: Path, values: Mapping[str, Any]) -> str:
        """The objects of a release that need not be there, as Helm's text; no cluster is asked."""
        given = json.dumps(dict(values)).encode()
        command = ["template", release, chart, "--namespace", namespace, "--values", "-"]
        return (await self._command().run(command, given)).decode()

    async def pull(self, chart: str, repository: str, version: str) -> Path:
        """The archive of one version of a chart, fetched once per machine: `upgrade --repo` would fetch it for every
        release, and would take a folder of the chart's name in the working directory for the chart.

        Raises:
            FleetError: the repository does not answer, or has no such version.
        """
        where = paths.cache_dir() / "charts" / hashlib.sha256(repository.encode()).hexdigest()[:16]
        archive = where / f"{chart}-{version}.tgz"
        if not archive.exists():
            where.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=where) as fresh:
                await self._command().run(
                    ["pull", chart, "--repo", repository, "--version", version, "--destination", fresh]
                )
                (Path(fresh) / archive.name).rename(archive)  # whole or not at all, whoever else fetches it
        return archive

    async def recover(self, release: str, namespace: str) -> None:
        """Free a release that a killed client left pending: back to the revision that was deployed, or away with it.

        Call it only while nobody else can be at work on the release.
        """
        history: Any = await self._command().history(release, namespace=namespace)
        deployed = [entry["revision"] for entry in history if entry["status"] in ("deployed", "superseded")]
        if deployed:
            await self._command().run(["rollback", release, str(max(deployed)), "--namespace", namespace])
        else:
            await self._command().run(["uninstall", release, "--namespace", namespace])

    async def revision(self, release: str, namespace: str) -> int:
        """The release's newest revision that was deployed; 0 where there is none."""
        history: Any = await self._command().history(release, namespace=namespace)
        return max((entry["revision"] for entry in history if entry["status"] == "deployed"), default=0)

    async def rollback(self, release: str, namespace: str, revision: int) -> None:
        """Deploy an older revision again, under a new number; no error where it is the one that is deployed.

        Raises:
            FleetError: Helm refused; it keeps the ten newest revisions.
        """
        if await self.revision(release, namespace) != revision:
            await self._command().run(["rollback", release, str(revision), "--namespace", namespace])

    async def uninstall(self, release: str, namespace: str) -> None:
        """Remove a release and wait until its objects are gone; no error where there is none."""
        await self._command().run(
            ["uninstall", release, "--namespace", namespace, "--ignore-not-found", "--wait", "--timeout", "5m"]
        )


def _passes(error: BaseException) -> bool:
    """The API server was away before anything was asked of it."""
    return isinstance(error, FleetError) and "Kubernetes cluster unreachable" in error.what


def _error(finished: process.Finished) -> FleetError:
    words = finished.stderr.decode(errors="replace").strip().removeprefix("Error: ")
    return FleetError(f"helm: {words or f'ended with status {finished.returncode}'}")
