"""What stands against an adoption: takes what was found, gives the reasons and for each the command that removes it,
never a secret.

All of it is known before anything is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from fleet.adopt.look import Found
from fleet.adopt.values import secrets_in
from fleet.desired import naming, secrets, signon
from fleet.drivers.handmade import CLIENT_ROLES, Client, Database
from fleet.drivers.terraform_import import Planned
from fleet.errors import ExitCode, FleetError
from fleet.model import Platform

# As the modules of Terraform want them.
_SHORTEST = 16
_ROLES = ("admin", "op", "user", "viewer")
_FAB = signon.SIGNED_IN["fab"]


def names(found: Found, platform: Platform) -> Iterator[FleetError]:
    """What is called otherwise than fleet calls it (`fleet.desired.naming`): what it is, what it has to be, how to
    rename it."""
    name, address = naming.sql(found.name), found.address
    for kind, there in (("database", address.database), ("role", address.role)):
        if there != name:
            yield _no(
                f"its {kind} is {there}, and has to be {name}",
                f'while its pods are stopped: ALTER {kind.upper()} "{there}" RENAME TO {name}; then write {name} into the '
                f"connections of the Secret {found.sources['connection']} and start the pods",
            )
    if (address.database, address.role) == (name, name):
        yield from _database(found.database, address.host, platform, name)
    yield from _client_names(found, platform)
    if (base := _base_url(found)) != naming.url(platform, found.name):
        yield _no(
            f"its URL is {base or 'not set'}, and has to be {naming.url(platform, found.name)}",
            "set `config.api.base_url` in the release's values and upgrade the release: that restarts its pods",
        )


def _database(there: Database | None, host: str, platform: Platform, name: str) -> Iterator[FleetError]:
    if there is None:
        server = f"{platform.database.host}:{platform.database.port}"
        yield _no(f"its database is on {host}, and there is none called {name} on {server}", _MOVE)
        return
    if name not in there.homes:
        other = next(iter(there.homes), "")
        yield _no(
            f"its tables are in the schema {other}, and have to be in {name}" if other else "it has no tables",
            f'in the database {name}: ALTER SCHEMA "{other}" RENAME TO {name}; ALTER SCHEMA {name} OWNER TO {name};'
            + (" CREATE SCHEMA public AUTHORIZATION pg_database_owner" if other == "public" else "")
            if other
            else "run `airflow db migrate` with its image and its connection",
        )
    elif there.homes[name] != name:
        yield _no(
            f"its tables belong to the role {there.homes[name]}, and have to belong to {name}",
            f'in the database {name}: REASSIGN OWNED BY "{there.homes[name]}" TO {name}, where that role owns nothing else',
        )

    elif there.owner != there.admin and not there.may_give:
        yield _no(
            f"the database {name} belongs to {there.owner}, and has to belong to {there.admin} (ADR 0010)",
            f'as a superuser: ALTER DATABASE {name} OWNER TO "{there.admin}"',
        )


_MOVE = "move it with pg_dump and pg_restore while its pods are stopped, as docs/how-to/adopt.md says"


def _client_names(found: Found, platform: Platform) -> Iterator[FleetError]:
    wanted = naming.client_id(found.name)
    if found.client is not None:
        return
    realm = platform.sso.realm
    if not found.strangers:
        yield _no(
            f"the realm {realm} has no client {wanted}, nor one that leads to {naming.url(platform, found.name)}",
            "make it, and let its Airflow sign people in by it",
        )
    for other in found.strangers:
        yield _no(
            f"its sign-on client is {other}, and has to be {wanted}",
            f"kcadm.sh update clients/$(kcadm.sh get clients -r {realm} -q clientId={other} --fields id --format csv "
            f"--noquotes) -r {realm} -s clientId={wanted}; then write {wanted} into its webserver_config.py, "
            "which restarts its pods",
        )


def _base_url(found: Found) -> str:
    config = found.release.values.get("config", {})
    return str(config.get("api", {}).get("base_url", "")).rstrip("/")


def keys(found: Found, contents: Mapping[str, Mapping[str, str]]) -> Iterator[FleetError]:
    """Keys that cannot be taken as they are.

    Args:
        contents: what fleet would write into the Secrets of the namespace.
    """
    for name, data in sorted(contents.items()):
        held = found.secrets.get(name, {})
        if changed := sorted(key for key, value in data.items() if held.get(key, value) != value):
            yield _no(
                f"the Secret {name} holds another {' and another '.join(changed)} than fleet would write", _FORMS[name]
            )
    for key in ("database-password", "sso-client-secret"):
        if 0 < len(found.keys[key]) < _SHORTEST:
            yield _no(f"its {key} has fewer than {_SHORTEST} characters", "change it; that restarts its pods")
    if paths := sorted(set(secrets_in(found.release.values, _known(found)))):
        yield _no(
            f"the release's values hold secrets, and an inventory must not: {', '.join(paths)}",
            "put each into a Secret that the values name, and upgrade the release: that restarts its pods",
        )


def _known(found: Found) -> list[str]:
    return [value for value in found.keys.values() if len(value) >= _SHORTEST]


_FORMS = {
    secrets.METADATA: "`connection` is postgresql://ROLE:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE, `connection_async` "
    "postgresql+asyncpg://…?ssl=MODE, with host, port and sslmode as in `platform.database`; running pods do not notice",
    secrets.SIGN_ON: "`client-id` and `client-secret` are those of the client in Keycloak; correct the Secret",
    **dict.fromkeys((secrets.FERNET, secrets.API, secrets.JWT), "its pods read another Secret: delete this one"),
}


def sign_on(found: Found, client: Client, url: str) -> Iterator[FleetError]:
    """Ways in which people could sign in before and not after."""
    back = f"{url}{_FAB}"
    if not any(fnmatchcase(back, each) for each in client.redirects):
        yield _no(
            f"its client sends people to {', '.join(client.redirects) or 'nowhere'}, and after the adoption to {back} alone",
            "call the provider `keycloak` in its webserver_config.py, and add that address to the client",
        )
    config = str(found.release.values.get("apiServer", {}).get("apiServerConfig", ""))
    if client.pkce != "S256" and "code_challenge_method" not in config:
        yield _no(
            "its Airflow signs people in without PKCE, which its client would ask for after the adoption",
            "add `code_challenge_method: S256` to `client_kwargs` in its webserver_config.py; that restarts its API server",
        )
    if not set(_ROLES) & client.roles.keys():
        yield _no(
            f"its client has none of the roles {', '.join(_ROLES)}: people have theirs from elsewhere, and would lose them",
            "give the client these roles, give them to the groups and people, and let Airflow read the claim `roles`",
        )
    if (mapper := client.mapper("roles")) and mapper.kind != CLIENT_ROLES:
        yield _no(
            f"its client's mapper `roles` is of the kind {mapper.kind}",
            f"rename it; fleet makes one of the kind {CLIENT_ROLES}",
        )


def chart(found: Found) -> Iterator[FleetError]:
    """A chart that is neither of the two."""
    release = found.release
    if not (release.official or release.shipped):
        yield _no(
            f"its chart is {release.chart} {release.version}",
            "fleet installs its own chart, of the version that comes with it, and the official one of any version",
        )


def pods(differing: Mapping[str, Sequence[str]], warnings: Sequence[str]) -> Iterator[FleetError]:
    """Pods that would be started anew, or that could not be.

    Args:
        differing: workload → fields in which it would change.
        warnings: of the API server, at the Pod Security level of the guardrails.
    """
    for name, fields in sorted(differing.items()):
        yield _no(
            f"{name} would change, and its pods be started anew: {', '.join(fields)}",
            "make the release what the cluster has (`helm upgrade` with values that say so), or the cluster what it says",
        )
    if warnings:
        yield _no(
            f"pods break the Pod Security level `restricted` and could not be started anew: {'; '.join(warnings)}",
            "set the security contexts in the release's values and upgrade the release: that restarts its pods",
        )


def lost(resources: Sequence[Planned]) -> Iterator[FleetError]:
    """Things that Terraform would destroy."""
    for each in resources:
        if each.destroys:
            yield _no(
                f"Terraform would make {each.address} anew, for {', '.join(each.changed) or 'a reason of its own'}",
                "make these attributes what the modules want, by hand",
            )


def _no(what: str, hint: str) -> FleetError:
    return FleetError(what, hint=hint, exit_code=ExitCode.REFUSED)
