"""Credentials for Google's APIs: takes an endpoint, gives what to sign requests with, never a key of fleet's own."""

from __future__ import annotations

from typing import Any

from fleet.errors import FleetError

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def credentials(endpoint: str) -> Any:
    """Google's application default credentials; none for plain http, which the model lets lead to private addresses only.

    Raises:
        FleetError: this machine has no default credentials.
    """
    if endpoint.startswith("http://"):
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        found, _ = google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError as error:
        raise FleetError(
            "there are no Google credentials on this machine", where=endpoint,
            hint="`gcloud auth application-default login`, or Workload Identity where fleet runs in a cluster",
        ) from error  # fmt: skip
    return found


def passing_faults() -> tuple[type[Exception], ...]:
    """Faults that pass by themselves: no connection, or the API is busy."""
    import requests
    from google.api_core import exceptions
    from google.auth.exceptions import TransportError

    busy = (exceptions.ServiceUnavailable, exceptions.TooManyRequests, exceptions.GatewayTimeout, exceptions.BadGateway)
    return (*busy, requests.exceptions.ConnectionError, requests.exceptions.Timeout, TransportError)
