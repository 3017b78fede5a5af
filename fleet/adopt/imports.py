"""What is to be imported: takes what was found, gives address and id of each thing as Terraform's `import` blocks have
them.

The ids are the official providers' (their documentation, section Import). Grants, and roles of groups and of people,
are not among them: making one that is there already changes nothing, and an import of a group's roles would take those
of other instances for ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fleet.drivers.handmade import Client, Database

_ROLES = ("admin", "op", "user", "viewer")  # beside those of rights to some of the DAGs
_DATABASE = "module.instance.module.database"
_SSO = "module.instance.module.sso"


def blocks(team: str, sso: Mapping[str, Any], database: Database, client: Client) -> list[dict[str, str]]:
    """One block per thing that is there.

    Args:
        sso: the stack's variable of this name.
    """
    realm, roles = str(sso["realm"]), [*_ROLES, *sso.get("dag_roles", ())]
    found = [*_database(database), *_client(realm, client, roles), *_groups(team, realm, client, roles)]
    return [{"to": address, "id": each} for address, each in found]


def _database(found: Database) -> Iterator[tuple[str, str]]:
    yield f"{_DATABASE}.postgresql_role.this", found.role
    yield f"{_DATABASE}.postgresql_database.this", found.name
    yield f"{_DATABASE}.postgresql_schema.this", f"{found.name}.{found.name}"


def _client(realm: str, client: Client, roles: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield f"{_SSO}.keycloak_openid_client.this", f"{realm}/{client.id}"
    for role in roles:
        if role in client.roles:
            yield f'{_SSO}.keycloak_role.this["{role}"]', f"{realm}/{client.roles[role]}"
    if mapper := client.mapper("roles"):
        identity = f"{realm}/client/{client.id}/{mapper.id}"
        yield f"{_SSO}.keycloak_openid_user_client_role_protocol_mapper.roles", identity


def _groups(team: str, realm: str, client: Client, roles: Sequence[str]) -> Iterator[tuple[str, str]]:
    own = client.own_groups
    if f"/{team}" in own:
        yield f"{_SSO}.keycloak_group.instance", f"{realm}/{own[f'/{team}']}"
    for role in roles:
        if path := own.get(f"/{team}/{role}"):
            yield f'{_SSO}.keycloak_group.role["{role}"]', f"{realm}/{path}"
