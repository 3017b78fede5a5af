"""Taking the real sandbox down, and a reboot: nothing stays on the machine, and `up` finds its data again.

Runs after all other tests (tests/conftest.py), since they share that sandbox; it is up again at the end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet import sandbox as api
from fleet.sandbox import containers, layout, network, process
from fleet.sandbox.process import Register
from tests.support.sandbox import FLEET, Sandbox

pytestmark = pytest.mark.alone

NAME = "outlives-down"


def fleet(sandbox: Sandbox, *words: str) -> None:
    done = subprocess.run(
        [FLEET, "sandbox", *words], env=sandbox.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def processes() -> list[str]:
    """Command lines that name the sandbox's folder: its parts and the shims of its containers."""
    mark, found = str(layout.current().root), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and process.start_time(int(entry.name)) is not None:
            command = (entry / "cmdline").read_text().replace("\0", " ")
            found += [command] if mark in command else []
    return found


def kube_chains() -> list[str]:
    rules = output("iptables-save") + output("ip6tables-save")
    return [line for line in rules.splitlines() if "KUBE-" in line or "CNI-" in line or "fleet-sandbox" in line]


def leftovers() -> dict[str, list[str]]:
    """What a sandbox may leave on a machine besides its own folders."""
    here = layout.current()
    return {
        "processes": processes(),
        "mounts": containers.mounts_below(here.root),
        "links": [
            line for line in output("ip", "-brief", "link").splitlines() if line.startswith((layout.BRIDGE, "veth"))
        ],
        "rules": kube_chains(),
        "control groups": [str(path) for path in Path("/sys/fs/cgroup").glob("*/kubepods")],
        "fixed folders": [name for name in ("/var/lib/kubelet", "/var/lib/cni") if Path(name).exists()],
        "records": Register(here.run).names(),
        "names": [line for line in Path("/etc/hosts").read_text().splitlines() if "fleet" in line],
    }


def start_something(sandbox: Sandbox) -> None:
    from fleet.sandbox import images

    sandbox.kubectl("delete", "pod", NAME, "--ignore-not-found")
    sandbox.kubectl(
        "run", NAME, f"--image={images.GIT_SYNC}", "--image-pull-policy=Never", "--command", "--", "sleep", "3600"
    )
    sandbox.kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=600s")


def wait_until_it_runs_again(sandbox: Sandbox) -> None:
    deadline = time.monotonic() + 600
    while True:
        found = json.loads(sandbox.kubectl("get", "pod", NAME, "-o", "json"))["status"]["containerStatuses"][0]
        if found["restartCount"] > 0 and found["ready"]:
            break
        assert time.monotonic() < deadline, found
        time.sleep(1)
    sandbox.kubectl("delete", "pod", NAME, "--grace-period=1")


def test_down_leaves_nothing_and_up_goes_on_with_what_was_there(sandbox: Sandbox) -> None:
    start_something(sandbox)
    forwarding = layout.current().root / "ip_forward.before"
    before = forwarding.read_text() if forwarding.is_file() else "1"
    fleet(sandbox, "down")
    assert {what: found for what, found in leftovers().items() if found} == {}
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == before
    fleet(sandbox, "up")
    wait_until_it_runs_again(sandbox)


def test_up_works_after_a_reboot(sandbox: Sandbox) -> None:
    """A reboot as the sandbox sees it: no process, mount, bridge or rule is left, but every file, and another boot id."""
    start_something(sandbox)
    here = layout.current()
    for row in api.status():
        assert row.pid is not None
        for pid in [row.pid, *process.session(row.pid)]:
            _kill(pid)
    _forget_network_and_mounts()
    for record in here.run.glob("*.pid.json"):
        record.write_text(json.dumps(json.loads(record.read_text()) | {"boot": "before"}))
    (here.run / "boot").write_text("before")
    fleet(sandbox, "up")
    assert {row.state for row in api.status()} == {"up"}
    wait_until_it_runs_again(sandbox)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _forget_network_and_mounts() -> None:
    here = layout.current()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and str(containers.state_folder(here)) in _command(entry):
            _kill(int(entry.name))
    for folder in Path("/sys/fs/cgroup/pids/kubepods").rglob("cgroup.procs"):
        for pid in folder.read_text().split():
            _kill(int(pid))
    time.sleep(1)
    containers.unmount_below(here.root)
    network.down(here)
    for program in ("iptables", "ip6tables"):
        for table in ("nat", "filter", "mangle"):
            subprocess.run([program, "-t", table, "-F"], check=True)
            subprocess.run([program, "-t", table, "-X"], check=False, capture_output=True)


def _command(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


@pytest.fixture(autouse=True, scope="module")
def up_again(sandbox: Sandbox) -> Iterator[None]:
    """Whatever failed here, the next run finds a sandbox."""
    yield
    fleet(sandbox, "up")
