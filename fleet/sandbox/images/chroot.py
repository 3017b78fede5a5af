"""Programs inside a root file system: takes a folder and a script, gives its output to a log, leaves nothing mounted.

The script sees the host's name servers, certificates and package sources through a private mount name space: none of
them gets into the folder, and everything vanishes with the process, however it ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from fleet.errors import FleetError
from fleet.sandbox.images import sources

_INSIDE = """
set -eu
root=$1 host=$2 script=$3
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir -p "$root/run/host"
mount --bind "$host" "$root/run/host"
if [ -f "$root/etc/resolv.conf" ]; then mount --bind /etc/resolv.conf "$root/etc/resolv.conf"; fi
chroot=$(command -v chroot)
PATH=$4
exec "$chroot" "$root" /bin/sh -c "$script"
"""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def run(
    root: Path,
    script: str,
    environment: Mapping[str, str],
    log: Path,
    *,
    suite: str = "",
) -> None:
    """Runs ``script`` with the folder's own ``/bin/sh`` as root; its output goes to the end of ``log``.

    Args:
        root: the folder that becomes ``/``.
        environment: variables of the script, over the build's own.
        suite: Debian suite that apt installs from; empty where no apt runs.
    Raises:
        FleetError: the script failed; the message quotes the end of its output.
    """
    host = root.parent / "host"
    host.mkdir(exist_ok=True)
    settings = _host_files(host, suite)
    # The step ends with this process, even when that is killed.
    command = ["nice", "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]
    inner = {**settings, **environment}
    arguments = [str(root), str(host), script, inner.pop("PATH", _PATH)]
    with log.open("a") as output:
        done = subprocess.run(
            [*command, "/bin/sh", "-c", _INSIDE, "sh", *arguments],
            env={"HOME": "/root", **inner, "PATH": _PATH},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        raise FleetError(f"a build step failed: {_end(log)}", hint=f"its whole output is in {log}")


def _host_files(host: Path, suite: str) -> dict[str, str]:
    """Lays the host's certificates and package settings into ``host``; gives the variables that point to them."""
    inside = "/run/host"
    settings = {name: os.environ[name] for name in (*_PASSED, *_PROXIES) if name in os.environ}
    bundle = sources.certificates()
    if bundle:
        shutil.copyfile(bundle, host / "ca.crt")
        for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            settings[name] = f"{inside}/ca.crt"
    pip = sources.pip_settings()
    if pip:
        shutil.copyfile(pip, host / "pip.conf")
        settings["PIP_CONFIG_FILE"] = f"{inside}/pip.conf"
    if suite:
        (host / "sources.list").write_text(sources.apt_sources(suite))
        (host / "apt.conf").write_text(sources.apt_settings(inside))
        settings["APT_CONFIG"] = f"{inside}/apt.conf"
    return {**settings, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}


def _end(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:])[-400:]
