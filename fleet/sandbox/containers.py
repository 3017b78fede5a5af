"""containerd: takes the layout, says whether it serves, removes every container and mount, never builds an image."""

from __future__ import annotations

import contextlib
import shutil
import time
from functools import cache
from pathlib import Path

from fleet.sandbox import config
from fleet.sandbox.layout import Layout
from fleet.sandbox.process import boot_id
from fleet.sandbox.shell import attempt, run

NAMESPACE = "k8s.io"
_CNI_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
_PATIENCE = 5.0
_CNI_RESULTS = ("fleet-sandbox-", "cni-loopback-")
_FIXED_FOLDERS = (
    "/run/containerd/runc/k8s.io",
    "/run/containerd/runc",
    "/run/containerd/s",
    "/run/containerd",
    "/var/lib/cni/results",
    "/var/lib/cni",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet",
)


def state_folder(layout: Layout) -> Path:
    """containerd's volatile state: sockets, bundles, network namespaces."""
    return layout.run / "containerd"


def pause_image() -> str:
    """Reference of the image that holds every pod's namespaces."""
    from fleet.sandbox import images

    return images.PAUSE


@cache
def cni_folder() -> Path:
    """Where the distribution keeps the CNI plugins."""
    found = [Path(folder) for folder in _CNI_FOLDERS if (Path(folder) / "bridge").exists()]
    return found[0] if found else Path(_CNI_FOLDERS[0])


@cache
def version() -> str:
    """Version of the installed containerd."""
    return run("containerd", "--version").split()[2]


def serves(layout: Layout) -> bool:
    """Whether containerd answers and its CRI plugin is loaded."""
    if not layout.containerd_socket.exists():
        return False
    return attempt(*_ctr(layout), "plugins", "list", "id==cri").stdout.find(" ok") > 0


def import_once(layout: Layout, reference: str, archive: Path) -> str:
    """Give the node the image unless it has it from this very archive (whose name is a hash); says which it was."""
    from fleet.sandbox import images

    mark = layout.containerd / "imported" / f"{reference.replace('/', '_')}"
    present = attempt(*_ctr(layout), "images", "list", "--quiet", f"name=={reference}").stdout.split()
    if reference in present and mark.is_file() and mark.read_text() == archive.name:
        return "already there"
    images.import_image(archive, layout.containerd_socket)
    config.write(mark, archive.name)
    return "imported"


def forget_other_boot(layout: Layout) -> None:
    """Throw volatile state of an earlier boot away: elsewhere it lies on a tmpfs and would be gone by itself."""
    mark = layout.run / "boot"
    if mark.is_file() and mark.read_text() == boot_id():
        return
    unmount_below(layout.root)
    shutil.rmtree(state_folder(layout), ignore_errors=True)
    shutil.rmtree(layout.cni, ignore_errors=True)
    layout.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark.write_text(boot_id())


def remove_all(layout: Layout) -> int:
    """End and remove every container; gives their number. The kubelet must not run any more."""
    tasks = _list(layout, "tasks", "list", "--quiet")
    for number, patience in (("SIGTERM", _PATIENCE), ("SIGKILL", _PATIENCE)):
        for task in _running(layout):
            attempt(*_ctr(layout), "tasks", "kill", "--all", "--signal", number, task)
        _wait_until_stopped(layout, patience)
    for task in tasks:
        attempt(*_ctr(layout), "tasks", "delete", "--force", task)
    names = _list(layout, "containers", "list", "--quiet")
    for name in names:
        attempt(*_ctr(layout), "containers", "delete", name)
    return len(names)


def unmount_below(folder: Path) -> int:
    """Unmount everything mounted below ``folder``, innermost first; gives the number of mounts."""
    points = mounts_below(folder)
    for point in points:
        if attempt("umount", point).returncode != 0:
            attempt("umount", "--lazy", point)
    return len(points)


def mounts_below(folder: Path) -> list[str]:
    """Mount points below ``folder``, innermost and newest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    # Field 5 is the mount point, with blanks and backslashes as octal escapes.
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [point for point in reversed(points) if Path(point).is_relative_to(folder)]


def remove_cgroups() -> None:
    """Remove the empty control groups that the kubelet and its pods leave in each hierarchy."""
    for root in Path("/sys/fs/cgroup").glob("**/kubepods"):
        folders = [root, *(folder for folder in root.rglob("*") if folder.is_dir())]
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            # One with processes in it is somebody else's and refuses.
            with contextlib.suppress(OSError):
                folder.rmdir()


def remove_fixed_folders() -> None:
    """Remove what containerd, CNI and the kubelet leave in places that no setting moves; only where it is empty or ours."""
    for path in Path("/var/lib/cni/results").glob("*"):
        if path.name.startswith(_CNI_RESULTS):
            path.unlink(missing_ok=True)
    plugins = Path("/var/lib/kubelet/device-plugins")
    (plugins / "kubelet.sock").unlink(missing_ok=True)
    for folder in (Path(name) for name in _FIXED_FOLDERS):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _wait_until_stopped(layout: Layout, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _running(layout) and time.monotonic() < deadline:
        time.sleep(0.2)


def _running(layout: Layout) -> list[str]:
    rows = [line.split() for line in attempt(*_ctr(layout), "tasks", "list").stdout.splitlines()[1:]]
    return [row[0] for row in rows if row and row[-1] == "RUNNING"]


def _list(layout: Layout, *words: str) -> list[str]:
    return attempt(*_ctr(layout), *words).stdout.split()


def _ctr(layout: Layout) -> tuple[str, ...]:
    return ("ctr", "--address", str(layout.containerd_socket), "--namespace", NAMESPACE)
