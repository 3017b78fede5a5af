"""One door to everything outside: takes the platform, gives its drivers, each opened when first asked for."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from fleet.desired import naming, stacks
from fleet.errors import FleetError
from fleet.model import Platform

if TYPE_CHECKING:
    from fleet.drivers.helm import Helm
    from fleet.drivers.kubernetes import Cluster
    from fleet.drivers.terraform import Stack


class World:
    """The drivers of one fleet. Opening one costs an import, a connection or an `init`: none is opened in vain."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._cluster: Cluster | None = None
        self._credentials: dict[str, str] | None = None
        self._stacks: dict[str, Stack] = {}

    @property
    def cluster(self) -> Cluster:
        """The Kubernetes cluster."""
        if self._cluster is None:
            from fleet.drivers.kubernetes import Cluster

            self._cluster = Cluster(self._platform.kubernetes.context)
        return self._cluster

    @property
    def helm(self) -> Helm:
        """Helm on that cluster."""
        from fleet.drivers.helm import Helm

        return Helm(self._platform.kubernetes.context)

    async def open_stack(self, name: str) -> Stack:
        """A Terraform stack, initialised. Call it before parallel work starts: one `init` serves all workspaces.

        Raises:
            FleetError: the platform's credentials are missing, or `init` failed.
        """
        if name not in self._stacks:
            from fleet.drivers import terraform

            environment = await self._environment()
            self._stacks[name] = await terraform.initialise(name, stacks.backend(self._platform, name), environment)
        return self._stacks[name]

    async def _environment(self) -> dict[str, str]:
        """Credentials for Terraform: the variables that its `pg` back end and both providers read by themselves."""
        secret = await self._platform_credentials()
        environment = {
            "PGUSER": secret["database-admin-username"],
            "PGPASSWORD": secret["database-admin-password"],
            "KEYCLOAK_CLIENT_ID": "admin-cli",
            "KEYCLOAK_USER": secret["sso-admin-username"],
            "KEYCLOAK_PASSWORD": secret["sso-admin-password"],
        }
        if self._platform.terraform.backend == "pg":
            environment["PG_CONN_STR"] = secret["terraform-backend-conn-str"]
        return environment

    async def _platform_credentials(self) -> dict[str, str]:
        if self._credentials is None:
            from fleet.drivers.kubernetes import core

            path = core("secrets", naming.SYSTEM_NAMESPACE, naming.PLATFORM_SECRET)
            found = decode(await self.cluster.get(path))
            needed = {"database-admin-username", "database-admin-password", "sso-admin-username", "sso-admin-password"}
            if self._platform.terraform.backend == "pg":
                needed.add("terraform-backend-conn-str")
            if missing := sorted(needed - found.keys()):
                raise FleetError(
                    f"the Secret {naming.PLATFORM_SECRET} has no {', '.join(missing)}",
                    where=f"{self._platform.kubernetes.context}, namespace {naming.SYSTEM_NAMESPACE}",
                    hint="it holds the platform's administrator credentials; `fleet sandbox up` makes it in the sandbox",
                )
            self._credentials = found
        return self._credentials


def decode(secret: dict[str, object] | None) -> dict[str, str]:
    """What a Secret holds; nothing where there is none."""
    data = (secret or {}).get("data") or {}
    assert isinstance(data, dict)  # noqa: S101 (the API server's own form)
    return {key: base64.b64decode(value).decode() for key, value in data.items()}
