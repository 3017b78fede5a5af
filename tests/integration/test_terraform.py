"""The modules and stacks by themselves: their form, their validity, their own tests. No server is needed, only providers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.sandbox.builds import tool
from tests.support.sandbox import Sandbox
from tests.support.terraform import SOURCES, copy, terraform

FOLDERS = sorted(str(path.parent.relative_to(SOURCES)) for path in SOURCES.glob("*/*/main.tf"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(tmp_path_factory.mktemp("terraform"))


def test_formatted(sandbox: Sandbox) -> None:
    terraform(SOURCES, "fmt", "-check", "-diff", "-recursive", environment=sandbox.environment)


@pytest.mark.parametrize("name", FOLDERS)
def test_linted(name: str) -> None:
    # The Terraform rules are part of tflint itself; no plug-in is fetched.
    done = subprocess.run([tool("tflint"), f"--chdir={SOURCES / name}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", FOLDERS)
def test_valid_and_tested(sandbox: Sandbox, folder: Path, name: str) -> None:
    environment = sandbox.environment
    terraform(folder / name, "init", "-input=false", "-backend=false", environment=environment)
    terraform(folder / name, "validate", environment=environment)
    tested = terraform(folder / name, "test", environment=environment).stdout
    runs = sum(file.read_text().count('run "') for file in (folder / name).glob("tests/*.tftest.hcl"))
    assert f"{runs} passed, 0 failed" in tested
