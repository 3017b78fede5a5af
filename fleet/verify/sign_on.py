"""Tries what a team could do at Keycloak with its own client's secret: takes the realm and the secret, gives outcomes, signs
nobody in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from fleet.desired import naming, signon
from fleet.drivers.openid import Administrator, Answer, Realm
from fleet.errors import FleetError
from fleet.model import Manager
from fleet.verify.matrix import Cell, Try, cell
from fleet.verify.scene import Team

Outcome = tuple[str, str]

_ELSEWHERE = "https://attacker.example/"
# Names of roles that some auth manager of Airflow gives a meaning to, wherever in the realm they stand.
_ROLES = {"admin", "op", "user", "viewer", "public", "superadmin"}


async def attempts(team: Team, others: Sequence[Team], realm: Realm, secret: str) -> list[Cell]:
    """Every attempt of one team, one after the other: they are few, and Keycloak counts failures."""
    tries: list[tuple[Try, Callable[[], Awaitable[Outcome]]]] = [
        (Try("sso-elsewhere", team.name), partial(_elsewhere, team, realm)),
        (Try("sso-logout", team.name), partial(_logout, team, realm)),
        (Try("sso-password", team.name), partial(_password, team, realm, secret)),
        (Try("sso-implicit", team.name), partial(_implicit, team, realm)),
    ]
    if team.manager == "fab":  # the other knows no PKCE
        tries.append((Try("sso-pkce", team.name), partial(_without_pkce, team, realm)))
    for other in others:
        tries += [
            (Try("sso-secret", team.name, other.name), partial(_others_client, team, other, realm, secret)),
            (Try("sso-redirect", team.name, other.name), partial(_sent, team, realm, [callback(other)])),
        ]
    return [await settled(tried, work) for tried, work in tries]


async def settled(tried: Try, work: Callable[[], Awaitable[Outcome]]) -> Cell:
    try:
        return cell(tried, *await work())
    except FleetError as error:
        return cell(tried, "unknown", str(error))


def callback(team: Team) -> str:
    """Where Keycloak sends people who sign in to this team's Airflow."""
    return f"{team.desired.url}{signon.SIGNED_IN[team.manager]}"


async def _begin(team: Team, realm: Realm, redirect: str, **other: str) -> Answer:
    return await realm.begin(naming.client_id(team.name), redirect, **other)


def judged(answer: Answer) -> Outcome:
    """An error refuses; a page to sign in at, or a code, does not."""
    if answer.status >= 500:
        return "unknown", answer.error
    return ("refused", answer.error) if answer.error else ("hole", f"Keycloak goes on (HTTP {answer.status})")


async def _sent(team: Team, realm: Realm, targets: Sequence[str]) -> Outcome:
    """Whether Keycloak would send people to any of these, once it has shown that it sends them home."""
    if (await _begin(team, realm, callback(team))).status != 200:
        return "unknown", "Keycloak shows no page to sign in at for the team's own client"
    how = ""
    for target in targets:
        verdict, how = judged(await _begin(team, realm, target))
        if verdict != "refused":
            return verdict, f"{how}: {target}"
    return "refused", how


async def _elsewhere(team: Team, realm: Realm) -> Outcome:
    own, url = callback(team), urlsplit(callback(team))
    other_scheme = "http" if url.scheme == "https" else "https"
    return await _sent(
        team,
        realm,
        [
            _ELSEWHERE,
            f"{own}/more",
            f"{own}/../../../verify",
            f"{team.desired.url}/verify",
            f"{own}?next={quote(_ELSEWHERE)}",
            f"{url.scheme}://{url.netloc}.attacker.example{url.path}",
            f"{url.scheme}://{url.netloc}@attacker.example/",
            f"{other_scheme}://{url.netloc}{url.path}",
        ],
    )


async def _logout(team: Team, realm: Realm) -> Outcome:
    client, home = naming.client_id(team.name), f"{team.desired.url}{signon.SIGNED_OUT[team.manager]}"
    if (await realm.logout(client_id=client, post_logout_redirect_uri=home)).status >= 400:
        return "unknown", "Keycloak does not send people home either"
    return judged(await realm.logout(client_id=client, post_logout_redirect_uri=_ELSEWHERE))


async def _without_pkce(team: Team, realm: Realm) -> Outcome:
    if (await _begin(team, realm, callback(team))).status != 200:
        return "unknown", "Keycloak shows no page to sign in at with PKCE either"
    query = {"client_id": naming.client_id(team.name), "redirect_uri": callback(team), "response_type": "code"}
    return judged(await realm.authorize(**query, scope="openid", state="verify"))


async def _implicit(team: Team, realm: Realm) -> Outcome:
    return judged(await _begin(team, realm, callback(team), response_type="id_token token", nonce="verify"))


async def _known(team: Team, realm: Realm, secret: str) -> bool:
    """Whether Keycloak takes the secret at the team's own client: it then only misses a code."""
    answer = await _exchange(realm, team, secret)
    return "invalid_grant" in answer.error


async def _exchange(realm: Realm, client: Team, secret: str) -> Answer:
    return await realm.token(
        grant_type="authorization_code",
        client_id=naming.client_id(client.name),
        client_secret=secret,
        code="verify",
        redirect_uri=callback(client),
    )


async def _others_client(team: Team, other: Team, realm: Realm, secret: str) -> Outcome:
    if not await _known(team, realm, secret):
        return "unknown", "Keycloak does not take the secret at the team's own client"
    answer = await _exchange(realm, other, secret)
    refused = answer.error.startswith(("unauthorized_client", "invalid_client"))
    return ("refused" if refused else "hole"), answer.error


async def _password(team: Team, realm: Realm, secret: str) -> Outcome:
    if not await _known(team, realm, secret):
        return "unknown", "Keycloak does not take the secret at the team's own client"
    answer = await realm.token(
        grant_type="password",
        client_id=naming.client_id(team.name),
        client_secret=secret,
        username="fleet-verify-nobody",
        password="fleet-verify-nobody",  # noqa: S106 (nobody's)
    )
    # A client that may ask so is told that there is no such person.
    refused = answer.error.startswith("unauthorized_client")
    return ("refused" if refused else "hole"), answer.error


async def judge(team: Team, keycloak: Administrator) -> list[Cell]:
    """What the team's client and the realm look like to the administrator."""

    async def client() -> Outcome:
        found = await keycloak.call("GET", f"/clients?clientId={quote(naming.client_id(team.name))}")
        if not found:
            return "unknown", "there is no such client"
        faults = client_faults(found[0], team.desired.url, team.manager)
        return ("hole", "; ".join(faults)) if faults else ("refused", "exact addresses, confidential, its own roles")

    async def roles() -> Outcome:
        names = [str(each["name"]) for each in await keycloak.call("GET", "/roles?max=1000")]
        found = [name for name in names if name.lower() in _ROLES]
        return ("hole", f"realm role {', '.join(found)}") if found else ("refused", f"none among {len(names)}")

    return [
        await settled(Try("sso-client", team.name), client),
        await settled(Try("sso-realm-roles", team.name), roles),
    ]


def client_faults(client: dict[str, Any], url: str, manager: Manager = "fab") -> list[str]:
    """In what a client, as the admin API shows it, trusts more than one instance's pages."""
    attributes = client.get("attributes") or {}
    after = [each for each in attributes.get("post.logout.redirect.uris", "").split("##") if each]
    addresses = [*client.get("redirectUris", []), *client.get("webOrigins", []), *after]
    wrong = [f"it trusts {each}" for each in addresses if "*" in each or not f"{each}/".startswith(f"{url}/")]
    switches = {
        "publicClient": "it has no secret",
        "fullScopeAllowed": "its tokens carry every role (full scope)",
        "implicitFlowEnabled": "the implicit flow is on",
        "directAccessGrantsEnabled": "it takes passwords",
    }
    wrong += [words for key, words in switches.items() if client.get(key)]
    if manager == "keycloak":
        # Airflow would let everybody in who comes from Keycloak.
        own_flow = (client.get("authenticationFlowBindingOverrides") or {}).get("browser")
        return wrong if own_flow else [*wrong, "people without a role are not turned away (no browser flow of its own)"]
    if attributes.get("pkce.code.challenge.method") != "S256":
        wrong.append("PKCE is not demanded")
    return wrong
