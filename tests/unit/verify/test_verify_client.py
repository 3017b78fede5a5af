"""A client that trusts too much is found, in whatever field."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.verify.sign_on import client_faults

URL = "https://a.example.com"
SOUND: dict[str, Any] = {
    "redirectUris": [f"{URL}/auth/oauth-authorized/keycloak"],
    "webOrigins": [],
    "attributes": {"post.logout.redirect.uris": f"{URL}/", "pkce.code.challenge.method": "S256"},
    "fullScopeAllowed": False,
}


def test_the_client_that_fleet_makes_has_no_fault() -> None:
    assert client_faults(SOUND, URL) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"redirectUris": [f"{URL}/*"]}, "it trusts https://a.example.com/*"),
        ({"redirectUris": ["https://b.example.com/auth/oauth-authorized/keycloak"]}, "it trusts https://b.example.com"),
        ({"redirectUris": ["https://a.example.com.evil.example/"]}, "it trusts https://a.example.com.evil"),
        ({"webOrigins": ["+", "*"]}, "it trusts *"),
        ({"attributes": {**SOUND["attributes"], "post.logout.redirect.uris": "+"}}, "it trusts +"),
        ({"attributes": {"post.logout.redirect.uris": f"{URL}/"}}, "PKCE"),
        ({"fullScopeAllowed": True}, "full scope"),
        ({"implicitFlowEnabled": True}, "implicit"),
        ({"directAccessGrantsEnabled": True}, "passwords"),
        ({"publicClient": True}, "no secret"),
    ],
)
def test_a_fault_is_named(change: dict[str, Any], fault: str) -> None:
    assert any(fault in each for each in client_faults({**SOUND, **change}, URL))


BY_KEYCLOAK: dict[str, Any] = {
    **SOUND,
    "redirectUris": [f"{URL}/auth/login_callback"],
    "attributes": {"post.logout.redirect.uris": f"{URL}/auth/logout_callback"},
    "authenticationFlowBindingOverrides": {"browser": "a-flow"},
}


def test_the_keycloak_manager_knows_no_pkce_but_wants_a_flow_of_its_own() -> None:
    assert client_faults(BY_KEYCLOAK, URL, "keycloak") == []
    (fault,) = client_faults({**BY_KEYCLOAK, "authenticationFlowBindingOverrides": {}}, URL, "keycloak")
    assert "no browser flow" in fault
    assert client_faults({**BY_KEYCLOAK, "redirectUris": ["*"]}, URL, "keycloak") == ["it trusts *"]
