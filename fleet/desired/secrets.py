"""The Secrets of an instance's namespace: takes the instance's keys, gives the Secrets made of them, never makes a key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fleet.desired import naming
from fleet.desired.resolve import Resolved
from fleet.errors import FleetError
from fleet.model import Platform

METADATA = "airflow-metadata"
FERNET = "airflow-fernet-key"
API = "airflow-api-secret-key"
JWT = "airflow-jwt-secret"
SIGN_ON = "airflow-sso"
NAMES = (METADATA, FERNET, API, JWT, SIGN_ON)

# What `fleet` makes once per instance and keeps in the system namespace.
KEYS = ("fernet-key", "api-secret-key", "jwt-secret", "database-password", "sso-client-secret")

# Annotation of the Secret that keeps them: how often each was changed. With it a change of keys is a change to be applied.
ROTATED = "fleet/rotated"


def inputs(platform: Platform, instance: Resolved) -> dict[str, Any]:
    """All that goes into the Secrets beside the keys."""
    name = naming.sql(instance.name)
    return {
        "database": {**platform.database.model_dump(include={"host", "port", "sslmode"}), "name": name, "role": name},
        "client_id": naming.client_id(instance.name),
        **({"private_ca": True} if platform.private_ca else {}),
        **{f"rotated_{key}": number for key, number in instance.rotated.items()},
    }


def rotated(metadata: Mapping[str, Any]) -> dict[str, int]:
    """Key → how often it was changed, as the metadata of an instance's keys say (:data:`ROTATED`).

    Raises:
        FleetError: somebody edited it so that it cannot be read.
    """
    text = metadata.get("annotations", {}).get(ROTATED, "{}")
    try:
        return {str(key): int(number) for key, number in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise FleetError(
            f"the annotation {ROTATED} of the Secret {metadata['name']} holds no numbers",
            hint="delete the annotation; `fleet apply` then sends the keys anew",
        ) from error


def elsewhere(values: Mapping[str, Any]) -> list[str]:
    """Secrets of other names, from which an Airflow with these values (of its chart) takes keys all the same."""
    named = {values.get(f"{key}SecretName") for key in ("fernetKey", "apiSecretKey", "jwt")}
    named.add(values.get("data", {}).get("metadataSecretName"))
    return sorted(name for name in named if name and name not in NAMES)


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
