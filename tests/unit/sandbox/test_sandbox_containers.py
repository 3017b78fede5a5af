"""What is mounted below a folder is found innermost first, also with odd names; progress is plain without a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from fleet.sandbox import containers, packages
from fleet.sandbox.progress import Progress

_TABLE = """\
1 0 8:1 / / rw - ext4 /dev/sda rw
2 1 0:5 / /state/sandbox/kubelet/pods/a/v rw - tmpfs tmpfs rw
3 1 0:6 / /state/sandbox/run/rootfs rw - overlay overlay rw
4 3 0:7 / /state/sandbox/run/rootfs/with\\040blank rw - tmpfs tmpfs rw
5 1 0:8 / /state/sandbox-other/x rw - tmpfs tmpfs rw
"""


def test_mounts_are_found_innermost_first_and_only_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: _TABLE)
    assert containers.mounts_below(Path("/state/sandbox")) == [
        "/state/sandbox/run/rootfs/with blank",
        "/state/sandbox/run/rootfs",
        "/state/sandbox/kubelet/pods/a/v",
    ]


def test_progress_is_one_plain_line_for_each_step_on_what_is_no_terminal() -> None:
    said = io.StringIO()
    with Progress(Console(file=said)) as progress:
        with progress.step("etcd v3.6.4") as step:
            step.how = "built"
        with pytest.raises(ValueError), progress.step("broken"):
            raise ValueError
    lines = said.getvalue().splitlines()
    assert [line.split()[:3] for line in lines] == [["etcd", "v3.6.4", "built"], ["broken", "failed", "0.0"]]
    assert "\x1b" not in said.getvalue()


def test_what_a_node_lacks_is_named_by_its_debian_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(containers, "_CNI_FOLDERS", (str(tmp_path),))
    containers.cni_folder.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert packages.missing() == [
        "containerd", "runc", "containernetworking-plugins", "conntrack", "iptables", "iproute2", "debootstrap",
    ]  # fmt: skip
    assert not packages.can_install()
    containers.cni_folder.cache_clear()
