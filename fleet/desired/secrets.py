"""The Secrets of an instance's namespace: takes the instance's keys, gives the Secrets made of them, never makes a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fleet.desired import naming
from fleet.desired.resolve import Resolved
from fleet.model import Platform

METADATA = "airflow-metadata"
FERNET = "airflow-fernet-key"
API = "airflow-api-secret-key"
JWT = "airflow-jwt-secret"
SIGN_ON = "airflow-sso"
NAMES = (METADATA, FERNET, API, JWT, SIGN_ON)

# What `fleet` makes once per instance and keeps in the system namespace.
KEYS = ("fernet-key", "api-secret-key", "jwt-secret", "database-password", "sso-client-secret")


def inputs(platform: Platform, instance: Resolved) -> dict[str, Any]:
    """All that goes into the Secrets beside the keys."""
    name = naming.sql(instance.name)
    return {
        "database": {**platform.database.model_dump(include={"host", "port", "sslmode"}), "name": name, "role": name},
        "client_id": naming.client_id(instance.name),
        **({"private_ca": True} if platform.private_ca else {}),
    }


def contents(inputs: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Name of each Secret → what is in it.

    Args:
        inputs: as :func:`inputs` gave them.
        keys: every one of :data:`KEYS`.
    """
    database = inputs["database"]
    where = (
        f"{quote(database['role'])}:{quote(keys['database-password'], safe='')}@{database['host']}:{database['port']}/"
    )
    where += quote(database["name"])
    # psycopg takes libpq's name of the option, asyncpg its own.
    return {
        METADATA: {
            "connection": f"postgresql://{where}?{urlencode({'sslmode': database['sslmode']})}",
            "connection_async": f"postgresql+asyncpg://{where}?{urlencode({'ssl': database['sslmode']})}",
        },
        FERNET: {"fernet-key": keys["fernet-key"]},
        API: {"api-secret-key": keys["api-secret-key"]},
        JWT: {"jwt-secret": keys["jwt-secret"]},
        SIGN_ON: {"client-id": inputs["client_id"], "client-secret": keys["sso-client-secret"]},
    }
