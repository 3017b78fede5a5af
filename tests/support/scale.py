"""What a command costs in a fleet of some size: external processes and API requests, counted and not guessed."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from unittest.mock import patch

import yaml

from fleet import inventory
from fleet.apply import PARALLEL
from fleet.cli.common import desired
from fleet.desired import naming, stacks
from fleet.drivers.kubernetes import core
from fleet.drivers.terraform import Stack
from fleet.drivers.world import World
from fleet.sandbox import process
from tests.support import crowd
from tests.support.api_server import ApiServer, running
from tests.support.sandbox import Sandbox

NO_PORTAL = {"portal": {"enabled": False}}
ROOT = Path(__file__).resolve().parents[2]
_SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Cost:
    """One run of one command."""

    status: int
    output: str
    seconds: float
    cpu: float  # seconds, of the command and of what it started
    mib: float  # at most, of the command and all programs that it ran at that time
    processes: tuple[str, ...]
    requests: tuple[str, ...]


def _held(pid: int) -> float:
    """MiB that a process and all below it have now; what several of them share counts once."""
    parents = {each: int(fields[1]) for each, fields in process._stats()}
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(map(process._memory, family)) / 1024**2


def _most(pid: int) -> float:
    """MiB that a process and all below it had at most, until it has ended."""
    most, end = 0.0, os.pidfd_open(pid)
    try:
        while not select.select([end], [], [], _SAMPLE_SECONDS)[0]:
            most = max(most, _held(pid))
    finally:
        os.close(end)
    return most


class Fleet:
    """Fleets of growing size on an API server of their own; PostgreSQL, Keycloak, Terraform and Helm are the sandbox's."""

    def __init__(self, server: ApiServer, sandbox: Sandbox) -> None:
        self.server, self._sandbox = server, sandbox
        self.environment = {**sandbox.environment, "XDG_STATE_HOME": str(server.home), "PYTHONPATH": str(ROOT)}
        self.environment.pop("KUBECONFIG")

    def grow(self, count: int, *more: str) -> Path:
        """``count`` teams as applied; the inventory may hold more. Without a portal, which knows who is suspended."""
        home = self.server.home
        data = yaml.safe_load((ROOT / "tenants.yaml").read_text())
        (home / "example.yaml").write_text(yaml.safe_dump(data | {"platform": data["platform"] | NO_PORTAL}))
        crowd.populate(self.server, crowd.write_inventory(home / "applied.yaml", home / "example.yaml", count))
        return crowd.write_inventory(home / "tenants.yaml", home / "example.yaml", count, *more)

    def run(self, *words: str) -> Cost:
        """One `fleet` command on the newest inventory."""
        log = self.server.home / "processes"
        command = [sys.executable, "-m", "tests.support.counted", str(log), *words]
        environment = {**self.environment, "FLEET_INVENTORY": str(self.server.home / "tenants.yaml")}
        said = self.server.home / "said"
        started = time.monotonic()
        with said.open("w") as file:
            run = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
            mib = _most(run.pid)
            _, status, used = os.wait4(run.pid, 0)
        seconds, run.returncode = time.monotonic() - started, os.waitstatus_to_exitcode(status)
        processes, requests = tuple(log.read_text().splitlines()), tuple(self.server.requests(run.pid))
        cpu = used.ru_utime + used.ru_stime
        return Cost(run.returncode, said.read_text(), seconds, cpu, mib, processes, requests)

    def prepare_terraform(self, inventory_path: Path, **other: str) -> None:
        """Copy the platform's credentials, some of them changed, and run `init` once, which the first command of a day does."""
        with crowd.connected(self.server) as cluster:
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": naming.PLATFORM_SECRET}}
            path = core("secrets", naming.SYSTEM_NAMESPACE)
            asyncio.run(cluster.create(path, {**secret, "stringData": {**self._sandbox.platform, **other}}))
        with self.outside():
            asyncio.run(World(inventory.load(inventory_path).inventory.platform).open_stack("team"))

    @contextmanager
    def one_more(self, name: str) -> Iterator[Cost]:
        """Apply one new team, for real but for the migration's pod; then destroy its database and sign-on client."""
        done = Event()
        helper = Thread(target=self._complete_jobs, args=(naming.namespace(name), done))
        helper.start()
        try:
            yield self.run("apply", name, "--yes")
        finally:
            done.set()
            helper.join()
            self.destroy(name)

    def _complete_jobs(self, namespace: str, done: Event) -> None:
        with crowd.connected(self.server) as cluster:
            while not done.wait(0.5):
                crowd.complete_jobs(cluster, namespace)

    def destroy(self, *names: str) -> None:
        """Take teams' databases and sign-on clients away, some at once."""
        document = inventory.load(self.server.home / "tenants.yaml")
        wanted, room = desired(document).instances, asyncio.Semaphore(PARALLEL)

        async def one(stack: Stack, name: str) -> None:
            async with room:
                await stack.destroy(name, wanted[name].parts["terraform"]["variables"], stacks.NO_SECRETS)
                await stack.delete_workspace(name)

        async def work() -> None:
            stack = await World(document.inventory.platform).open_stack("team")
            await asyncio.gather(*(one(stack, name) for name in names))

        with self.outside():
            asyncio.run(work())

    @contextmanager
    def outside(self) -> Iterator[None]:
        """This process on that server."""
        with patch.dict(os.environ, self.environment):
            os.environ.pop("KUBECONFIG", None)
            yield


@contextmanager
def fleet(sandbox: Sandbox) -> Iterator[Fleet]:
    """An API server of its own while the block lasts."""
    with running() as server:
        yield Fleet(server, sandbox)
