"""One door to everything outside: takes the platform, gives its drivers, each opened when first asked for."""

from __future__ import annotations

import base64
from functools import cached_property
from typing import TYPE_CHECKING

from fleet.desired import naming, stacks
from fleet.drivers import credentials
from fleet.drivers.credentials import Credentials
from fleet.errors import ExitCode, FleetError
from fleet.model import Platform

if TYPE_CHECKING:
    from fleet.drivers.cloudsql import CloudSql
    from fleet.drivers.helm import Helm
    from fleet.drivers.keycloak import Keycloak, Realm
    from fleet.drivers.kubernetes import Cluster
    from fleet.drivers.postgres import Login
    from fleet.drivers.states import States
    from fleet.drivers.storage import Storage
    from fleet.drivers.terraform import Stack


class World:
    """The drivers of one fleet. Opening one costs an import, a connection or an `init`: none is opened in vain."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._cluster: Cluster | None = None
        self._found: Credentials | None = None
        self._stacks: dict[str, Stack] = {}

    @property
    def cluster(self) -> Cluster:
        """The Kubernetes cluster."""
        if self._cluster is None:
            from fleet.drivers.kubernetes import Cluster

            self._cluster = Cluster(self.platform.kubernetes.context)
        return self._cluster

    @property
    def helm(self) -> Helm:
        """Helm on that cluster."""
        from fleet.drivers.helm import Helm

        return Helm(self.platform.kubernetes.context)

    @cached_property
    def cloud_sql(self) -> CloudSql:
        """The Cloud SQL Admin API of the database server.

        Raises:
            FleetError: the inventory names none.
        """
        from fleet.drivers.cloudsql import CloudSql

        settings = self.platform.database.cloud_sql
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

        return Login(self.platform.database, user, password)

    async def database_admin(self) -> Login:
        """The database server's administrator.

        Raises:
            FleetError: this run may only look.
        """
        found = (await self._credentials()).administrator()
        return self.login(found["database-admin-username"], found["database-admin-password"])

    async def database_reader(self) -> Login:
        """Whoever looks at the database server: the administrator, or in the scheduled job a role that can only read."""
        found = await self._credentials()
        if not found.reader:
            return await self.database_admin()
        return self.login(found["database-username"], found["database-password"])

    async def authority(self) -> str | None:
        """The certificate of the private authority that signed for front and Keycloak; None where the public ones did."""
        if not self.platform.private_ca:
            return None
        return (await self._credentials())[naming.CA_KEY]

    async def keycloak(self) -> Keycloak:
        """The Keycloak server."""
        from fleet.drivers.keycloak import Keycloak

        return Keycloak(self.platform.sso.url, await self.authority())

    async def sso_admin(self) -> tuple[str, str]:
        """Keycloak's administrator: user name and password.

        Raises:
            FleetError: this run may only look.
        """
        found = (await self._credentials()).administrator()
        return found["sso-admin-username"], found["sso-admin-password"]

    async def realm(self) -> Realm:
        """The fleet's realm, for whoever looks at it: the administrator, or in the scheduled job a client that can only read.

        Raises:
            FleetError: Keycloak is away, or refuses.
        """
        found, server, name = await self._credentials(), await self.keycloak(), self.platform.sso.realm
        if not found.reader:
            return await server.realm(name, *await self.sso_admin())
        return await server.realm_of_client(name, found["sso-client-id"], found["sso-client-secret"])

    async def open_stack(self, name: str) -> Stack:
        """A Terraform stack, initialised. Call it before parallel work starts: one `init` serves all workspaces.

        Raises:
            FleetError: the platform's credentials are missing, or `init` failed.
        """
        if name not in self._stacks:
            from fleet.drivers import terraform

            environment = await self._environment()
            self._stacks[name] = await terraform.initialise(name, stacks.backend(self.platform, name), environment)
        return self._stacks[name]

    async def open_reading(self, name: str) -> Stack:
        """A Terraform stack, initialised to plan over copies of states only; `fleet-read` is all instances as one.

        Raises:
            FleetError: as above.
        """
        from fleet.drivers import terraform

        return await terraform.initialise(name, {"local": {}}, await self._environment())

    async def states(self, stack: str) -> States:
        """Terraform's states of a stack, to be read as they lie in the back end."""
        from fleet.drivers import states

        cloud_sql = self.platform.database.cloud_sql
        storage_api = cloud_sql.storage_api if cloud_sql else "https://storage.googleapis.com"
        return states.states(stacks.backend(self.platform, stack), await self._environment(), storage_api)

    async def _environment(self) -> dict[str, str]:
        """Credentials for Terraform: the variables that its `pg` back end and both providers read by themselves."""
        found = await self._credentials()
        environment = _reader(found, self.platform.sso.realm) if found.reader else _administrator(found)
        if self.platform.terraform.backend == "pg":
            environment["PG_CONN_STR"] = found[credentials.STATE]
        if authority := await self.authority():
            from fleet.drivers import trust

            environment["SSL_CERT_FILE"] = str(trust.file(authority))
        if self.platform.cloud == "gcp" and not found.reader:  # the stack `platform` makes the server's administrator
            environment["TF_VAR_database_admin_password"] = found["database-admin-password"]
        return environment

    async def state(self) -> str:
        """Connection string of Terraform's back end `pg`."""
        return (await self._credentials())[credentials.STATE]

    async def _credentials(self) -> Credentials:
        if self._found is None:
            self._found = credentials.of_folder(self.platform) or await self._administrators()
        return self._found

    async def _administrators(self) -> Credentials:
        from fleet.drivers.kubernetes import core

        path = core("secrets", naming.SYSTEM_NAMESPACE, naming.PLATFORM_SECRET)
        return credentials.of_secret(self.platform, decode(await self.cluster.get(path)))


def _administrator(found: Credentials) -> dict[str, str]:
    return {
        "PGUSER": found["database-admin-username"],
        "PGPASSWORD": found["database-admin-password"],
        "KEYCLOAK_CLIENT_ID": "admin-cli",
        "KEYCLOAK_USER": found["sso-admin-username"],
        "KEYCLOAK_PASSWORD": found["sso-admin-password"],
    }


def _reader(found: Credentials, realm: str) -> dict[str, str]:
    return {
        "PGUSER": found["database-username"],
        "PGPASSWORD": found["database-password"],
        "KEYCLOAK_CLIENT_ID": found["sso-client-id"],
        "KEYCLOAK_CLIENT_SECRET": found["sso-client-secret"],
        "KEYCLOAK_REALM": realm,
    }


def decode(secret: dict[str, object] | None) -> dict[str, str]:
    """What a Secret holds; nothing where there is none."""
    data = (secret or {}).get("data") or {}
    assert isinstance(data, dict)  # noqa: S101 (the API server's own form)
    return {key: base64.b64decode(value).decode() for key, value in data.items()}
