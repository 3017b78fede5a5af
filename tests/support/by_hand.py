"""An Airflow as somebody installs one who knows nothing of fleet: takes a name, gives it running, with psql's, Keycloak's,
kubectl's and Helm's own means.

Its names are those that fleet would give. All else is its installer's: the sizes, the names of two Secrets, its sign-on page.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from psycopg import sql

from fleet.drivers import trust
from tests.support.keycloak import Keycloak
from tests.support.sandbox import Sandbox

CHECKOUT = Path(__file__).resolve().parents[2]
IMAGE = "fleet.local/airflow"
VERSION = "3.3.2"
REALM = "fleet"
_SECONDS = 600  # a busy machine
_SIGN_ON = """
import os
from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from flask_appbuilder.const import AUTH_OAUTH

class SecurityManager(FabAirflowSecurityManagerOverride):
    def get_oauth_user_info(self, provider, resp):
        claims = resp["userinfo"]
        return {{"username": claims["preferred_username"], "email": claims["email"], "role_keys": claims.get("roles", [])}}

SECURITY_MANAGER_CLASS = SecurityManager
AUTH_TYPE = AUTH_OAUTH
AUTH_USER_REGISTRATION = True
AUTH_ROLES_SYNC_AT_LOGIN = True
AUTH_ROLES_MAPPING = {{"admin": ["Admin"], "viewer": ["Viewer"]}}
OAUTH_PROVIDERS = [{{
    "name": "keycloak", "icon": "fa-key", "token_key": "access_token",
    "remote_app": {{
        "client_id": "{client}", "client_secret": os.environ["AIRFLOW_SSO_CLIENT_SECRET"],
        "server_metadata_url": "{issuer}/.well-known/openid-configuration",
        "client_kwargs": {{"scope": "openid email profile", "code_challenge_method": "S256"}},
    }},
}}]
"""


@dataclass(frozen=True)
class ByHand:
    """One such Airflow; its secrets were made by whoever installed it."""

    name: str
    sandbox: Sandbox
    keys: dict[str, str] = field(
        default_factory=lambda: {
            "fernet-key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "api-secret-key": secrets.token_hex(16),
            "jwt-secret": secrets.token_hex(32),
            "database-password": secrets.token_urlsafe(18) + "/+@",  # which a URL has to quote
            "sso-client-secret": secrets.token_urlsafe(18),
        },
        repr=False,
    )

    @property
    def namespace(self) -> str:
        return f"airflow-{self.name}"

    @property
    def url(self) -> str:
        return f"https://{self.name}.fleet.localhost"

    @property
    def keycloak(self) -> Keycloak:
        return self.sandbox.keycloak

    def install(self) -> None:
        """All of it, until Airflow answers."""
        self.make_database()
        self.make_client(REALM)
        self.make_namespace()
        self.migrate()
        self.helm("install", "airflow", str(CHECKOUT / "charts" / "airflow"))
        self.kubectl("rollout", "status", "deployment", "--timeout", f"{_SECONDS}s", "--selector", "tier=airflow")

    def make_database(self) -> None:
        """A role, a database that it owns, and in it its schema."""
        role = sql.Identifier(self.role)
        with self.sandbox.admin() as admin:
            password = sql.Literal(self.keys["database-password"])
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
            admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
            # Open to all it would be a hole for `fleet verify`, which another test may be running.
            admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))
            admin.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} SET search_path = {}").format(role, role, role))
        with self.sandbox.admin(self.role) as inside:
            inside.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(role, role))

    @property
    def role(self) -> str:
        return self.name.replace("-", "_")

    def make_client(self, realm: str, url: str = "") -> dict[str, Any]:
        """A sign-on client with two roles, and the claim by which Airflow hears of them."""
        base, client_id = url or self.url, f"airflow-{self.name}"
        mapper = {
            "name": "their roles", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-client-role-mapper",
            "config": {
                "claim.name": "roles", "jsonType.label": "String", "multivalued": "true", "id.token.claim": "true",
                "userinfo.token.claim": "true", "usermodel.clientRoleMapping.clientId": client_id,
            },
        }  # fmt: skip
        self.keycloak.call("POST", f"/{realm}/clients", {
            "clientId": client_id, "secret": self.keys["sso-client-secret"], "standardFlowEnabled": True,
            "redirectUris": [f"{base}/auth/oauth-authorized/keycloak", f"{base}/old"], "protocolMappers": [mapper],
        })  # fmt: skip
        made = self.keycloak.client(realm, client_id)
        for role in ("admin", "viewer"):
            self.keycloak.call("POST", f"/{realm}/clients/{made['id']}/roles", {"name": role})
        return made

    def give(self, realm: str, person: str, role: str) -> None:
        """Give a person a role of the client, straight."""
        client = self.keycloak.client(realm, f"airflow-{self.name}")["id"]
        (user,) = self.keycloak.get(f"/{realm}/users?username={person}&exact=true")
        found = self.keycloak.get(f"/{realm}/clients/{client}/roles/{role}")
        self.keycloak.call("POST", f"/{realm}/users/{user['id']}/role-mappings/clients/{client}", [found])

    def make_namespace(self) -> None:
        """Namespace, Secrets, and the authority that Keycloak's certificate is from."""
        self.sandbox.kubectl("create", "namespace", self.namespace)
        for name, data in self.secrets.items():
            text = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
            self.create(text)
        authority = trust.bundle(Path(self.sandbox.environment["FLEET_SANDBOX_CA"]).read_text())
        self.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"}, "data": {"ca.crt": authority}}
        )

    @property
    def secrets(self) -> dict[str, dict[str, str]]:
        """The Secrets: some have the names that fleet's have."""
        from urllib.parse import quote

        server = f"{self.sandbox.environment['PGHOST']}:{self.sandbox.environment['PGPORT']}"
        where = f"{self.role}:{quote(self.keys['database-password'], safe='')}@{server}/{self.role}"
        return {
            "airflow-metadata": {
                "connection": f"postgresql://{where}?sslmode=disable",
                "connection_async": f"postgresql+asyncpg://{where}?ssl=disable",
            },
            "our-fernet-key": {"fernet-key": self.keys["fernet-key"]},
            "airflow-api-secret-key": {"api-secret-key": self.keys["api-secret-key"]},
            "airflow-jwt-secret": {"jwt-secret": self.keys["jwt-secret"]},
            "our-sign-on": {"secret": self.keys["sso-client-secret"]},
        }

    def migrate(self) -> None:
        """`airflow db migrate`, in a Job."""
        manager = {"name": "AIRFLOW__CORE__AUTH_MANAGER", "value": self.values["config"]["core"]["auth_manager"]}
        connection = _from("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-metadata", "connection")
        container = {
            "name": "migrate", "image": f"{IMAGE}:{VERSION}", "args": ["airflow", "db", "migrate"],
            "env": [manager, connection, _ASYNC],
        }  # fmt: skip
        pod = {"restartPolicy": "Never", "containers": [container]}
        self.create({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"},
            "spec": {"template": {"spec": pod}, "backoffLimit": 0},
        })  # fmt: skip
        self.kubectl("wait", "--for=condition=complete", f"--timeout={_SECONDS}s", "job/migrate")

    @property
    def values(self) -> dict[str, Any]:
        """The release's values: not one of them is fleet's."""
        component = {
            "resources": {"requests": {"cpu": "20m", "memory": "300Mi"}, "limits": {"memory": "1200Mi"}},
            "env": [_ASYNC],
        }
        sign_on = [
            _from("AIRFLOW_SSO_CLIENT_SECRET", "our-sign-on", "secret"),
            {"name": "FORWARDED_ALLOW_IPS", "value": "*"},
            {"name": "SSL_CERT_FILE", "value": "/etc/ca/ca.crt"},
            {"name": "REQUESTS_CA_BUNDLE", "value": "/etc/ca/ca.crt"},
        ]
        issuer = f"{self.sandbox.environment['KEYCLOAK_URL']}/realms/{REALM}"
        return {
            "defaultAirflowRepository": IMAGE,
            "executor": "LocalExecutor",
            "labels": {"example.com/made": "by-hand"},
            "fernetKeySecretName": "our-fernet-key",
            "config": {
                "core": {"auth_manager": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"},
                "api": {"base_url": f"{self.url}/"},
                "scheduler": {"task_queued_timeout": 300},
            },
            "apiServer": {
                **component,
                "env": [_ASYNC, *sign_on],
                "apiServerConfig": _SIGN_ON.format(client=f"airflow-{self.name}", issuer=issuer),
                "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
                "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
            },
            **dict.fromkeys(("scheduler", "dagProcessor", "triggerer"), component),
            "ingress": {
                "apiServer": {
                    "enabled": True,
                    "ingressClassName": "traefik",
                    "hosts": [{"name": f"{self.name}.fleet.localhost"}],
                    "path": "/",
                    "pathType": "Prefix",
                }
            },
        }

    def helm(self, command: str, *arguments: str) -> None:
        program = Path(self.sandbox.kubectl_program).with_name("helm")
        done = subprocess.run(
            [program, command, *arguments, "--namespace", self.namespace, "--values", "-"],
            env=self.sandbox.environment, input=yaml.safe_dump(self.values), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def kubectl(self, *arguments: str) -> str:
        return self.sandbox.kubectl("--namespace", self.namespace, *arguments)

    def create(self, manifest: dict[str, Any]) -> None:
        done = subprocess.run(
            [self.sandbox.kubectl_program, "--namespace", self.namespace, "create", "--filename", "-"],
            env=self.sandbox.environment, input=json.dumps(manifest), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def pods(self) -> dict[str, tuple[str, int]]:
        """Name → uid and restarts, of Airflow's own pods."""
        return {
            pod["metadata"]["name"]: (
                pod["metadata"]["uid"],
                sum(each["restartCount"] for each in pod["status"]["containerStatuses"]),
            )
            for pod in self.sandbox.objects("pods", self.namespace, "tier=airflow,component")
        }

    def remove(self) -> None:
        """Whatever is left of it, adopted or not."""
        self.sandbox.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait")
        for client in self.keycloak.get(f"/{REALM}/clients?clientId=airflow-{self.name}"):
            self.keycloak.call("DELETE", f"/{REALM}/clients/{client['id']}")
        self.drop()

    def drop(self) -> None:
        """The database and its role."""
        with self.sandbox.admin() as admin:
            name = sql.Identifier(self.role)
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))


def _from(variable: str, name: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


_ASYNC = _from("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC", "airflow-metadata", "connection_async")
