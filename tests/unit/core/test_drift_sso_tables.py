"""Layer sso without a Keycloak: each setting that differs is one finding, and each name by which Terraform tells it exists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fleet.drift.sso import clients, kinds, realm
from fleet.drift.sso.seen import Own, Seen
from fleet.drift.sso.wanted import Client, Wanted

SCHEMAS = Path(__file__).parents[3] / "sandbox" / "providers" / "schemas" / "keycloak.json"
FAB = Client(
    "marketing", "airflow-marketing", "Airflow of marketing", "https://marketing.example.com", "module.sso",
    redirect="https://marketing.example.com/auth/oauth-authorized/keycloak", sign_out="https://marketing.example.com/",
    manager="fab",
)  # fmt: skip
WANTED = Wanted("fleet", {"realm": "fleet"}, {FAB.client_id: FAB}, frozenset({FAB.client_id}))


def _put(into: dict[str, Any], path: str, value: Any) -> None:
    outer, _, inner = path.partition("/")
    if inner:
        into.setdefault(outer, {})[inner] = value
    else:
        into[outer] = value


def _client() -> dict[str, Any]:
    """As Keycloak shows it after an apply: flags among the attributes are words."""
    found: dict[str, Any] = {"id": "uuid", "clientId": FAB.client_id}
    for each in clients.SETTINGS:
        value = each.expected(FAB)
        in_attributes = each.path.startswith("attributes/") and isinstance(value, bool)
        _put(found, each.path, str(value).lower() if in_attributes else value)
    for path, _, addresses in clients.ADDRESSES:
        value = sorted(addresses(FAB))
        _put(found, path, "##".join(value) if path.startswith("attributes/") else value)
    return found


def _realm() -> dict[str, Any]:
    found: dict[str, Any] = {"id": "uuid", "realm": "fleet", "eventsListeners": ["jboss-logging"]}
    for each in realm.SETTINGS:
        _put(found, each.path, realm.expected(each, WANTED.settings))
    return found


def _seen(client: dict[str, Any] | None = None, itself: dict[str, Any] | None = None) -> Seen:
    return Seen(
        itself or _realm(), {FAB.client_id: client or _client()}, {}, {FAB.client_id: Own({}, {}, {})}, {}, {}, (), {},
        {"flow-1": "browser"}, frozenset(),
    )  # fmt: skip


def test_as_terraform_made_it_nothing_is_found() -> None:
    assert list(clients.client(FAB, _seen())) == []
    assert list(realm.settings(WANTED, _seen())) == []


@pytest.mark.parametrize("setting", clients.SETTINGS, ids=lambda each: str(each.path))
def test_a_clients_setting_that_differs_is_one_finding(setting: clients.Setting) -> None:
    changed, expected = _client(), setting.expected(FAB)
    _put(changed, setting.path, (not expected) if isinstance(expected, bool) else f"{expected}x")
    (found,) = clients.client(FAB, _seen(changed))
    assert (found.finding.kind, found.finding.team) == (setting.kind, "marketing")
    assert found.finding.twins == (f"module.sso.keycloak_openid_client.this|{setting.twin}",)


@pytest.mark.parametrize(("path", "value", "kind"), [
    ("redirectUris", ["*"], kinds.REDIRECT_OPEN),
    ("redirectUris", [FAB.redirect, "https://marketing.example.com/*"], kinds.REDIRECT_OPEN),
    ("redirectUris", [], kinds.REDIRECT_LOST),
    ("webOrigins", ["+"], kinds.REDIRECT_OPEN),
    ("attributes/post.logout.redirect.uris", f"{FAB.sign_out}##https://evil.example.com/", kinds.REDIRECT_OPEN),
    ("attributes/post.logout.redirect.uris", "-", kinds.REDIRECT_LOST),
])  # fmt: skip
def test_an_address_more_is_a_hole_and_one_less_a_fault(path: str, value: Any, kind: Any) -> None:
    changed = _client()
    _put(changed, path, value)
    (found,) = clients.client(FAB, _seen(changed))
    assert found.finding.kind is kind


def test_another_flow_is_told_by_its_name() -> None:
    (found,) = clients.client(FAB, _seen(_client() | {"authenticationFlowBindingOverrides": {"browser": "flow-1"}}))
    assert found.finding.kind is kinds.FLOW and found.finding.found == '{"browser": "browser"}'


@pytest.mark.parametrize("setting", realm.SETTINGS, ids=lambda each: str(each.path))
def test_a_realms_setting_that_differs_is_one_finding(setting: realm.Setting) -> None:
    changed, expected = _realm(), realm.expected(setting, WANTED.settings)
    other = (not expected) if isinstance(expected, bool) else expected + 1 if isinstance(expected, int) else "other"
    _put(changed, setting.path, other)
    (found,) = realm.settings(WANTED, _seen(itself=changed))
    assert (found.finding.kind, found.finding.team) == (setting.kind, "platform")
    assert f"keycloak_realm.this|{setting.twin}" in found.finding.twins


def test_what_the_platform_was_applied_with_is_expected() -> None:
    wanted = Wanted(
        "fleet", {"realm": "fleet", "session_max": "1h30m0s", "revoke_refresh_token": False}, {}, frozenset()
    )
    found = {each.finding.field: each.finding.expected for each in realm.settings(wanted, _seen())}
    assert found == {"ssoSessionMaxLifespan": "5400", "revokeRefreshToken": "false"}


def test_terraform_has_every_attribute_that_is_named() -> None:
    resources = json.loads(SCHEMAS.read_text())["resource_schemas"]
    for name, twins in (
        ("keycloak_openid_client", [each.twin for each in clients.SETTINGS] + [each[1] for each in clients.ADDRESSES]),
        ("keycloak_realm", [each.twin for each in realm.SETTINGS]),
    ):
        for twin in twins:
            block = resources[name]["block"]
            *outer, last = twin.split(".")
            for step in outer:
                block = block["block_types"][step]["block"]
            assert last in {**block.get("attributes", {}), **block.get("block_types", {})}, twin
