"""This machine: takes nothing, gives findings on the programs and files that fleet needs here, never asks a cluster."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from fleet.doctor.finding import Finding, guarded
from fleet.drivers import process, tools
from fleet.drivers.terraform import MINIMUM_VERSION as TERRAFORM_MINIMUM

# `helm uninstall --ignore-not-found`: https://github.com/helm/helm/releases/tag/v3.13.0
HELM_MINIMUM = (3, 13)


async def examine() -> list[Finding]:
    """Helm, Terraform or OpenTofu, and Terraform's CLI configuration."""
    return [
        *await guarded("machine", "helm", _helm),
        *await guarded("machine", "terraform", _terraform),
        *_terraform_config(),
    ]


async def _helm() -> list[Finding]:
    program = tools.find("helm")
    said = await _said(program, "version", "--template", "{{.Version}}")
    return [version("helm", program, said, HELM_MINIMUM)]


async def _terraform() -> list[Finding]:
    program = tools.find("terraform", "tofu")
    try:
        said = str(json.loads(await _said(program, "version", "-json"))["terraform_version"])
    except (ValueError, KeyError):
        said = ""
    return [version("terraform", program, said, TERRAFORM_MINIMUM)]


def version(name: str, program: Path, said: str, minimum: tuple[int, int]) -> Finding:
    """Whether a program's version, say `v3.19.4+gdeadbeef`, is new enough."""
    found, wanted = re.match(r"v?(\d+)\.(\d+)(\.\d+)?", said.strip()), ".".join(map(str, minimum))
    if found is None:
        return Finding(
            "machine", name, "fail", f"{program} does not say its version", f"install {name} {wanted} or newer"
        )
    shown = found[0].removeprefix("v")
    if (int(found[1]), int(found[2])) < minimum:
        return Finding(
            "machine", name, "fail", f"{program} is {shown}; {wanted} is needed", f"install {name} {wanted} or newer"
        )
    return Finding("machine", name, "ok", f"{shown}, {program}")


async def _said(program: Path, *arguments: str) -> str:
    environment = {"CHECKPOINT_DISABLE": "1"}  # else Terraform asks the internet for newer versions
    return (await process.run([program, *arguments], env=environment)).stdout.decode(errors="replace")


def _terraform_config() -> list[Finding]:
    named = os.environ.get("TF_CLI_CONFIG_FILE", "")
    if named and not Path(named).is_file():
        mend = "correct or unset TF_CLI_CONFIG_FILE"
        return [Finding("machine", "terraform config", "warn", f"TF_CLI_CONFIG_FILE names no file: {named}", mend)]
    found = tools.terraform_config()
    where = str(found) if found else "none; providers come from the Terraform registry"
    return [Finding("machine", "terraform config", "ok", where)]
