"""The Gateway API: takes its pinned Go module, gives the definitions of its kinds as files, never applies them."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from fleet.paths import cache_dir
from fleet.sandbox import builds
from fleet.sandbox.shell import run

_MODULE = "sigs.k8s.io/gateway-api"


def definitions(version: str) -> Path:
    """Folder with the CustomResourceDefinitions of the standard channel, fetched unless the cache has it.

    Raises:
        FleetError: Go is missing, or the module cannot be had.
    """
    target = cache_dir() / "gateway-api" / version
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        module = json.loads(run("go", "mod", "download", "-json", f"{_MODULE}@{version}"))
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            # Files only: Go's cache is read-only, and so would be what is copied with its modes.
            fresh = Path(shutil.copytree(
                Path(module["Dir"]) / "config" / "crd" / "standard", Path(folder) / version, copy_function=shutil.copyfile
            ))  # fmt: skip
            fresh.chmod(0o755)
            builds.publish(fresh, target)
    return target
