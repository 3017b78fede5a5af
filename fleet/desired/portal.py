"""The platform chart's values: takes the platform, gives what makes the portal, None where there is none, never a secret."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fleet.desired import front, gcp, guardrails, naming
from fleet.model import Platform


def values(platform: Platform, suspended: Iterable[str] = ()) -> dict[str, Any] | None:
    """Values of `charts/platform` (its `values.yaml` says what each means).

    Args:
        suspended: instances at whose address the portal says that they are.
    """
    url = naming.portal_url(platform)
    if url is None:
        return None
    return {
        "portal": {
            "image": platform.portal.image,
            "url": url,
            "issuer": f"{platform.sso.url.rstrip('/')}/realms/{platform.sso.realm}",
            "client": {"id": naming.PORTAL, "secretName": naming.PORTAL},
            "authority": naming.CA_CONFIG_MAP if platform.private_ca else "",
        },
        "front": {**_way_in(platform), **_suspended(platform, suspended), "peers": guardrails.FRONT},
        "network": {"signOn": guardrails.sign_on(platform), "extraEgress": gcp.dns(platform)},
    }


def _way_in(platform: Platform) -> dict[str, Any]:
    front = platform.front
    annotations = {"annotations": dict(front.annotations)}
    if front.gateway is not None:
        return {"route": {"gateway": front.gateway.model_dump(), **annotations}}
    return {"ingress": {"className": front.class_name or "", "tlsSecret": front.tls_secret or "", **annotations}}


def _suspended(platform: Platform, names: Iterable[str]) -> dict[str, Any]:
    places = [dict(zip(("host", "path"), front.place(platform, name), strict=True)) for name in names]
    return {"suspended": places} if places else {}


def variables(platform: Platform) -> dict[str, Any] | None:
    """Variable `portal` of the stack `platform`."""
    url = naming.portal_url(platform)
    return None if url is None else {"client_id": naming.PORTAL, "base_url": url}
