"""One door to everything outside: takes the platform, gives its drivers, each opened when first asked for."""

from __future__ import annotations

import base64
from functools import cached_property
from typing import TYPE_CHECKING

from fleet.desired import naming, stacks
from fleet.errors import ExitCode, FleetError
from fleet.model import Platform

if TYPE_CHECKING:
    from fleet.drivers.cloudsql import CloudSql
    from fleet.drivers.helm import Helm
    from fleet.drivers.keycloak import Keycloak
    from fleet.drivers.kubernetes import Cluster
    from fleet.drivers.postgres import Login
    from fleet.drivers.storage import Storage
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

    @cached_property
    def cloud_sql(self) -> CloudSql:
        """The Cloud SQL Admin API of the database server.

        Raises:
            FleetError: the inventory names none.
        """
        from fleet.drivers.cloudsql import CloudSql

        settings = self._platform.database.cloud_sql
        if settings is None:
            raise FleetError(
                "the inventory does not say how databases are backed up",
                hint="`platform.database.cloud_sql` names the Cloud SQL instance and a bucket",
                exit_code=ExitCode.REFUSED,
            )
        return CloudSql(settings)

    @cached_property
    def storage(self) -> Storage:
        """Cloud Storage, where that API puts its dumps; FleetError as above."""
        from fleet.drivers.storage import Storage

        return Storage(self.cloud_sql.settings.storage_api)

    def login(self, user: str, password: str) -> Login:
        """A role's way into the database server."""
        from fleet.drivers.postgres import Login

        return Login(self._platform.database, user, password)

    async def database_admin(self) -> Login:
        """The database server's administrator."""
        secret = await self._platform_credentials()
        return self.login(secret["database-admin-username"], secret["database-admin-password"])

    async def authority(self) -> str | None:
        """The certificate of the private authority that signed for front and Keycloak; None where the public ones did."""
        if not self._platform.private_ca:
            return None
        return (await self._platform_credentials())[naming.CA_KEY]

    async def keycloak(self) -> Keycloak:
        """The Keycloak server."""
        from fleet.drivers.keycloak import Keycloak

        return Keycloak(self._platform.sso.url, await self.authority())

    async def sso_admin(self) -> tuple[str, str]:
        """Keycloak's administrator: user name and password."""
        secret = await self._platform_credentials()
        return secret["sso-admin-username"], secret["sso-admin-password"]

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
        if authority := await self.authority():
            from fleet.drivers import trust

            environment["SSL_CERT_FILE"] = str(trust.file(authority))
        if self._platform.cloud == "gcp":  # the server's administrator is made by the stack `platform`
            environment["TF_VAR_database_admin_password"] = secret["database-admin-password"]
        return environment

    async def _platform_credentials(self) -> dict[str, str]:
        if self._credentials is None:
            from fleet.drivers.kubernetes import core

            path = core("secrets", naming.SYSTEM_NAMESPACE, naming.PLATFORM_SECRET)
            found = decode(await self.cluster.get(path))
            needed = {"database-admin-username", "database-admin-password", "sso-admin-username", "sso-admin-password"}
            if self._platform.terraform.backend == "pg":
                needed.add("terraform-backend-conn-str")
            if self._platform.private_ca:
                needed.add(naming.CA_KEY)
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
