"""`fleet doctor` on the sandbox, on an empty API server, with too few rights, and with nothing at all."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.api_server import ApiServer, running
from tests.support.sandbox import FLEET, Sandbox

INVENTORY = Path(__file__).resolve().parents[2] / "tenants.yaml"


def examine(environment: dict[str, str], *options: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code, findings by check, and all that was printed."""
    command = [FLEET, "doctor", "--output", "json", "--inventory", str(INVENTORY), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert "Traceback" not in done.stderr
    return done.returncode, {each["check"]: each for each in json.loads(done.stdout)}, done.stdout + done.stderr


@pytest.fixture(scope="module")
def empty(sandbox: Sandbox) -> Iterator[ApiServer]:
    with running() as server:
        yield server


@pytest.mark.fleet  # a portal that somebody else is just changing is not well
def test_a_sandbox_that_is_up_fails_nothing_and_shows_no_secret(sandbox: Sandbox) -> None:
    code, found, printed = examine(sandbox.environment)
    assert code == 0, printed
    fine = (
        "helm",
        "terraform",
        "rights",
        "pod security",
        "credentials",
        "postgresql",
        "keycloak",
        "front",
        "inventory",
    )
    for check in fine:
        assert found[check]["verdict"] == "ok", found[check]
    assert found["network policies"]["verdict"] == "warn"
    assert not any(value in printed for value in sandbox.platform_secrets.values())


def test_an_empty_cluster_lacks_what_it_lacks(empty: ApiServer) -> None:
    code, found, printed = examine(empty.environment)
    assert code == 1, printed
    failing = {check for check, each in found.items() if each["verdict"] == "fail"}
    assert {"nodes", "namespace", "credentials"} <= failing
    assert found["pod security"]["verdict"] == "ok"
    assert found["namespace"]["mend"] == "kubectl create namespace fleet-system"
    assert all(each["mend"] for each in found.values() if each["verdict"] != "ok")


def test_it_changes_nothing(empty: ApiServer) -> None:
    command = [FLEET, "doctor", "--inventory", str(INVENTORY)]
    process = subprocess.Popen(command, env=empty.environment, stdout=subprocess.PIPE)
    process.communicate(timeout=300)
    writes = [line for line in empty.requests(process.pid) if line.split()[0] not in ("get", "list", "watch")]
    assert writes
    assert all("selfsubjectaccessreviews" in line or "dryRun=All" in line for line in writes), writes


def test_missing_rights_are_named(sandbox: Sandbox, tmp_path: Path) -> None:
    account = f"doctor-{uuid.uuid4().hex[:6]}"
    sandbox.kubectl("create", "serviceaccount", account, "--namespace", "default")
    sandbox.kubectl(
        "create", "clusterrolebinding", account, "--clusterrole=view", f"--serviceaccount=default:{account}"
    )
    try:
        token = sandbox.kubectl("create", "token", account, "--namespace", "default").strip()
        config = yaml.safe_load(Path(sandbox.environment["KUBECONFIG"]).read_text())
        config["users"][0]["user"] = {"token": token}
        config["contexts"][0]["name"] = "viewer"
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        viewer = {**sandbox.environment, "KUBECONFIG": str(tmp_path / "kubeconfig")}
        code, found, printed = examine(viewer, "--context", "viewer")
        assert code == 1, printed
        assert "create namespaces" in found["rights"]["what"]
        assert "list pods" not in found["rights"]["what"]
        assert found["credentials"]["verdict"] == "fail"
    finally:
        sandbox.kubectl("delete", "clusterrolebinding", account)
        sandbox.kubectl("delete", "serviceaccount", account, "--namespace", "default")


def test_an_unknown_context_ends_there(sandbox: Sandbox) -> None:
    code, found, _ = examine(sandbox.environment, "--context", "nowhere")
    assert code == 1
    assert "no Kubernetes context `nowhere`" in found["kubeconfig"]["what"]
    assert "api server" not in found


def test_a_bare_machine_lacks_its_programs(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("version: 1\nplatfrom: {}\n")
    bare = {**os.environ, "PATH": str(tmp_path), "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    code, found, _ = examine(bare, "--inventory", str(tmp_path / "wrong.yaml"))
    assert code == 1
    assert {check for check, each in found.items() if each["verdict"] == "fail"} == {"helm", "terraform", "inventory"}
