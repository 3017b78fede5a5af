"""What a task's pod can do to its node: takes nothing, gives outcomes, leaves nothing behind. Each deed is really done, in a
child process, so that one that succeeds does not spoil the next."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

from .common import Context, Outcome, Probe, ask, by_status, hole, refused, unknown, unreachable

_CLONE_NEWNS = 0x00020000  # linux/sched.h
_CLONE_NEWUSER = 0x10000000
_FILES = (
    "/etc/kubernetes",
    "/var/lib/kubelet",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/run/containerd/containerd.sock",
    "/var/run/docker.sock",
    "/var/run/crio/crio.sock",
    "/host",
    "/rootfs",
)
_HOST_PROGRAMS = ("kubelet", "containerd", "dockerd", "kube-proxy", "systemd", "crio")
# Names that a container's own network namespace never has, whatever the network plug-in.
_HOST_INTERFACES = ("cni", "veth", "cali", "lxc", "cilium", "docker", "cbr", "flannel", "gke")
_KEYS = (
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW_SSO_CLIENT_SECRET",
)
METADATA = "http://169.254.169.254/"
_CHILD_SECONDS = 60  # to start Python in a pod with little CPU


def _root(_: Context) -> Outcome:
    return _in_child("import os\nos.setuid(0)", "setuid(0)")


def _capabilities(_: Context) -> Outcome:
    # In the child's own folder, which nobody else looks into.
    place = "__import__('tempfile').mkdtemp().encode()"
    return _in_child(_call(f"libc.mount(b'none', {place}, b'tmpfs', 0, None)"), "mount()")


def _seccomp(_: Context) -> Outcome:
    mode = _status("Seccomp")
    if mode != "2":  # 2: a filter is at work; https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
        return hole(f"no seccomp filter is at work (mode {mode})")
    return _in_child(_call(f"libc.unshare({_CLONE_NEWUSER | _CLONE_NEWNS})"), "unshare()")


def _setuid(_: Context) -> Outcome:
    return refused("no_new_privs is set") if _status("NoNewPrivs") == "1" else hole("no_new_privs is not set")


def _in_child(code: str, deed: str) -> Outcome:
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=_CHILD_SECONDS)
    if done.returncode == 0:
        return hole(f"{deed} succeeded")
    said = (done.stderr.strip().splitlines() or [""])[-1]
    if "PermissionError" in said or "Operation not permitted" in said:
        return refused(f"{deed}: {os.strerror(errno.EPERM)}")
    return unknown(f"{deed}: {said or f'ended with {done.returncode}'}")


def _call(expression: str) -> str:
    return (
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"if {expression} != 0:\n    error = ctypes.get_errno()\n    raise OSError(error, os.strerror(error))\n"
    )


def _status(name: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((line.split()[1] for line in lines if line.startswith(f"{name}:")), "absent")


def _host_files(_: Context) -> Outcome:
    there = [name for name in _FILES if Path(name).exists()]
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if _of_host(line)]
    found = sorted({*there, *mounted})
    return hole(f"the node's {', '.join(found)}") if found else refused("nothing of the node is mounted")


def _of_host(line: str) -> bool:
    """Whether a mount shows a folder of the node: anything but the few files that Kubernetes itself puts into a pod."""
    fields = line.split()
    root, where = fields[3], fields[4]
    kinds = line.partition(" - ")[2].split()
    own = "/kubelet/pods/" in root or "/containerd/" in root or "/sandboxes/" in root or "/containers/" in root
    plain = bool(kinds) and kinds[0] in ("ext4", "xfs", "btrfs", "zfs")
    return (
        plain
        and where not in ("/", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log")
        and not own
    )


def _host_processes(_: Context) -> Outcome:
    names = {_name(path) for path in Path("/proc").glob("[0-9]*/comm")}
    found = sorted(names.intersection(_HOST_PROGRAMS))
    return hole(f"the node's {', '.join(found)}") if found else refused(f"{len(names)} processes, all of this pod")


def _name(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # it has ended
        return ""


def _host_network(_: Context) -> Outcome:
    names = sorted(path.name for path in Path("/sys/class/net").iterdir())
    found = [name for name in names if name.startswith(_HOST_INTERFACES)]
    return hole(f"the node's {', '.join(found)}") if found else refused(f"only {', '.join(names)}")


def _metadata(context: Context) -> Outcome:
    try:
        answer = ask(METADATA, headers={"Metadata-Flavor": "Google"})
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        return refused(f"nobody answers there ({type(reason).__name__})")
    if context["workload_identity"]:
        return refused("answers for the team's own Google service account only (Workload Identity)")
    # 403: it is there, and switched off. Any other answer, 401 of AWS included, is one to somebody who may ask further.
    return refused(answer.short) if answer.status == 403 else hole(f"it answers: HTTP {answer.status}")


def _kubelet(context: Context) -> Outcome:
    try:
        return by_status(ask(f"https://{context['node']}:10250/pods"))
    except OSError as error:
        return unreachable(context, error)


def worst(outcomes: list[Outcome]) -> Outcome:
    """A hole before an unanswered question before a refusal."""
    return min(outcomes, key=lambda each: ("hole", "unknown", "refused").index(each[0]))


def _account(_: Context) -> Outcome:
    folder = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    return hole(f"there is one in {folder}") if (folder / "token").exists() else refused("there is none")


def _keys(_: Context) -> Outcome:
    found = [name for name in _KEYS if os.environ.get(name)]
    return hole(f"there is {', '.join(found)}") if found else refused("there is none")


def _anonymous(context: Context) -> Outcome:
    try:
        answer = ask(f"{context['kubernetes']}/api/v1/namespaces/{context['team']['namespace']}/secrets")
    except OSError as error:
        return unreachable(context, error)
    return by_status(answer)


PROBES: dict[str, Probe] = {
    "pod-root": _root,
    "pod-capabilities": _capabilities,
    "pod-seccomp": _seccomp,
    "pod-setuid": _setuid,
    "pod-host-files": _host_files,
    "pod-host-processes": _host_processes,
    "pod-host-network": _host_network,
    "pod-metadata": _metadata,
    "pod-kubelet": _kubelet,
    "task-account": _account,
    "task-keys": _keys,
    "task-kubernetes": _anonymous,
}
