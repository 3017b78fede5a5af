"""Names: takes the names of teams and instances, gives those that collide or are reserved, never judges spelling.

The spelling and the length are the model's (`fleet.model.NAME_PATTERN`, `NAME_MAX`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from fleet.inventory.problems import Problem

_POSTGRES = "PostgreSQL keeps this name for itself"
_CLOUD_SQL = "Cloud SQL keeps this name for itself"
_PLATFORM = "the platform has a database of this name"

# A name becomes a database, a schema and a role (dashes as underscores), a Terraform workspace, and part of other names.
# https://www.postgresql.org/docs/current/manage-ag-templatedbs.html, https://www.postgresql.org/docs/current/sql-createrole.html,
# https://cloud.google.com/sql/docs/postgres/users
RESERVED = {
    "postgres": _POSTGRES,
    "template0": _POSTGRES,
    "template1": _POSTGRES,
    "public": _POSTGRES,
    "none": _POSTGRES,
    "information-schema": _POSTGRES,
    "root": _CLOUD_SQL,
    "keycloak": _PLATFORM,
    "terraform": _PLATFORM,
    "fleet": "fleet keeps this name for itself",
    "default": "Terraform has a workspace of this name, which cannot be removed",
}
RESERVED_PREFIXES = {
    "pg-": "PostgreSQL keeps names with `pg_` for itself",
    "cloudsql": "Cloud SQL keeps names with `cloudsql` for itself",
    "fleet-": "fleet keeps names with `fleet-` for itself",
    "xn--": "DNS keeps names with `xn--` for encoded ones",
}


def check(teams: Iterable[str], instances: Iterable[str], platform: dict[str, Any]) -> Iterator[Problem]:
    """The names that cannot be, each with the reason."""
    taken: dict[str, str] = {}
    front = _front_host(platform)
    for kind, names in (("instances", instances), ("teams", teams)):
        for name in names:
            if reason := reserved(name):
                yield Problem(reason, (kind, name), hint="choose another name")
            mapped = name.lower().replace("-", "_")
            if (other := taken.setdefault(mapped, f"{kind}.{name}")) != f"{kind}.{name}":
                what = f"collides with `{other}`: both would have the database `{mapped}`"
                yield Problem(what, (kind, name), hint="rename one of the two")
            if f"{name}.{platform.get('domain')}" == front:
                yield Problem(f"`{front}` is already `platform.sso.url`", (kind, name), hint="choose another name")


def reserved(name: str) -> str:
    """Why no instance may have this name, or nothing."""
    if name in RESERVED:
        return RESERVED[name]
    return next((why for prefix, why in RESERVED_PREFIXES.items() if name.startswith(prefix)), "")


def _front_host(platform: dict[str, Any]) -> str | None:
    """The host of the sign-on, where instances have hosts of their own beside it."""
    sso = platform.get("sso")
    url = sso.get("url") if isinstance(sso, dict) else None
    if platform.get("urls", "host") != "host" or not isinstance(url, str):
        return None
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
