"""Finds the external programs and the configuration they need: takes a name, gives a path, never installs anything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fleet import paths
from fleet.errors import FleetError

SANDBOX_CONTEXT = "fleet-sandbox"


def sandbox_dir() -> Path:
    """Where ``fleet sandbox up`` leaves its kubeconfig, its programs and its Terraform configuration."""
    return paths.state_dir() / "sandbox"


def find(*names: str) -> Path:
    """The first of ``names`` on PATH, else among the sandbox's programs.

    Raises:
        FleetError: there is none.
    """
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), str(sandbox_dir() / "bin")])
    for name in names:
        if found := shutil.which(name, path=folders):
            return Path(found)
    raise FleetError(
        f"the program `{names[0]}` is not on PATH",
        hint=f"install {names[0]}, or run `fleet sandbox up`, which brings one",
    )


def kubeconfig(context: str) -> Path | None:
    """The kubeconfig file that holds ``context``; None for kubectl's own rules (KUBECONFIG, ~/.kube/config)."""
    sandbox = sandbox_dir() / "kubeconfig"
    # The sandbox's context works without `eval "$(fleet sandbox env)"`; nobody else's context has this name.
    return sandbox if context == SANDBOX_CONTEXT and sandbox.is_file() else None


def terraform_config() -> Path | None:
    """Terraform's CLI configuration: the user's (TF_CLI_CONFIG_FILE) where it is a file, else the sandbox's, if any."""
    user = os.environ.get("TF_CLI_CONFIG_FILE", "")
    if user and Path(user).is_file():
        return Path(user)
    sandbox = sandbox_dir() / "terraformrc"
    return sandbox if sandbox.is_file() else None
