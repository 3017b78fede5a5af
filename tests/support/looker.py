"""A small fleet of its own with the look at drift on a schedule: Kubernetes an API server of the test's, the others the
sandbox's servers with a realm, a database of states and a team of its own. No controller runs: a helper stands for them."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

from fleet.desired import naming
from tests.support.api_server import ApiServer, running
from tests.support.sandbox import FLEET, Sandbox

ROOT = Path(__file__).resolve().parents[2]
REALM, TEAM, STATES = "drift-looker", "looked-at", "looker_states"
ACCOUNT = f"system:serviceaccount:{naming.SYSTEM_NAMESPACE}:{naming.DRIFT}"
SYSTEM = naming.SYSTEM_NAMESPACE


@dataclass(frozen=True)
class Looker:
    """The fleet, as applied, and who looks at it."""

    server: ApiServer
    sandbox: Sandbox

    @property
    def inventory(self) -> Path:
        return self.server.home / "tenants.yaml"

    @property
    def environment(self) -> dict[str, str]:
        """An administrator's."""
        found = {
            **self.sandbox.environment,
            "XDG_STATE_HOME": str(self.server.home),
            "FLEET_INVENTORY": str(self.inventory),
        }
        return {key: value for key, value in found.items() if key != "KUBECONFIG"}

    @property
    def credentials(self) -> dict[str, str]:
        """What the job's Secret holds."""
        found = self.kubectl("get", "secret", naming.DRIFT, "--namespace", SYSTEM, "--output", "json")
        return {key: base64.b64decode(value).decode() for key, value in json.loads(found)["data"].items()}

    def kubectl(self, *arguments: str, document: Any = None) -> str:
        done = subprocess.run(
            [self.sandbox.kubectl_program, "--kubeconfig", str(self.server.kubeconfig), *arguments],
            input=None if document is None else json.dumps(document), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fleet(self, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [FLEET, *arguments], env=environment or self.environment, capture_output=True, text=True, timeout=300
        )

    def look(self) -> subprocess.CompletedProcess[str]:
        """As the job does, as whom the job is."""
        return self.fleet("drift", "--publish", "--output", "json", environment=self.reader())

    def reader(self) -> dict[str, str]:
        """The job's environment: the account's token, the Secret as files, and no way to anything else."""
        folder, home = self.server.home / "credentials", self.server.home / "reader"
        folder.mkdir(exist_ok=True)
        for key, value in self.credentials.items():
            (folder / key).write_text(value)
        token = self.kubectl("create", "token", naming.DRIFT, "--namespace", SYSTEM, "--duration", "1h").strip()
        config = yaml.safe_load(self.server.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        kubeconfig = home / "fleet" / "sandbox" / "kubeconfig"
        kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        kubeconfig.write_text(yaml.safe_dump(config))
        return {**self.environment, "XDG_STATE_HOME": str(home), "FLEET_CREDENTIALS": str(folder)}

    def as_reader(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the job's role; it writes where it may."""
        found = self.credentials
        connection = psycopg.connect(
            host=self.sandbox.environment["PGHOST"], port=int(self.sandbox.environment["PGPORT"]), dbname=database,
            user=found["database-username"], password=found["database-password"], autocommit=True,
        )  # fmt: skip
        connection.execute("set default_transaction_read_only = off")
        return connection

    def stand_for_the_cluster(self, over: threading.Event) -> None:
        """Call Jobs complete and Deployments ready, until ``over``."""
        while not over.wait(0.3):
            for job in self._objects("jobs"):
                if not job.get("status", {}).get("succeeded"):
                    self._done(job)
            for each in self._objects("deployments"):
                self._ready(each)

    def _objects(self, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, "--all-namespaces", "--output", "json"))[
            "items"
        ]
        return items

    def _done(self, job: dict[str, Any]) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        kinds = ("SuccessCriteriaMet", "Complete")
        met = [{"type": kind, "status": "True", "lastTransitionTime": now, "lastProbeTime": now} for kind in kinds]
        self._status(job, {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": met})

    def _ready(self, deployment: dict[str, Any]) -> None:
        wanted = deployment["spec"]["replicas"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), wanted)
        status = {**counts, "observedGeneration": deployment["metadata"]["generation"]}
        if any(deployment.get("status", {}).get(key, 0) != value for key, value in status.items()):
            self._status(deployment, status)

    def _status(self, manifest: dict[str, Any], status: dict[str, Any]) -> None:
        where = ("--namespace", manifest["metadata"]["namespace"], "--subresource", "status", "--type", "merge")
        name = f"{manifest['kind'].lower()}/{manifest['metadata']['name']}"
        self.kubectl("patch", name, *where, "--patch", json.dumps({"status": status}))


@contextmanager
def a_fleet_that_is_looked_at(sandbox: Sandbox) -> Iterator[Looker]:
    """Applied once; gone at the end, with all that it made in the sandbox's servers."""
    with running() as server:
        found = Looker(server, sandbox)
        _forget(sandbox)
        try:
            _prepare(found)
            over = threading.Event()
            helper = threading.Thread(target=found.stand_for_the_cluster, args=(over,))
            helper.start()
            try:
                done = found.fleet("apply", "--yes")
            finally:
                over.set()
                helper.join()
            assert done.returncode == 0, done.stderr
            yield found
        finally:
            _forget(sandbox)


def _prepare(fleet: Looker) -> None:
    data = yaml.safe_load((ROOT / "tenants.yaml").read_text())
    data["platform"]["sso"]["realm"] = REALM
    data["platform"] |= {"portal": {"enabled": False}, "drift": {"enabled": True}}
    data["teams"] = {TEAM: {"owner": "x@example.com", "suspended": True}}
    fleet.inventory.write_text(yaml.safe_dump(data))
    secret = fleet.sandbox.platform
    with fleet.sandbox.admin() as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(STATES)))
        admin.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(STATES)))
    state = psycopg.conninfo.make_conninfo(
        host=fleet.sandbox.environment["PGHOST"], port=fleet.sandbox.environment["PGPORT"], dbname=STATES,
        user=secret["database-admin-username"], password=secret["database-admin-password"], sslmode="disable",
    )  # fmt: skip
    fleet.kubectl("create", "namespace", SYSTEM)
    fleet.kubectl("create", "--filename", "-", document={
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": naming.PLATFORM_SECRET, "namespace": SYSTEM},
        "stringData": {**secret, "terraform-backend-conn-str": state},
    })  # fmt: skip


def _forget(sandbox: Sandbox) -> None:
    try:
        sandbox.keycloak.call("DELETE", f"/{REALM}")
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
    with sandbox.admin() as admin:
        for database in (naming.sql(TEAM), STATES):
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))
        admin.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(naming.sql(TEAM))))
