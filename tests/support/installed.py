"""Teams in an API server of their own as a faultless `apply` leaves them: real charts by the real Helm, keys, records.

No controller runs there, and neither a database nor Keycloak is behind them: what is looked at is Kubernetes alone.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from fleet import inventory, keys, paths
from fleet.apply import now
from fleet.cli.common import desired as desired_of
from fleet.desired import Desired, naming
from fleet.diff import DRIFT, PLATFORM, PORTAL
from fleet.drift import helm
from fleet.drift.finding import Finding, Looked
from fleet.drift.scene import Scene
from fleet.drivers.kubernetes import Cluster, core
from fleet.drivers.world import World
from fleet.observe import observe
from fleet.record import PLATFORM as PLATFORM_KIND
from fleet.record import Applied, Record, to_config_map
from fleet.sandbox import builds, pki
from tests.support.api_server import CONTEXT, ApiServer, running

ROOT = Path(__file__).resolve().parents[2]
_KUBERNETES_CREDENTIALS = (
    "database-admin-username",
    "database-admin-password",
    "sso-admin-username",
    "sso-admin-password",
)


@dataclass
class Installed:
    """The teams, and doors to what there is."""

    server: ApiServer
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def document(self) -> inventory.Document:
        """Their inventory."""
        data = yaml.safe_load((ROOT / "tenants.yaml").read_text())
        path = self.server.home / "tenants.yaml"
        # There is nobody here who knows Prometheus' kinds.
        platform = {**data["platform"], "drift": {"enabled": True, "prometheus_rule": False}}
        path.write_text(yaml.safe_dump({**data, "platform": platform, "teams": self.entries}))
        return inventory.load(path)

    @property
    def world(self) -> World:
        """A fresh one: it keeps what it has read."""
        return World(self.document.inventory.platform)

    @property
    def cluster(self) -> Cluster:
        return Cluster(CONTEXT)

    def desired(self) -> Desired:
        return desired_of(self.document)

    async def add(self, entries: dict[str, dict[str, Any]]) -> None:
        """Make teams; their record says that all parts were applied."""
        self.entries |= entries
        wanted = self.desired()
        room = asyncio.Semaphore(3)

        async def make(name: str) -> None:
            async with room:
                await self._make(name, wanted)

        await asyncio.gather(*map(make, entries))

    async def _make(self, name: str, wanted: Desired) -> None:
        instance, world = wanted.instances[name], self.world
        made = await keys.ensure(world.cluster, name, used=False)
        await self.guardrails(name, wanted)
        await keys.spread(world.cluster, name, instance.parts["secrets"], made)
        await keys.spread_trust(world.cluster, instance.namespace, name, await world.authority() or "")
        await self.airflow(name, wanted)
        record = Record(name)
        for part, inputs in instance.parts.items():
            record = record.with_part(part, inputs, now())
        await world.cluster.apply(
            core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(name)), to_config_map(record)
        )

    async def guardrails(self, name: str, wanted: Desired) -> None:
        values = wanted.instances[name].parts["guardrails"]["values"]
        chart = paths.asset("charts") / "guardrails"
        await self.world.helm.upgrade(naming.guardrails_release(name), naming.SYSTEM_NAMESPACE, chart, values)

    async def airflow(self, name: str, wanted: Desired) -> None:
        instance = wanted.instances[name]
        chart = paths.asset("charts") / "airflow"
        await self.world.helm.upgrade(
            naming.AIRFLOW_RELEASE, instance.namespace, chart, instance.parts["airflow"]["values"]
        )

    async def platform(self) -> None:
        """The platform: its namespace, credentials and portal."""
        namespace = {"name": naming.SYSTEM_NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
        await self.cluster.create(core("namespaces"), {"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})
        await self._credentials()
        wanted, world = self.desired(), self.world
        assert wanted.portal is not None and wanted.drift is not None
        await keys.ensure_portal(world.cluster, used=False)
        await keys.ensure_drift(world.cluster, used=False)
        await keys.spread_trust(world.cluster, naming.SYSTEM_NAMESPACE, PLATFORM, await world.authority() or "")
        chart = paths.asset("charts") / "platform"
        await world.helm.upgrade(naming.PLATFORM_RELEASE, naming.SYSTEM_NAMESPACE, chart, wanted.portal["values"])
        await world.helm.upgrade(naming.DRIFT_RELEASE, naming.SYSTEM_NAMESPACE, chart, wanted.drift["values"])
        made = {PLATFORM: wanted.platform, PORTAL: wanted.portal, DRIFT: wanted.drift}
        record = Record(PLATFORM, {part: Applied(inputs, now()) for part, inputs in made.items()})
        path = core("configmaps", naming.SYSTEM_NAMESPACE, naming.record(PLATFORM))
        await world.cluster.apply(path, to_config_map(record, PLATFORM_KIND))

    async def _credentials(self) -> None:
        authority = pki.Authority(self.server.home, "sso").pair.certificate.read_text()
        data = {
            **dict.fromkeys(_KUBERNETES_CREDENTIALS, "none"),
            "terraform-backend-conn-str": "none",
            naming.CA_KEY: authority,
        }
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": naming.PLATFORM_SECRET},
            "stringData": data,
        }
        await self.cluster.create(core("secrets", naming.SYSTEM_NAMESPACE), secret)

    async def scene(self, *teams: str) -> Scene:
        """What a look is given; of all teams, or of some."""
        document, world = self.document, self.world
        seen = await observe(world.cluster)
        wanted = desired_of(document, seen)
        names = frozenset(teams or wanted.instances)
        return Scene(document.inventory, wanted, seen, world, names, platform=not teams)

    async def look(self, *teams: str) -> Looked:
        """One look at layer helm."""
        return await helm.look(await self.scene(*teams))

    async def findings(self) -> list[Finding]:
        """Those of one look that saw everything."""
        looked = await self.look()
        assert looked.unseen == ()
        return list(looked.findings)

    def kubectl(self, *words: str, stdin: str = "") -> str:
        return self._run("kubectl", "--kubeconfig", str(self.server.kubeconfig), *words, stdin=stdin)

    def helm(self, *words: str, stdin: str = "") -> str:
        return self._run("helm", "--kubeconfig", str(self.server.kubeconfig), *words, stdin=stdin)

    def _run(self, program: str, *words: str, stdin: str = "") -> str:
        done = subprocess.run([_tool(program), *words], capture_output=True, text=True, input=stdin, check=False)
        assert done.returncode == 0, f"{program} {' '.join(words)}: {done.stderr}"
        return done.stdout


@cache
def _tool(name: str) -> Path:
    return builds.tool(name)


@contextmanager
def installed() -> Iterator[Installed]:
    """The platform without a team, while the block lasts; fleet of this process finds it."""
    helm_folder = str(builds.tool("helm").parent)
    with running() as server:
        environment = {"XDG_STATE_HOME": str(server.home), "PATH": f"{helm_folder}:{os.environ['PATH']}"}
        with patch.dict(os.environ, environment):
            os.environ.pop("KUBECONFIG", None)
            made = Installed(server)
            asyncio.run(made.platform())
            yield made
