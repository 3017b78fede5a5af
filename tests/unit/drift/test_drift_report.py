"""One report over the layers: said once, in order, in four forms; what is new; what is put right."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.desired import Desired
from fleet.drift import heal, look, report, since
from fleet.drift.finding import Finding, Kind, Looked, Unseen, shown
from fleet.drift.look import Report, told_once
from fleet.drift.mend import Reapply, Statement
from fleet.errors import FleetError
from fleet.model import Drift
from fleet.observe import Observed

WALL = Kind("database.open", "database", "critical", "a database is open to others", "revokes it")
CHANGED = Kind("terraform.changed", "terraform", "warning", "a setting was changed", remedy="fleet plan {team}")
ROLE = "module.database.postgresql_role.this"
LIMIT = Finding(
    WALL,
    "a",
    "role a",
    "connection limit",
    "5",
    "50",
    twins=(f"{ROLE}|connection_limit",),
    mend=Statement("postgres", "x"),
)


def terraform(team: str, field: str) -> Finding:
    return Finding(CHANGED, team, f'module.team["{team}"].{ROLE}', field, "5", "50")


def a_report(*findings: Finding, unseen: tuple[Unseen, ...] = (), at: str = "2026-11-28T10:00:00+00:00") -> Report:
    return Report(at, {"terraform": 1.5, "database": 0.25}, ("a", "b"), findings, (), unseen)


def test_what_two_layers_tell_is_told_by_the_closer_one() -> None:
    own, others, another_field = (
        terraform("a", "connection_limit"),
        terraform("b", "connection_limit"),
        terraform("a", "login"),
    )
    assert told_once([LIMIT, own, others, another_field]) == [LIMIT, others, another_field]
    gone = replace(LIMIT, twins=(f"{ROLE}|*",))
    assert told_once([gone, own, others, another_field]) == [gone, others]


def test_a_layer_that_cannot_be_read_is_an_error_and_the_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(scene: Any) -> Looked:
        raise FleetError("Keycloak does not answer", hint="start it")

    async def found(scene: Any) -> Looked:
        return Looked.of([LIMIT])

    monkeypatch.setattr(
        look, "_LOOKS", {"terraform": away, "helm": found, "database": found, "sso": away, "orphans": found}
    )
    scene: Any = SimpleNamespace(
        platform=True, teams=frozenset({"a"}), desired=SimpleNamespace(instances={"a": None}),
        inventory=SimpleNamespace(drift=Drift()),
    )  # fmt: skip
    seen = asyncio.run(look.look(scene, ("database", "sso")))
    assert seen.findings == (LIMIT,) and set(seen.seconds) == {"database", "sso"}
    assert seen.unseen == (Unseen("sso", "Keycloak does not answer", "start it"),)


def test_the_forms_agree() -> None:
    whole = a_report(LIMIT, terraform("b", "login"), unseen=(Unseen("terraform", "no state", team="b"),))
    said = json.loads(report.json_text(whole))
    assert [each["address"] for each in said["findings"]] == ["role a", f'module.team["b"].{ROLE}']
    assert (
        said["findings"][0] | {"heals": True, "severity": "critical", "remedy": "fleet drift --heal --team a"}
        == said["findings"][0]
    )
    assert said["findings"][1]["remedy"] == "fleet plan b" and said["errors"][0]["team"] == "b"
    for text in (report.text(whole), report.markdown(whole)):
        assert "role a" in text and "no state" in text and "2 findings (1 critical, 1 warning), 1 error" in text
    metrics = report.prometheus(whole)
    assert 'fleet_drift_findings{layer="database",severity="critical",team="a"} 1.0' in metrics
    assert (
        'fleet_drift_errors{layer="database"} 0.0' in metrics and 'fleet_drift_errors{layer="terraform"} 1.0' in metrics
    )
    assert "fleet_drift_last_success_timestamp 1" not in metrics, "a look that could not see everything is no success"
    assert "fleet_drift_last_success_timestamp 1" in report.prometheus(a_report(LIMIT))


def test_only_what_is_new_and_what_is_gone() -> None:
    other = terraform("b", "login")
    before = report.data(a_report(LIMIT, other))
    compared = since.since(a_report(other, terraform("a", "login"), at="2026-11-28T11:00:00+00:00"), before)
    assert compared.new.findings == (terraform("a", "login"),)
    assert [row["address"] for row in compared.gone] == ["role a"]
    again = since.since(a_report(LIMIT, other), before)
    assert again.new.findings == () and again.gone == ()


def test_what_was_not_looked_at_is_not_gone() -> None:
    before = report.data(a_report(LIMIT))
    elsewhere = replace(a_report(), seconds={"helm": 1.0})
    assert since.since(elsewhere, before).gone == ()
    assert since.since(replace(a_report(), teams=("b",)), before).gone == ()
    assert since.since(a_report(unseen=(Unseen("database", "away"),)), before).gone == ()


def test_the_newer_of_two_looks_is_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert since.last("here", None) is None
    since.keep(a_report(LIMIT), "here")
    newer, older = {"at": "2026-11-28T12:00:00+00:00"}, {"at": "2026-11-28T08:00:00+00:00"}
    assert since.last("here", newer) == newer
    assert (since.last("here", older) or {})["at"] == "2026-11-28T10:00:00+00:00"
    since.kept("here").write_text("{half")
    assert since.last("here", None) is None


def test_what_heal_leaves_to_a_person_has_a_reason() -> None:
    wanted, there = Desired({}, None, {}), Observed(None, {})
    without = terraform("a", "login")
    again = replace(without, mend=Reapply("terraform"))
    work = heal.todo([LIMIT, without, again], wanted, there, {})
    assert work.mended == (LIMIT, again) and work.left == ((without, "fleet plan a"),)
    work = heal.todo([LIMIT, again], wanted, there, {"a": "an upgrade has begun and is not over"})
    assert work.mended == () and {reason for _, reason in work.left} == {"an upgrade has begun and is not over"}


def test_a_stack_is_not_applied_again_over_what_an_apply_would_make_empty() -> None:
    """Whichever layer wants it applied: a database that is gone would come back without a row."""
    gone = Finding(WALL, "a", "database a", expected="there", empties=True)
    client = Finding(CHANGED, "a", "client a", "enabled", mend=Reapply("terraform"))
    others, pods = replace(client, team="b"), replace(client, mend=Reapply("airflow"))
    work = heal.todo([gone, client, others, pods, LIMIT], Desired({}, None, {}), Observed(None, {}), {})
    assert work.mended == (others, pods, LIMIT) and [each for each, _ in work.left] == [gone, client]
    assert "empty" in work.left[1][1]


def test_parts_are_not_applied_again_where_the_inventory_changed_since() -> None:
    """A platform that was never applied stands for one that is to change."""
    again = Finding(CHANGED, "platform", "keycloak_realm.this", "sslRequired", mend=Reapply("platform"))
    work = heal.todo([again], Desired({"variables": {}}, None, {}), Observed(None, {}), {})
    assert work.left == ((again, "the inventory changed since: `fleet apply`"),)


def test_a_value_is_shown_in_one_line() -> None:
    assert shown("a\nb") == "a\\nb" and shown(None) == "none" and shown({"b": 1, "a": [2]}) == '{"a": [2], "b": 1}'
    assert len(shown("x" * 1000)) <= 120
