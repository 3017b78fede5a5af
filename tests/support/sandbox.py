"""The running sandbox, as tests use it: kubectl, PostgreSQL as anyone, Keycloak's addresses."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.support.keycloak import Keycloak

FLEET = str(Path(sys.executable).with_name("fleet"))


@dataclass(frozen=True)
class Sandbox:
    """The sandbox, once it is up."""

    environment: dict[str, str]

    @property
    def kubectl_program(self) -> str:
        """Path of the sandbox's own kubectl."""
        return str(Path(self.environment["KUBECONFIG"]).parent / "bin" / "kubectl")

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """What kubectl prints."""
        done = subprocess.run(
            [self.kubectl_program, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or not check, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def objects(self, kinds: str, namespace: str = "", labels: str = "") -> list[dict[str, Any]]:
        """Objects of some kinds in one namespace, or in all."""
        scope = ["--namespace", namespace] if namespace else ["--all-namespaces"]
        items: list[dict[str, Any]] = json.loads(
            self.kubectl("get", kinds, *scope, *(["--selector", labels] if labels else []), "--output", "json")
        )["items"]
        return items

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        """What a Secret holds."""
        found = json.loads(self.kubectl("get", "secret", name, "--namespace", namespace, "--output", "json"))
        return {key: base64.b64decode(value).decode() for key, value in found.get("data", {}).items()}

    @property
    def platform(self) -> dict[str, str]:
        """The platform's administrator credentials."""
        return self.secret("fleet-system", "fleet-platform")

    @property
    def keycloak(self) -> Keycloak:
        """Keycloak's admin API, as its administrator."""
        secret = self.platform
        return Keycloak(self.environment["KEYCLOAK_URL"], secret["sso-admin-username"], secret["sso-admin-password"])

    @property
    def platform_secrets(self) -> dict[str, str]:
        """What nobody is to see of them."""
        public = ("database-admin-username", "sso-admin-username", "ca.crt")
        return {key: value for key, value in self.platform.items() if key not in public}

    def superuser(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection as the server's own superuser, who may do what no administrator of a managed server may."""
        from fleet.sandbox import layout

        return psycopg.connect(
            host=self.environment["PGHOST"],
            port=int(self.environment["PGPORT"]),
            dbname=database,
            user="postgres",
            password=(layout.current().secrets / "postgres-superuser").read_text(),
            autocommit=True,
        )

    def admin(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection as the server's administrator."""
        secret = self.platform
        return psycopg.connect(
            host=self.environment["PGHOST"],
            port=int(self.environment["PGPORT"]),
            dbname=database,
            user=secret["database-admin-username"],
            password=secret["database-admin-password"],
            autocommit=True,
        )

    def team(self, name: str, database: str | None = None) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection as a team's role, with the connection string that its Airflow uses."""
        url = self.secret(f"airflow-{name}", "airflow-metadata")["connection"]
        return psycopg.connect(url, autocommit=True, **({"dbname": database} if database else {}))


def start() -> Sandbox:
    """Bring the sandbox up, or find it up."""
    from fleet import sandbox

    sandbox.up()
    found = sandbox.environment()
    return Sandbox({**os.environ, **found, "PATH": f"{found['PATH']}:{os.environ['PATH']}"})
