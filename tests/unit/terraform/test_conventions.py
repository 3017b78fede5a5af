"""What the house asks of every Terraform module: its files, its variables, and a failing case for each validation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3] / "terraform"
FOLDERS = sorted(path.parent for path in ROOT.glob("*/*/main.tf"))
MODULES = [folder for folder in FOLDERS if folder.parent.name == "modules"]
# It hands its variables on to the modules that validate them.
COMPOSITIONS = {"instance"}

_VARIABLE = re.compile(r'^variable "(\w+)" \{$(.*?)^\}$', re.DOTALL | re.MULTILINE)


def _name(folder: Path) -> str:
    return str(folder.relative_to(ROOT))


def _variables(folder: Path) -> dict[str, str]:
    return dict(_VARIABLE.findall((folder / "variables.tf").read_text()))


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_four_files(folder: Path) -> None:
    assert sorted(file.name for file in folder.glob("*.tf")) == ["main.tf", "outputs.tf", "variables.tf", "versions.tf"]


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_every_variable_is_typed_described_and_never_null(folder: Path) -> None:
    for name, body in _variables(folder).items():
        for key in ("description", "type", "nullable"):
            assert re.search(rf"^  {key}\s*=", body, re.MULTILINE), f"{name} lacks {key}"
        assert not re.search(r"type\s*=\s*any\b", body), f"{name} takes anything"


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_every_validation_has_a_failing_case(folder: Path) -> None:
    tests = "".join(file.read_text() for file in folder.glob("tests/*.tftest.hcl"))
    for name, body in _variables(folder).items():
        validations = body.count("  validation {")
        assert validations or folder.name in COMPOSITIONS or "= bool\n" in body, f"{name} is not validated"
        failing = len(re.findall(rf"expect_failures = \[var\.{name}\]", tests))
        assert failing >= validations, f"{name}: {validations} validations, {failing} failing cases"


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_secrets_are_ephemeral_and_leave_by_write_only_arguments(folder: Path) -> None:
    for name, body in _variables(folder).items():
        secret = name.endswith(("password", "secret"))
        assert ("ephemeral   = true" in body) == secret and ("sensitive   = true" in body) == secret, name
    main = (folder / "main.tf").read_text()
    assert not re.search(r"^\s*(password|client_secret)\s*=(?!\s*var\.\w+$)", main, re.MULTILINE)


@pytest.mark.parametrize("folder", MODULES, ids=_name)
def test_modules_hold_no_provider_block(folder: Path) -> None:
    assert "\nprovider " not in "".join(file.read_text() for file in folder.glob("*.tf"))


def test_providers_are_pinned_alike() -> None:
    pins: dict[str, set[str]] = {}
    for folder in FOLDERS:
        for source, version in re.findall(
            r'source  = "(.+)"\n\s+version = "(.+)"', (folder / "versions.tf").read_text()
        ):
            pins.setdefault(source, set()).add(version)
    assert pins == {"cyrilgdn/postgresql": {"1.26.0"}, "hashicorp/google": {"7.45.0"}, "keycloak/keycloak": {"5.9.0"}}


def test_what_reads_all_instances_hands_on_what_the_stack_of_one_does() -> None:
    """Or drift would plan without a variable that an apply plans with."""
    team, fleet = (ROOT / "stacks" / name for name in ("team", "fleet-read"))
    calls = [(folder / "main.tf").read_text().partition("\nmodule ")[2] for folder in (team, fleet)]
    handed = [set(re.findall(r"^  (\w+) +=", call, re.MULTILINE)) - {"source", "for_each"} for call in calls]
    assert handed[0] == handed[1]
    (teams,) = [body for name, body in _variables(fleet).items() if name == "teams"]
    for name in ("database", "sso", "gcp"):
        one = re.search(r"object\(\{\n(.*?)\n  \}\)", _variables(team)[name], re.DOTALL)
        of_all = re.search(
            rf"^    {name} = (?:optional\()?object\(\{{\n(.*?)\n    \}}\)", teams, re.DOTALL | re.MULTILINE
        )
        assert one and of_all
        attributes = [{line.strip() for line in found[1].splitlines()} for found in (one, of_all)]
        assert {re.sub(r" +", " ", each) for each in attributes[0]} - {"url = string"} == {
            re.sub(r" +", " ", each) for each in attributes[1]
        }
