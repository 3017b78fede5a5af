"""Layer terraform without Terraform: states merged, plans told, attributes weighed, secrets never shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.drift.finding import Finding
from fleet.drift.mend import Reapply
from fleet.drift.terraform import merged, rounds, told, weights
from fleet.drift.terraform.attributes import differences
from fleet.drift.terraform.merged import Known, Standing
from fleet.drift.terraform.rounds import Applied
from fleet.drift.terraform.told import Owner
from fleet.drivers import terraform_look
from fleet.drivers.terraform import Stack
from fleet.drivers.terraform_look import Change, Fault, Planned, Unplanned
from fleet.errors import FleetError

TEAM = 'module.team["a"]'
OWNER = Owner("a", "terraform", same=True)
NOTHING = Known({}, {})


def _change(address: str, before: Any, after: Any, **more: Any) -> Change:
    actions = ("create",) if before is None else ("delete",) if after is None else ("update",)
    kind = address.rpartition(".")[0].rpartition(".")[2]
    return Change(**{"address": address, "type": kind, "actions": actions, "before": before, "after": after, **more})


def _told(drift: list[Change], changes: list[Change], owner: Owner = OWNER, state: Known = NOTHING) -> list[Finding]:
    planned = Planned({each.address: each for each in drift}, {each.address: each for each in changes})
    return told.findings(planned, owner, planned.addresses, state)


def _state(*resources: Mapping[str, Any]) -> bytes:
    return json.dumps({"version": 4, "terraform_version": "1.11.4", "resources": resources}).encode()


ROLE = {
    "module": "module.instance.module.sso", "mode": "managed", "type": "keycloak_role", "name": "this",
    "instances": [{
        "index_key": "admin", "attributes": {"id": "1", "name": "admin"},
        "dependencies": ["module.instance.module.sso.keycloak_openid_client.this"],
    }],
}  # fmt: skip

names = st.from_regex(r"[a-z]([-a-z0-9]{0,40}[a-z0-9])?", fullmatch=True)


@given(st.sets(names, min_size=1, max_size=6))
def test_merged_states_keep_teams_apart(teams: set[str]) -> None:
    resources = {name: merged.below(merged.parse(_state(ROLE)), name) for name in teams}
    whole = merged.merge(resources, "1.11.4")
    known = merged.known(whole)
    assert set(known.standing) == {f'module.team["{name}"].module.sso.keycloak_role.this["admin"]' for name in teams}
    assert {rounds.team_of(address) for address in known.standing} == teams
    expected = Standing(
        "module.team.module.sso.keycloak_role.this", "admin",
        frozenset({"module.team.module.sso.keycloak_openid_client.this"}),
    )  # fmt: skip
    assert set(known.standing.values()) == {expected}
    assert known.named(["1", "2"]) == ["admin", "2"]


def test_what_is_only_looked_up_is_left_out_and_what_is_strange_refused() -> None:
    assert merged.below(merged.parse(_state({**ROLE, "mode": "data"})), "a") == []
    with pytest.raises(FleetError, match=r"keycloak_role\.this, which is not of this fleet's stack"):
        merged.below(merged.parse(_state({**ROLE, "module": "module.other"})), "a")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 3, "resources": []}', b'{"version": 4}'])
def test_a_state_that_cannot_be_read_is_an_error(content: bytes) -> None:
    with pytest.raises(FleetError, match="cannot be read"):
        merged.parse(content)


def test_addresses_of_a_stack_of_its_own() -> None:
    portal = {
        **ROLE,
        "type": "keycloak_openid_client",
        "module": 'module.portal[0].module.x["k"]',
        "instances": [{}, {"index_key": 1}],
    }
    known = merged.known({"resources": [portal]})
    assert set(known.standing) == {
        'module.portal[0].module.x["k"].keycloak_openid_client.this',
        'module.portal[0].module.x["k"].keycloak_openid_client.this[1]',
    }
    assert {each.declared for each in known.standing.values()} == {"module.portal.module.x.keycloak_openid_client.this"}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.text("abc", min_size=1, max_size=2), values, max_size=4)


@given(objects)
def test_what_is_the_same_does_not_differ(attributes: dict[str, Any]) -> None:
    assert differences(_change("x.y", attributes, attributes)) == []


@given(objects, objects)
def test_what_nobody_knows_yet_does_not_differ(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert differences(_change("x.y", before, after, unknown=True)) == []
    unknown = dict.fromkeys({*before, *after}, True)
    assert differences(_change("x.y", before, after, unknown=unknown)) == []


@given(objects, objects)
def test_what_is_marked_is_never_shown(before: dict[str, Any], after: dict[str, Any]) -> None:
    for secret in ((True, False), (False, True), (dict.fromkeys(before, True), dict.fromkeys(after, True))):
        assert all(each.secret for each in differences(_change("x.y", before, after, secret=secret)))


@given(objects, objects)
def test_every_difference_is_one(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = differences(_change("x.y", before, after))
    assert all(each.before != each.after for each in found)
    assert len({each.field for each in found}) == len(found) or any("." in each.field for each in found)


@given(st.text().map("s3cr3t{}".format))
def test_no_secret_reaches_a_finding(secret: str) -> None:
    state = {"client_secret": secret, "nested": [{"password": secret, "other": 1}], "quiet": secret, "name": "a"}
    found = {
        "client_secret": f"{secret}2",
        "nested": [{"password": "y", "other": 2}],
        "quiet": f"{secret}3",
        "name": "b",
    }
    marks = {"secret": ({"quiet": True}, {"quiet": True})}
    address = f"{TEAM}.module.sso.keycloak_openid_client.this"
    drift, change = _change(address, state, found, **marks), _change(address, found, state, **marks)
    findings = _told([drift], [change])
    assert {each.field for each in findings} == {"client_secret", "nested.password", "nested.other", "quiet", "name"}
    assert [each for each in findings if "s3cr3t" in repr(each)] == []


def test_blocks_are_named_without_numbers_where_they_stand_alone() -> None:
    before = {"a": [{"b": [{"c": 1}]}], "d": [{"e": 1}, {"e": 2}], "f": [], "g": "", "h": ["x"]}
    after = {"a": [{"b": [{"c": 2}]}], "d": [{"e": 1}, {"e": 3}], "f": None, "g": None, "h": ["x", "y"]}
    assert [each.field for each in differences(_change("x.y", before, after))] == ["a.b.c", "d.1.e", "h"]


ROLE_ADDRESS = f"{TEAM}.module.database.postgresql_role.this"
GRANT = f"{TEAM}.module.database.postgresql_grant.public_database"


def test_changed_outside_and_put_back_by_an_apply() -> None:
    drift = _change(ROLE_ADDRESS, {"connection_limit": 7}, {"connection_limit": 100})
    change = _change(ROLE_ADDRESS, {"connection_limit": 100}, {"connection_limit": 7})
    (found,) = _told([drift], [change])
    assert (found.kind, found.team, found.address, found.field) == (
        weights.CHANGED,
        "a",
        ROLE_ADDRESS,
        "connection_limit",
    )
    assert (found.expected, found.found, found.mend) == ("7", "100", Reapply("terraform"))


def test_computed_attributes_are_no_noise() -> None:
    """What Terraform saw otherwise and an apply would leave so counts only where it opens a wall or breaks something."""
    base = f"{TEAM}.module.database.postgresql_database.this"
    drift = _change(base, {"owner": "admin", "tablespace_name": "a"}, {"owner": "b", "tablespace_name": "b"})
    (found,) = _told([drift], [])
    assert (found.kind, found.field, found.expected, found.found) == (weights.WALL, "owner", "admin", "b")
    assert found.mend is None and "by hand" in found.advice


def test_untouched_differences_count_with_the_same_modules_only() -> None:
    changes = [
        _change(ROLE_ADDRESS, {"connection_limit": 7}, {"connection_limit": 9}), _change(GRANT, None, {"privileges": []}),
    ]  # fmt: skip
    assert {each.kind for each in _told([], changes)} == {weights.UNAPPLIED}
    assert _told([], changes, replace(OWNER, same=False)) == []
    left = [_change(ROLE_ADDRESS, {"name": "a"}, None)]
    assert [each.kind for each in _told([], left)] == [weights.LEFT]
    assert _told([], left, replace(OWNER, same=False)) == []


def test_what_stood_on_something_that_is_gone_is_told_with_it() -> None:
    def key(name: str) -> str:
        return f'{TEAM}.module.sso.{name}.this["user"]'

    role, group = key("keycloak_role"), key("keycloak_generic_role_mapper")
    other = f'{TEAM}.module.sso.keycloak_generic_role_mapper.this["op"]'
    on = frozenset({"module.team.module.sso.keycloak_role.this"})
    state = Known({
        role: Standing("module.team.module.sso.keycloak_role.this", "user", frozenset()),
        group: Standing("module.team.module.sso.keycloak_generic_role_mapper.this", "user", on),
        other: Standing("module.team.module.sso.keycloak_generic_role_mapper.this", "op", on),
    }, {})  # fmt: skip
    found = _told([_change(each, {"id": "1"}, None) for each in (role, group, other)], [], state=state)
    assert [(each.address, each.expected) for each in found] == [
        (other, "there"), (role, "there, with 1 more that stand on it"),
    ]  # fmt: skip


def test_rights_that_went_with_a_clients_services_are_told_as_one() -> None:
    client, policy = (
        f"{TEAM}.module.sso.keycloak_openid_client.this",
        f"{TEAM}.module.r.keycloak_openid_client_role_policy.x",
    )
    standing = {
        client: Standing("module.team.module.sso.keycloak_openid_client.this", None, frozenset()),
        policy: Standing("p", None, frozenset({"module.team.module.sso.keycloak_openid_client.this"})),
    }
    on, off = {"authorization": [{"decision_strategy": "UNANIMOUS"}]}, {"authorization": []}
    drift = [_change(client, on, off), _change(policy, {"id": "1"}, None)]
    found = _told(drift, [_change(client, off, on)], state=Known(standing, {}))
    assert [(each.kind, each.address, each.field) for each in found] == [(weights.WALL, client, "authorization")]


@pytest.mark.parametrize(
    ("drift", "change"),
    [
        (_change(ROLE_ADDRESS, {"name": "a"}, None), _change(ROLE_ADDRESS, None, {"name": "a"})),
        (None, _change(ROLE_ADDRESS, {"name": "a"}, None)),
        (None, _change(ROLE_ADDRESS, {"name": "a"}, {"name": "b"}, actions=("delete", "create"))),
        (
            None,
            _change(ROLE_ADDRESS, {"n": 1}, {"n": 1}, actions=("delete", "create"), reason="replace_because_tainted"),
        ),
    ],
)
def test_nothing_is_mended_beside_what_an_apply_would_destroy(drift: Change | None, change: Change) -> None:
    """An apply makes a whole stack: to close the wall it would make an empty database, or drop one."""
    wall = _change(GRANT, {"privileges": []}, {"privileges": ["CONNECT"]})
    back = _change(GRANT, {"privileges": ["CONNECT"]}, {"privileges": []})
    found = _told([wall, *([drift] if drift else [])], [back, change])
    assert len(found) == 2 and all(each.mend is None and each.advice for each in found)
    assert [each.mend for each in _told([wall], [back])] == [Reapply("terraform")]


def test_rights_are_made_anew_without_harm() -> None:
    change = _change(GRANT, {"n": 1}, {"n": 1}, actions=("delete", "create"), reason="replace_because_tainted")
    (found,) = _told([], [change])
    assert (found.kind, found.mend) == (weights.TAINTED, Reapply("terraform"))


def test_the_platforms_advice_names_no_team() -> None:
    realm = "keycloak_realm.this"
    platform = Owner("platform", "platform", same=True)
    (found,) = _told([_change(realm, {"realm": "x"}, None)], [_change(realm, None, {"realm": "x"})], platform)
    assert (
        found.kind is weights.LOST and found.mend is None and "{" not in found.advice and "restore" not in found.advice
    )
    (left,) = _told([], [_change(realm, {"realm": "x"}, None)], platform)
    assert left.advice == "`fleet plan --refresh` says what an apply would do"


@pytest.mark.parametrize(
    ("kind", "field", "expected", "found", "weight"),
    [
        ("postgresql_role", "superuser", False, True, weights.WALL),
        ("postgresql_role", "connection_limit", 7, -1, weights.WALL),
        ("postgresql_role", "connection_limit", 7, 0, weights.BROKEN),
        ("postgresql_role", "connection_limit", 7, 5, weights.CHANGED),
        ("postgresql_role", "roles", [], ["b"], weights.WALL),
        ("postgresql_role", "roles", ["b"], [], weights.CHANGED),
        ("postgresql_grant", "privileges", None, ["CONNECT"], weights.WALL),
        ("postgresql_grant", "privileges", ["CONNECT", "TEMPORARY"], ["TEMPORARY"], weights.BROKEN),
        ("keycloak_openid_client", "full_scope_allowed", False, True, weights.WALL),
        ("keycloak_openid_client", "valid_redirect_uris", ["a"], ["a", "b"], weights.WALL),
        ("keycloak_openid_client", "valid_redirect_uris", ["a"], [], weights.BROKEN),
        ("keycloak_openid_client", "access_type", "CONFIDENTIAL", "BEARER-ONLY", weights.BROKEN),
        ("keycloak_openid_client", "authentication_flow_binding_overrides.browser_id", "x", "", weights.WALL),
        ("keycloak_authentication_execution", "requirement", "REQUIRED", "DISABLED", weights.WALL),
        ("keycloak_realm", "security_defenses.brute_force_detection", [{}], [], weights.WALL),
        ("keycloak_realm", "ssl_required", "external", "all", weights.CHANGED),
        ("google_sql_database_instance", "deletion_protection", True, False, weights.WALL),
        ("google_sql_database_instance", "settings.ip_configuration.ipv4_enabled", False, True, weights.WALL),
        ("google_sql_database_instance", "settings.backup_configuration.enabled", True, False, weights.WALL),
        ("google_sql_database_instance", "settings.tier", "a", "b", weights.CHANGED),
        ("google_storage_bucket", "public_access_prevention", "enforced", "inherited", weights.WALL),
    ],
)
def test_weights(kind: str, field: str, expected: Any, found: Any, weight: Any) -> None:
    assert weights.changed(kind, field, expected, found) is weight


def test_every_type_that_is_weighed_is_made_by_a_module() -> None:
    """A type that is misspelt would never weigh anything."""
    modules = "".join(file.read_text() for file in (Path(__file__).parents[3] / "terraform").rglob("main.tf"))
    tables = {*weights._WALLS, *weights._BREAKS, *weights._VITAL, *weights._STEPS, *weights._DATA, *weights._RIGHTS}
    assert [each for each in tables if f'resource "{each.rstrip("*")}' not in modules] == []


MEMBER = f'{TEAM}.module.sso.data.keycloak_group.member["owners"]'


class _Plans:
    """Stands where Terraform runs: refuses what it is told to, and remembers what it was given."""

    RIGHT = MEMBER.replace("data.keycloak_group", "keycloak_group_roles")

    def __init__(self, *faults: list[Fault]) -> None:
        self.faults, self.given, self.looked = list(faults), list[dict[str, Any]](), list[list[str]]()

    async def differing(self, _: Stack, state: Mapping[str, Any], variables: Mapping[str, Any]) -> set[str]:
        self.given.append({"resources": len(state["resources"]), **variables})
        if self.faults:
            raise Unplanned(FleetError("no plan"), self.faults.pop(0))
        return {self.RIGHT}

    async def look(self, _: Stack, state: Mapping[str, Any], variables: Mapping[str, Any]) -> Planned:
        self.looked.append(sorted(variables["teams"]))
        assert len(state["resources"]) == len(variables["teams"])
        return Planned({}, {self.RIGHT: _change(self.RIGHT, {"id": "1"}, None)})


def _rounds(plans: _Plans, monkeypatch: pytest.MonkeyPatch) -> rounds.Rounds:
    monkeypatch.setattr(terraform_look, "differing", plans.differing)
    monkeypatch.setattr(terraform_look, "look", plans.look)
    sso = {"groups": {"admin": ["owners", "others"]}}
    teams = {
        name: Applied({"instance": name, "sso": sso}, [{**ROLE, "module": f"module.{name}"}], "1.11.4")
        for name in "abc"
    }
    return asyncio.run(rounds.plan(Stack(Path(), Path(), {}), teams, {"sso_url": "x"}))


def test_a_broken_team_is_left_out_and_the_rest_planned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = _Plans([Fault('module.team["b"].x.y', "gone: away"), Fault("", 'in module.team["c"]: no')])
    done = _rounds(plans, monkeypatch)
    assert done.broken == {"b": "gone: away", "c": 'in module.team["c"]: no'}
    assert [(each["resources"], sorted(each["teams"])) for each in plans.given] == [(3, ["a", "b", "c"]), (1, ["a"])]
    assert plans.looked == [["a"]]


def test_only_what_differs_is_looked_at_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = _Plans()
    done = _rounds(plans, monkeypatch)
    assert len(plans.given) == 1 and plans.looked == [["a"]]
    assert done.planned.addresses == {plans.RIGHT} and len(done.state.standing) == 3


def test_a_missing_member_is_left_out_and_its_team_planned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = _Plans([Fault(MEMBER, "group not found")])
    done = _rounds(plans, monkeypatch)
    assert (done.broken, done.missing) == ({}, {MEMBER: "group not found"})
    assert [plans.given[1]["teams"][name]["sso"]["groups"]["admin"] for name in "ab"] == [
        ["others"],
        ["owners", "others"],
    ]
    assert done.planned.addresses == set()  # its rights are not told as left over


@pytest.mark.parametrize("fault", [Fault("", "Keycloak is away"), Fault('provider["x/keycloak"]', "away")])
def test_what_is_nobodys_fault_is_everybodys_error(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = _Plans([Fault('module.team["b"].x.y', "gone"), fault])
    with pytest.raises(Unplanned):
        _rounds(plans, monkeypatch)
    assert len(plans.given) == 1


def test_it_does_not_go_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = _Plans(*[[Fault(MEMBER.replace("owners", f"g{number}"), "not found")] for number in range(20)])
    with pytest.raises(Unplanned):
        _rounds(plans, monkeypatch)
    assert len(plans.given) == 4
