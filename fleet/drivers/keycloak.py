"""Asks Keycloak whether it is there: takes its address, gives yes or a FleetError, never changes anything (Terraform does)."""

from __future__ import annotations

import asyncio
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from fleet.drivers import trust
from fleet.errors import FleetError

_SECONDS = 10.0


@dataclass(frozen=True)
class Keycloak:
    """A server, by its base URL; ``authority`` is the certificate (PEM) of a private authority that signed its own."""

    url: str
    authority: str | None = None

    async def sign_in(self, user: str, password: str) -> None:
        """Sign in as an administrator, as Terraform's provider does, and forget the token.

        Raises:
            FleetError: Keycloak is away, or refuses.
        """
        form = {"grant_type": "password", "client_id": "admin-cli", "username": user, "password": password}
        status = await self._status("/realms/master/protocol/openid-connect/token", urllib.parse.urlencode(form))
        if status != 200:
            raise FleetError(
                f"Keycloak refuses its administrator (HTTP status {status})",
                where=self.url,
                hint="correct `sso-admin-username` and `sso-admin-password` in the Secret fleet-platform",
            )

    async def has_realm(self, realm: str) -> bool:
        """Whether there is a realm of this name."""
        return await self._status(f"/realms/{urllib.parse.quote(realm)}") == 200

    async def _status(self, path: str, form: str | None = None) -> int:
        request = urllib.request.Request(self.url.rstrip("/") + path, form.encode() if form else None)  # noqa: S310

        def once() -> int:
            trusted = trust.context(self.authority)
            with urllib.request.urlopen(request, timeout=_SECONDS, context=trusted) as answer:  # noqa: S310 (http(s) only)
                return int(answer.status)

        try:
            return await asyncio.to_thread(once)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError as error:
            raise FleetError(
                f"Keycloak does not answer ({_reason(error)})", where=self.url, hint="start it, or correct `sso.url`"
            ) from error


def _reason(error: OSError) -> str:
    """What went wrong: urllib wraps the fault of the connection or of TLS in one of its own."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted: {inner.verify_message}"
    return type(inner).__name__
