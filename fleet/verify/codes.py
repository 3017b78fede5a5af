"""Tries what a team could do with an authorization code: takes a person per team, gives outcomes, lets nobody in to an Airflow.

A code is used up by the first who shows it, rightly or wrongly: so every attempt has a code of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from fleet.desired import naming
from fleet.drivers.openid import Answer, Realm
from fleet.errors import FleetError
from fleet.verify.matrix import Cell, Try
from fleet.verify.people import Person
from fleet.verify.scene import Team
from fleet.verify.sign_on import Outcome, callback, settled

# The example of https://www.rfc-editor.org/rfc/rfc7636#appendix-B
_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class Codes:
    """Codes of one realm, and who may redeem them."""

    def __init__(self, realm: Realm, people: Mapping[str, Person], secrets: Mapping[str, str]) -> None:
        self._realm, self._people, self._secrets = realm, people, secrets

    async def attempts(self, team: Team, others: Sequence[Team]) -> list[Cell]:
        """Every attempt of one team."""
        tries = [(Try("sso-code-twice", team.name), partial(self._twice, team))]
        if team.manager == "fab":  # the other knows no PKCE
            tries.append((Try("sso-code-proof", team.name), partial(self._without_proof, team)))
        for other in others:
            tries += [
                (Try("sso-code", team.name, other.name), partial(self._others_code, team, other)),
                (Try("sso-code-page", team.name, other.name), partial(self._others_page, team, other)),
            ]
        return [await settled(tried, work) for tried, work in tries]

    async def _code(self, team: Team) -> str:
        """A fresh one, of a person who signs in at the team's own client."""
        person = self._people[team.name]
        answer = await self._realm.sign_in(
            person.name,
            person.password,
            client_id=naming.client_id(team.name),
            redirect_uri=callback(team),
            response_type="code",
            scope="openid",
            state="verify",
            code_challenge=_CHALLENGE,
            code_challenge_method="S256",
        )
        if not answer.code:
            raise FleetError(f"a person of {team.name} gets no code there: {answer.error or f'HTTP {answer.status}'}")
        return answer.code

    async def _redeem(self, team: Team, code: str, page: str, verifier: str = _VERIFIER) -> Answer:
        proof = {"code_verifier": verifier} if verifier else {}
        return await self._realm.token(
            grant_type="authorization_code",
            client_id=naming.client_id(team.name),
            client_secret=self._secrets[team.name],
            code=code,
            redirect_uri=page,
            **proof,
        )

    async def _good(self, team: Team) -> str:
        """A code, once another one like it has been redeemed as it should be.

        Raises:
            FleetError: that was refused, so that a refusal would prove nothing.
        """
        answer = await self._redeem(team, await self._code(team), callback(team))
        if answer.status != 200:
            raise FleetError(f"{team.name} cannot redeem a code of its own: {answer.error}")
        return await self._code(team)

    async def _twice(self, team: Team) -> Outcome:
        code = await self._code(team)
        first = await self._redeem(team, code, callback(team))
        if first.status != 200:
            return "unknown", f"not even once: {first.error}"
        return _judged(await self._redeem(team, code, callback(team)))

    async def _without_proof(self, team: Team) -> Outcome:
        return _judged(await self._redeem(team, await self._good(team), callback(team), verifier=""))

    async def _others_code(self, team: Team, other: Team) -> Outcome:
        return _judged(await self._redeem(team, await self._good(other), callback(other)))

    async def _others_page(self, team: Team, other: Team) -> Outcome:
        return _judged(await self._redeem(team, await self._good(team), callback(other)))


def _judged(answer: Answer) -> Outcome:
    if answer.status == 200:
        return "hole", "Keycloak gave tokens for it"
    return ("refused" if answer.status in (400, 401) else "unknown"), answer.error
