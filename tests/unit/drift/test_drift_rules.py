"""Ignore rules: what they hide, and that they end."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fleet.drift import rules
from fleet.drift.finding import LAYERS, Finding, Kind
from fleet.model import IgnoreRule

TODAY = date(2026, 11, 28)
SCALED = Kind("helm.scaled", "helm", "warning", "scaled")
FOUND = Finding(SCALED, "research", "Deployment airflow-research/airflow-scheduler", "spec.replicas", "1", "2")


def rule(**changed: str) -> IgnoreRule:
    given = {"address": "Deployment */airflow-scheduler", "reason": "a test", "owner": "me", "until": "2026-11-28"}
    return IgnoreRule.model_validate({**given, **changed})


def kinds(findings: list[Finding]) -> list[str]:
    return [each.kind.name for each in findings]


def test_a_rule_hides_what_all_its_patterns_match() -> None:
    standing, hidden = rules.sift([FOUND], [rule(team="res*", field="spec.*", layer="helm")], TODAY, LAYERS, True)
    assert standing == [] and [each.finding for each in hidden] == [FOUND]


def test_a_rule_of_another_team_field_or_layer_hides_nothing_and_is_told() -> None:
    for other in ({"team": "finance"}, {"field": "spec.template"}, {"layer": "sso"}, {"address": "Deployment"}):
        standing, hidden = rules.sift([FOUND], [rule(**other)], TODAY, LAYERS, True)
        assert hidden == [] and kinds(standing) == ["helm.scaled", "rules.unused"], other


def test_a_rule_holds_to_the_end_of_its_last_day_and_is_a_finding_from_then_on() -> None:
    standing, hidden = rules.sift([FOUND], [rule()], TODAY, LAYERS, True)
    assert len(hidden) == 1 and not standing
    standing, hidden = rules.sift([FOUND], [rule()], TODAY + timedelta(days=1), LAYERS, True)
    assert hidden == [] and kinds(standing) == ["helm.scaled", "rules.expired"]
    assert standing[1].who == "me" and "a test" in standing[1].found


def test_nobody_calls_a_rule_unused_who_did_not_look_everywhere() -> None:
    unmatched = rule(address="nothing")
    assert rules.sift([], [unmatched], TODAY, LAYERS, False)[0] == []
    assert rules.sift([], [unmatched], TODAY, ("helm",), True)[0] == []
    assert kinds(rules.sift([], [rule(address="nothing", layer="helm")], TODAY, ("helm",), True)[0]) == ["rules.unused"]


words = st.text(st.characters(exclude_characters="[]*?", exclude_categories=("C",)), min_size=1, max_size=20)


@given(team=words, address=words, field=words)
def test_a_rule_written_from_a_finding_hides_it(team: str, address: str, field: str) -> None:
    finding = Finding(SCALED, team, address, field)
    hidden = rules.sift([finding], [rule(team=team, address=address, field=field)], TODAY, LAYERS, True)[1]
    assert [each.finding for each in hidden] == [finding]


@given(addresses=st.lists(words, max_size=8, unique=True), patterns=st.lists(words, max_size=4), day=st.dates())
def test_nothing_is_lost(addresses: list[str], patterns: list[str], day: date) -> None:
    """Every finding stands or is hidden, whatever the rules are."""
    findings = [Finding(SCALED, "a", address) for address in addresses]
    standing, hidden = rules.sift(findings, [rule(address=each) for each in patterns], day, LAYERS, True)
    told = [each for each in standing if each.layer == "helm"] + [each.finding for each in hidden]
    assert sorted(each.address for each in told) == sorted(addresses)
