"""Archives into the node: takes an archive and containerd's socket, gives the node the image, never builds one."""

from __future__ import annotations

import subprocess
from pathlib import Path

from fleet.errors import FleetError

NAMESPACE = "k8s.io"  # where the kubelet's containers and images live in containerd


def import_image(path: Path, address: Path) -> None:
    """Imports the archive ``path`` through the containerd socket ``address``; again costs next to nothing.

    Raises:
        FleetError: containerd refused it or does not answer.
    """
    _ctr(address, "images", "import", "--digests=false", str(path))


def imported(address: Path) -> frozenset[str]:
    """References of the images that the node has."""
    return frozenset(_ctr(address, "images", "list", "--quiet").split())


def _ctr(address: Path, *arguments: str) -> str:
    command = ["ctr", "--address", str(address), "--namespace", NAMESPACE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise FleetError(f"containerd refused: {done.stderr.strip()[-300:]}", where=str(address))
    return done.stdout
