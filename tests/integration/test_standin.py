"""The stand-ins for the official providers: the same schemas, no secret kept, refusals that say so.

Where the official providers themselves are installed, the same tests hold for them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.sandbox import Sandbox
from tests.support.terraform import SOURCES, copy, terraform

PROVIDERS = SOURCES.parent / "sandbox" / "providers"
OFFICIAL = {
    name: json.loads((PROVIDERS / "schemas" / f"{name}.json").read_text())
    for name in ("google", "keycloak", "postgresql")
}
KINDS = {"resource": "resource_schemas", "data": "data_source_schemas"}


def used(kind: str) -> set[str]:
    """Types of the resources, or of the data sources, that the modules and stacks name."""
    texts = [path.read_text() for path in SOURCES.glob("*/*/main.tf")]
    return {name for text in texts for name in re.findall(rf'^{kind} "(\w+)"', text, re.MULTILINE)}


@pytest.fixture(scope="module")
def served(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `terraform providers schema -json` says, by the provider's name."""
    stack = copy(tmp_path_factory.mktemp("schemas")) / "stacks" / "team"
    terraform(stack, "init", "-input=false", "-backend=false", environment=sandbox.environment)
    shown = json.loads(terraform(stack, "providers", "schema", "-json", environment=sandbox.environment).stdout)
    return {source.rpartition("/")[2]: schemas for source, schemas in shown["provider_schemas"].items()}


def _plain(value: Any) -> Any:
    """A schema without what only people read, and without the flags that are false."""
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if not isinstance(value, dict):
        return value
    texts = {"description_kind", "deprecation_message"}
    # The official data was stored without descriptions; an attribute of that name went with them.
    return {
        key: _plain(inner) for key, inner in value.items() if key not in texts | {"description"} and inner is not False
    }


@pytest.mark.parametrize(("kind", "name"), sorted((kind, name) for kind in KINDS for name in used(kind)))
def test_schema_is_the_official_one(served: dict[str, Any], kind: str, name: str) -> None:
    provider = name.partition("_")[0]
    official = OFFICIAL[provider][KINDS[kind]][name]
    assert _plain(served[provider][KINDS[kind]][name]) == _plain(official)
    assert official["block"]["attributes"]


@pytest.mark.parametrize("provider", sorted(OFFICIAL))
def test_provider_block_is_the_official_one(served: dict[str, Any], provider: str) -> None:
    assert _plain(served[provider]["provider"]) == _plain(OFFICIAL[provider]["provider"])


def test_the_comparison_sees_a_difference() -> None:
    official = OFFICIAL["postgresql"]["resource_schemas"]["postgresql_role"]
    changed = json.loads(json.dumps(official))
    del changed["block"]["attributes"]["password_wo"]["write_only"]
    assert _plain(changed) != _plain(official)


def _stand_ins(sandbox: Sandbox) -> list[Path]:
    configuration = Path(sandbox.environment.get("TF_CLI_CONFIG_FILE", "/nowhere"))
    if not configuration.is_file():
        return []
    (mirror,) = re.findall(r'path\s*=\s*"(.+)"', configuration.read_text())
    return sorted(Path(mirror).glob("registry.terraform.io/*/*/*/*/terraform-provider-*"))


def test_each_says_what_it_is(sandbox: Sandbox) -> None:
    for binary in _stand_ins(sandbox):
        source, version = "/".join(binary.parts[-5:-3]), binary.parts[-3]
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
        assert said == f"stand-in for {source} {version}\n"
        assert (binary.parent / "STAND-IN.txt").is_file()


def test_go_tests_pass() -> None:
    done = subprocess.run(["go", "test", "./..."], cwd=PROVIDERS, env={**os.environ, "CGO_ENABLED": "0"},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


SERVERS = """
provider "postgresql" {
  host = "127.0.0.1"
  port = 1
}
provider "keycloak" {
  url           = "http://127.0.0.1:1"
  initial_login = false
}
"""


@dataclass(frozen=True)
class Bench:
    """A directory with both providers, pointed at ports where nobody answers."""

    directory: Path
    environment: dict[str, str]

    def run(self, command: str, kind: str, *arguments: str) -> str:
        """What a command says of one resource that it must not accept."""
        versions = (SOURCES / "stacks" / "team" / "versions.tf").read_text()
        resource = f'resource "{kind}" "x" {{\n' + "\n".join(arguments) + "\n}\n"
        (self.directory / "main.tf").write_text(versions + SERVERS + resource)
        if not (self.directory / ".terraform").exists():
            terraform(self.directory, "init", "-input=false", environment=self.environment)
        done = terraform(self.directory, *command.split(), environment=self.environment, check=False)
        assert done.returncode == 1, done.stdout
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def bench(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    secrets = {"PGPASSWORD": "hunter2-admin", "KEYCLOAK_PASSWORD": "hunter2-admin", "KEYCLOAK_USER": "admin"}
    environment = {**sandbox.environment, **secrets, "KEYCLOAK_CLIENT_ID": "admin-cli"}
    return Bench(tmp_path_factory.mktemp("bench"), environment)


GRANT = ('role = "x"', 'database = "d"')
CLIENT = ('realm_id = "r"', 'client_id = "c"')


@pytest.mark.parametrize(("kind", "arguments", "complaint"), [
    ("postgresql_role", ('name = "x"', 'password_wo = "y"'), "password_wo_version"),
    ("postgresql_role", ('name = "x"', "connection_limit = -2"), "connection_limit"),
    ("postgresql_grant", (*GRANT, 'object_type = "database"', 'privileges = ["DROP"]'), "DROP is not an allowed privilege"),
    ("keycloak_openid_client", (*CLIENT, 'access_type = "SECRET"'), "CONFIDENTIAL"),
    ("keycloak_realm", ('realm = "r"', 'access_token_lifespan = "5 minutes"'), "access_token_lifespan"),
])  # fmt: skip
def test_a_wrong_configuration_is_refused(bench: Bench, kind: str, arguments: tuple[str, ...], complaint: str) -> None:
    assert complaint in bench.run("validate", kind, *arguments)


@pytest.mark.parametrize(("kind", "arguments"), [
    ("postgresql_role", ('name = "x"',)),
    ("keycloak_role", ('realm_id = "r"', 'name = "n"')),
])  # fmt: skip
def test_a_server_that_is_not_there_is_named_and_no_password_is(
    bench: Bench, kind: str, arguments: tuple[str, ...]
) -> None:
    said = bench.run("apply -auto-approve -input=false", kind, *arguments)
    assert "127.0.0.1" in said and "hunter2-admin" not in said
