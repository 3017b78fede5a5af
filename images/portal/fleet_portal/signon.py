"""OpenID Connect with Keycloak: takes a code, gives the person it stands for, never believes a token that it did not check.

Authorization code flow with PKCE (RFC 7636), state and nonce. The access token is dropped unread: the portal asks nobody
anything in a person's name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt

from fleet_portal.settings import Settings

CALLBACK = "/-/signed-in"
GOODBYE = "/-/signed-out"
# Keycloak's default for a realm; the stack `platform` sets it. Anything else, `none` above all, is refused.
_ALGORITHMS = ["RS256"]
_CLOCKS_APART_SECONDS = 10


class Refused(Exception):
    """The sign-in did not come about: the code, the token or the attempt is not what it should be."""


class Away(Exception):
    """Keycloak does not answer, or makes no sense."""


@dataclass(frozen=True)
class Attempt:
    """A sign-in that has begun; its browser keeps it."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def fresh(cls) -> Attempt:
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @property
    def challenge(self) -> str:
        """PKCE's S256."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Person:
    """Somebody who signed in.

    Args:
        roles: sign-on client of an instance → the person's roles there.
        id_token: by which Keycloak knows whose session to end.
    """

    name: str
    roles: Mapping[str, tuple[str, ...]]
    id_token: str = field(repr=False)


class SignOn:
    """The realm, as this portal's client sees it."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings, self._http = settings, http
        self._metadata: dict[str, Any] = {}
        self._keys: dict[str, jwt.PyJWK] = {}

    async def begin(self, attempt: Attempt) -> str:
        """Where the browser is to go.

        Raises:
            Away: Keycloak does not answer.
        """
        return await self._endpoint("authorization_endpoint") + "?" + urlencode({
            "response_type": "code", "client_id": self._settings.client_id, "scope": "openid profile",
            "redirect_uri": self._settings.url + CALLBACK, "state": attempt.state, "nonce": attempt.nonce,
            "code_challenge": attempt.challenge, "code_challenge_method": "S256",
        })  # fmt: skip

    async def finish(self, answer: Mapping[str, str], attempt: Attempt) -> Person:
        """The person, by what Keycloak's redirect brought along.

        Raises:
            Refused: it is no answer to this attempt, or Keycloak or its token say no.
            Away: Keycloak does not answer.
        """
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise Refused("the answer belongs to another attempt")
        if answer.get("iss", self._settings.issuer) != self._settings.issuer:  # RFC 9207
            raise Refused("the answer comes from elsewhere")
        if "code" not in answer:
            raise Refused(f"Keycloak says {answer.get('error', 'nothing')}")
        tokens = await self._exchange(answer["code"], attempt)
        return _person(await self._claims(tokens, attempt), tokens)

    async def end(self, person: Person | None) -> str:
        """Where the browser is to go to end Keycloak's session as well; without a person Keycloak asks first.

        Raises:
            Away: Keycloak does not answer.
        """
        hint = {"id_token_hint": person.id_token} if person else {}
        back = self._settings.url + GOODBYE
        query = {"client_id": self._settings.client_id, "post_logout_redirect_uri": back, **hint}
        return await self._endpoint("end_session_endpoint") + "?" + urlencode(query)

    async def _endpoint(self, name: str) -> str:
        if not self._metadata:
            found = await self._json("GET", f"{self._settings.issuer}/.well-known/openid-configuration")
            if found.get("issuer") != self._settings.issuer:
                raise Away(f"the realm calls itself {found.get('issuer')}")
            self._metadata = found
        try:
            return str(self._metadata[name])
        except KeyError as error:
            raise Away(f"the realm has no {name}") from error

    async def _exchange(self, code: str, attempt: Attempt) -> str:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self._settings.url + CALLBACK,
            "client_id": self._settings.client_id, "client_secret": self._settings.client_secret,
            "code_verifier": attempt.verifier,
        }  # fmt: skip
        tokens = await self._json("POST", await self._endpoint("token_endpoint"), data=form)
        return str(tokens.get("id_token", ""))

    async def _claims(self, token: str, attempt: Attempt) -> dict[str, Any]:
        try:
            kid = str(jwt.get_unverified_header(token).get("kid"))
            claims: dict[str, Any] = jwt.decode(
                token, await self._key(kid), _ALGORITHMS, audience=self._settings.client_id, issuer=self._settings.issuer,
                options={"require": ["exp", "iat", "aud", "iss", "sub", "nonce"]}, leeway=_CLOCKS_APART_SECONDS,
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise Refused(f"the ID token is not good: {error}") from error
        if claims.get("azp", self._settings.client_id) != self._settings.client_id:
            raise Refused("the ID token was made for another client")
        if not hmac.compare_digest(str(claims["nonce"]).encode(), attempt.nonce.encode()):
            raise Refused("the ID token belongs to another attempt")
        return claims

    async def _key(self, kid: str) -> jwt.PyJWK:
        if kid not in self._keys:  # the first time, and after Keycloak changed its keys
            found = await self._json("GET", await self._endpoint("jwks_uri"))
            self._keys = {str(key.key_id): key for key in jwt.PyJWKSet.from_dict(found).keys}
        try:
            return self._keys[kid]
        except KeyError as error:
            raise Refused("the ID token is signed with a key that the realm does not have") from error

    async def _json(self, method: str, url: str, data: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, url, data=data)
            found: dict[str, Any] = answer.json() if answer.status_code < 500 else {}
        except (httpx.HTTPError, ValueError) as error:
            raise Away(f"{url}: {type(error).__name__}") from error
        if answer.status_code >= 500:
            raise Away(f"{url}: HTTP status {answer.status_code}")
        if answer.status_code != 200:
            raise Refused(f"Keycloak says {found.get('error', answer.status_code)}")
        return found


def _person(claims: Mapping[str, Any], id_token: str) -> Person:
    access = claims.get("resource_access") or {}
    roles = {client: tuple(sorted(map(str, each.get("roles", ())))) for client, each in access.items()}
    return Person(str(claims.get("preferred_username") or claims["sub"]), roles, id_token)
