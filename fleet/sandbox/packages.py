"""Debian packages that a real node needs: takes nothing, says what is missing, installs it where root and apt are there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleet.sandbox import containers
from fleet.sandbox.shell import run

_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21
_LOCK_SECONDS = 300  # how long another apt may be at work


@dataclass(frozen=True)
class Package:
    """A Debian package and how to see that what it brings is there (installed from wherever)."""

    name: str
    present: Callable[[], bool]


def _program(package: str, program: str = "") -> Package:
    return Package(package, lambda: shutil.which(program or package) is not None)


_NODE = (
    _program("containerd"),
    _program("runc"),
    Package("containernetworking-plugins", lambda: (containers.cni_folder() / "bridge").exists()),
    _program("conntrack"),
    _program("iptables"),
    _program("iproute2", "ip"),
    _program("debootstrap"),
)


def missing() -> list[str]:
    """Names of the Debian packages without which there is no real node on this machine."""
    return [package.name for package in _NODE if not package.present()]


def can_install() -> bool:
    """Whether this user may install Debian packages here."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(names: list[str]) -> None:
    """Install the packages; raises FleetError with apt's last words."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # A new machine's first minutes are those in which others install as well.
    apt_get = ("apt-get", "--quiet", "--option", f"DPkg::Lock::Timeout={_LOCK_SECONDS}")
    run(*apt_get, "update", env=environment)
    run(*apt_get, "install", "--yes", "--no-install-recommends", *names, env=environment)
    containers.cni_folder.cache_clear()


def why_no_node() -> str:
    """Why this machine cannot run a real node, after whatever could be installed was; empty if it can."""
    if os.geteuid() != 0:
        return "not root"
    if not _capable():
        return "root without CAP_NET_ADMIN and CAP_SYS_ADMIN, as in a plain container"
    return f"missing: {' '.join(missing())}" if missing() else ""


def _capable() -> bool:
    """Whether this process may set up networks and mounts (bits of CapEff: capabilities(7), linux/capability.h)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = int(next(line.split()[1] for line in lines if line.startswith("CapEff:")), 16)
    return all(effective >> bit & 1 for bit in (_CAP_NET_ADMIN, _CAP_SYS_ADMIN))
