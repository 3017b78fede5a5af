"""Terraform on the sandbox's real servers, in a world of its own: takes a folder, gives stacks, plans and states."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from fleet.drivers import trust
from fleet.drivers.terraform import Stack
from tests.support.keycloak import Keycloak
from tests.support.sandbox import Sandbox

SOURCES = Path(__file__).parents[2] / "terraform"
# Secrets that no call of a stack may do without, where their values do not matter.
ANY_SECRETS = {"database_password": "no password at all", "sso_client_secret": "no secret at all"}


def copy(folder: Path) -> Path:
    """The modules and stacks, copied: `init` writes beside them."""
    return Path(shutil.copytree(SOURCES, folder / "terraform", ignore=shutil.ignore_patterns(".terraform*")))


def terraform(
    directory: Path, *arguments: str, environment: Mapping[str, str], check: bool = True
) -> subprocess.CompletedProcess[str]:
    """One call of Terraform (or OpenTofu, where that is what there is), without colours and questions."""
    env = {**os.environ, **environment, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_CLI_ARGS": "-no-color"}
    program = shutil.which("terraform", path=env["PATH"]) or shutil.which("tofu", path=env["PATH"])
    assert program, "no terraform and no tofu on PATH: fleet sandbox up"
    done = subprocess.run(
        [program, f"-chdir={directory}", *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not check, f"terraform {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done


@dataclass(frozen=True)
class Team:
    """One instance's variables and secrets."""

    name: str
    world: World
    secrets: dict[str, str] = field(
        default_factory=lambda: {name: secrets.token_urlsafe(24) for name in ANY_SECRETS}, repr=False
    )

    @property
    def role(self) -> str:
        return self.name.replace("-", "_")

    @property
    def redirect_uri(self) -> str:
        return f"https://{self.name}.example.com/auth/oauth-authorized/keycloak"

    def variables(self, **sso: Any) -> dict[str, Any]:
        return {
            "instance": self.name,
            "database_server": self.world.database_server,
            "database": {"name": self.role, "schema": self.role, "role": self.role, "connection_limit": 7},
            "sso": {
                "url": self.world.keycloak.url, "realm": self.world.realm, "client_id": f"airflow-{self.name}",
                "display_name": self.name, "base_url": f"https://{self.name}.example.com",
                "groups": {"admin": ["owners"]}, "users": {"op": ["alice"], "viewer": ["alice"]}, **sso,
            },
        }  # fmt: skip

    def call(self, command: str, *arguments: str, check: bool = True, **sso: Any) -> subprocess.CompletedProcess[str]:
        """A command that takes variables, in this instance's workspace."""
        file = self.world.stack("team").parent / f"{self.name}.tfvars.json"
        file.write_text(json.dumps(self.variables(**sso)))
        secret = {f"TF_VAR_{name}": value for name, value in self.secrets.items()}
        return self.world.call(
            "team", command, "-input=false", "-lock-timeout=120s", f"-var-file={file}", *arguments,
            workspace=self.name, extra=secret, check=check,
        )  # fmt: skip

    def apply(self, **sso: Any) -> str:
        return self.call("apply", "-auto-approve", **sso).stdout

    def destroy(self) -> str:
        return self.call("destroy", "-auto-approve").stdout

    def changes(self, **sso: Any) -> dict[str, list[str]]:
        """Address -> actions of what a plan would change."""
        plan = self.world.stack("team").parent / f"{self.name}.plan"
        self.call("plan", f"-out={plan}", **sso)
        shown = json.loads(self.world.call("team", "show", "-json", str(plan), workspace=self.name).stdout)
        found = {change["address"]: change["change"]["actions"] for change in shown["resource_changes"]}
        return {address: actions for address, actions in found.items() if actions not in (["no-op"], ["read"])}

    def connect(self, database: str | None = None) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection as the instance's role."""
        server = self.world.database_server
        return psycopg.connect(
            host=server["host"], port=server["port"], user=self.role, password=self.secrets["database_password"],
            dbname=database or self.role, autocommit=True, connect_timeout=10,
        )  # fmt: skip


@dataclass(frozen=True)
class World:
    """A realm, a database for states and a working directory, all with names that nobody else uses."""

    sandbox: Sandbox
    folder: Path
    mark: str

    @property
    def realm(self) -> str:
        return f"test-{self.mark}"

    @property
    def states(self) -> str:
        """Name of the database that holds the states."""
        return f"test_{self.mark}_states"

    @property
    def keycloak(self) -> Keycloak:
        return self.sandbox.keycloak

    @property
    def database_server(self) -> dict[str, Any]:
        host, port = self.sandbox.environment["PGHOST"], int(self.sandbox.environment["PGPORT"])
        return {"host": host, "port": port, "sslmode": "disable"}

    @property
    def environment(self) -> dict[str, str]:
        """What every call needs: the sandbox's programs and providers, the administrators, the back end."""
        secret = self.sandbox.platform
        server = self.database_server
        return {
            **self.sandbox.environment,
            "SSL_CERT_FILE": str(trust.file(Path(self.sandbox.environment["FLEET_SANDBOX_CA"]).read_text())),
            "PGUSER": secret["database-admin-username"],
            "PGPASSWORD": secret["database-admin-password"],
            "KEYCLOAK_CLIENT_ID": "admin-cli",
            "KEYCLOAK_USER": secret["sso-admin-username"],
            "KEYCLOAK_PASSWORD": secret["sso-admin-password"],
            "PG_CONN_STR": f"postgres://{server['host']}:{server['port']}/{self.states}?sslmode=disable",
        }

    def stack(self, name: str) -> Path:
        return self.folder / "terraform" / "stacks" / name

    def driven(self, name: str, **more: str) -> Stack:
        """A stack as `fleet` drives it; ``more`` is added to the environment."""
        program = shutil.which("terraform", path=self.environment["PATH"])
        assert program
        return Stack(self.stack(name), Path(program), {**self.environment, **more})

    def call(
        self,
        stack: str,
        *arguments: str,
        workspace: str = "default",
        extra: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **(extra or {}), "TF_WORKSPACE": workspace}
        return terraform(self.stack(stack), *arguments, environment=environment, check=check)

    def team(self, name: str) -> Team:
        """An instance, not applied; its workspace is made (Terraform collides when several are made at once)."""
        team = Team(f"test-{self.mark}-{name}", self)
        self.call("team", "workspace", "new", team.name, workspace=team.name)
        return team

    def apply_platform(self, *groups: str, **sso: Any) -> str:
        sso = {"url": self.keycloak.url, "realm": self.realm, "groups": groups, "deletion_protection": False, **sso}
        return self.call("platform", "apply", "-input=false", "-auto-approve", f"-var=sso={json.dumps(sso)}").stdout

    def state(self, stack: str, workspace: str) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.call(stack, "state", "pull", workspace=workspace).stdout)
        return state

    def begin(self) -> None:
        """Make the database for states, and initialise both stacks."""
        copy(self.folder)
        with self.sandbox.admin() as admin:
            name = sql.Identifier(self.states)
            admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
            # Open to all it would be a hole for `fleet verify`, which another test may be running.
            admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        for stack in ("platform", "team"):
            backend = {"terraform": {"backend": {"pg": {"schema_name": stack}}}}
            (self.stack(stack) / "backend.tf.json").write_text(json.dumps(backend))
            self.call(stack, "init", "-input=false")

    def end(self) -> None:
        """Take away all that bears this world's mark, whatever the tests left of it."""
        try:
            self.keycloak.call("DELETE", f"/{self.realm}")
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
        with self.sandbox.admin() as admin:
            pattern = f"test\\_{self.mark}\\_%"
            for (database,) in admin.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE %s", [pattern]
            ).fetchall():
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
            for (role,) in admin.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", [pattern]).fetchall():
                admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
