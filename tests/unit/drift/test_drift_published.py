"""What the scheduled job publishes: parts that cover every team once, reports that fit and join, news that is none twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.drift import publish, published, report, webhook
from fleet.drift.finding import Finding, Kind, Unseen
from fleet.drift.health import Health
from fleet.drift.look import Report
from fleet.drift.shards import Shard, parse
from fleet.errors import FleetError
from fleet.model import DriftJob

THEN = datetime(2026, 1, 1, tzinfo=UTC)
WALL = Kind("database.wall", "database", "critical", "a wall is open", remedy="close it")
SCALED = Kind("helm.changed", "helm", "warning", "a field is not as it was declared", remedy="apply")
ONE = Finding(WALL, "one", "database one", "connect", expected="nobody", found="everybody")
TWO = Finding(SCALED, "two", "Deployment airflow-two/airflow-scheduler", "spec.replicas", expected="1", found="0")
SECONDS = dict.fromkeys(("terraform", "helm", "database", "sso", "orphans"), 1.0)


def looked(
    *findings: Finding, unseen: tuple[Unseen, ...] = (), minutes: int = 0, teams: tuple[str, ...] = ()
) -> Report:
    at = (THEN + timedelta(minutes=minutes)).isoformat()
    return Report(at, SECONDS, teams or ("one", "two"), findings, (), unseen)


def data(found: Report, shard: int = 0, shards: int = 1, success: str | None = "", **more: Any) -> dict[str, Any]:
    return {
        **report.data(found), "success": found.at if success == "" else success, "shard": shard, "shards": shards,
        "left_out": 0, "unlooked": [], **more,
    }  # fmt: skip


# Parts of the fleet.


@given(st.sets(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), max_size=60), st.integers(1, 16))
def test_every_team_is_looked_at_by_exactly_one_pod(teams: set[str], count: int) -> None:
    parts = [Shard(index, count).of(teams) for index in range(count)]
    assert sorted(name for part in parts for name in part) == sorted(teams)
    assert [Shard(index, count).first for index in range(count)].count(True) == 1


@given(st.sets(st.from_regex(r"[a-z]{1,10}", fullmatch=True), min_size=1), st.integers(1, 8))
def test_who_comes_moves_nobody(teams: set[str], count: int) -> None:
    newcomer = "the-newcomer"
    for index in range(count):
        assert Shard(index, count).of({*teams, newcomer}) - {newcomer} == Shard(index, count).of(teams)


def test_a_hundred_teams_are_spread() -> None:
    assert min(len(Shard(index, 4).of(f"team-{each}" for each in range(100))) for index in range(4)) > 15


@pytest.mark.parametrize("text", ["3/3", "1", "-1/3", "a/b", "0/0", "1/2/3", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(FleetError, match="no part of the fleet"):
        parse(text)


# Reports.


def test_a_report_goes_into_a_config_map_and_comes_out() -> None:
    wanted = data(looked(ONE, TWO))
    manifest = published.to_config_map(wanted)
    assert manifest["metadata"]["name"] == "drift-report" and "data" in manifest
    assert published.from_config_map(manifest) == wanted


@pytest.mark.parametrize(
    "manifest", [None, {}, {"data": {"report.json": "{"}}, {"binaryData": {"report.json.gz": "AAAA"}}]
)
def test_what_cannot_be_read_is_no_report(manifest: dict[str, Any] | None) -> None:
    assert published.from_config_map(manifest) is None


@given(st.integers(0, 400), st.integers(20_000, 60_000))
def test_a_large_report_is_packed_and_then_shortened_with_a_count(number: int, most: int) -> None:
    findings = [replace(TWO, address=f"Deployment {each} {hash(str(each)) ** 8:x}") for each in range(number)]
    wanted = data(looked(ONE, *findings), shard=2, shards=3)
    manifest = published.to_config_map(wanted, most)
    assert manifest["metadata"]["name"] == "drift-report-2"
    held = sum(len(text) for text in (manifest.get("data") or manifest["binaryData"]).values())
    assert held <= most * 4 / 3 + 4  # base64
    found = published.from_config_map(manifest)
    assert found and len(found["findings"]) + found["left_out"] == number + 1
    assert found["findings"][0]["severity"] == "critical" or not found["left_out"]  # the worst stay


def test_the_parts_of_a_report_join() -> None:
    late = Unseen("sso", "Keycloak does not answer")
    joined = published.merge([
        data(looked(ONE, minutes=1, teams=("one",)), 0, 2),
        data(looked(TWO, unseen=(late,), teams=("two",)), 1, 2, success=None),
    ])  # fmt: skip
    assert joined is not None
    assert joined["at"] == THEN.isoformat() and joined["success"] is None
    assert joined["teams"] == ["one", "two"]
    assert [row["team"] for row in joined["findings"]] == ["one", "two"]
    assert [row["what"] for row in joined["errors"]] == ["Keycloak does not answer"]


def test_what_all_pods_stumble_over_is_told_once() -> None:
    late = Unseen("sso", "Keycloak does not answer")
    joined = published.merge([data(looked(unseen=(late,)), each, 3) for each in range(3)])
    assert joined and len(joined["errors"]) == 1


def test_a_pod_that_never_looked_is_an_error_of_the_whole() -> None:
    assert published.merge([None, None]) is None
    joined = published.merge([data(looked(ONE), 0, 2), None])
    assert joined and joined["success"] is None
    assert [row["what"] for row in joined["errors"]] == ["pod 1 of 2 has not looked yet"]


# News.


def test_the_first_report_is_all_news() -> None:
    now = data(looked(ONE, TWO))
    assert [row["team"] for row in publish.news(looked(ONE, TWO), now, None).new] == ["one", "two"]


def test_what_stands_is_no_news() -> None:
    found = looked(ONE)
    assert not publish.news(found, data(found), data(looked(ONE, minutes=-15)))


def test_what_came_and_what_went_is_news() -> None:
    found = looked(TWO)
    news = publish.news(found, data(found), data(looked(ONE, minutes=-15)))
    assert [row["team"] for row in news.new] == ["two"] and [row["team"] for row in news.gone] == ["one"]


def test_what_cannot_be_looked_at_is_news_once_and_its_findings_neither_go_nor_come() -> None:
    away = Unseen("database", "no answer")
    before = data(looked(ONE))
    blind = looked(unseen=(away,), minutes=15)
    news = publish.news(blind, data(blind), before)
    assert (news.new, news.gone) == ([], ()) and [row["layer"] for row in news.errors] == ["database"]
    held = data(blind, unlooked=publish._unlooked(blind, before))
    assert [row["team"] for row in held["unlooked"]] == ["one"]
    assert not publish.news(blind, held, publish._whole(held))
    again = publish.news(looked(ONE), data(looked(ONE)), publish._whole(held))
    assert (again.new, again.gone, again.errors) == ([], (), []) and [row["layer"] for row in again.seen] == [
        "database"
    ]


def test_a_look_that_did_not_begin_takes_nothing_for_gone() -> None:
    before = data(looked(ONE))
    failed = publish.failed(FleetError("the inventory is no inventory"))
    news = publish.news(failed, data(failed), before)
    assert (news.new, news.gone) == ([], ()) and [row["layer"] for row in news.errors] == ["fleet"]


def test_what_the_webhook_did_not_take_is_told_with_the_next_as_far_as_it_holds() -> None:
    rows = [report.row(ONE), report.row(TWO)]
    now = data(looked(TWO))
    joined = publish._joined({"new": rows, "gone": []}, webhook.News(), now)
    assert [row["team"] for row in joined.new] == ["two"]


def test_events_are_few_short_and_about_the_report() -> None:
    many = [{**report.row(ONE), "address": f"database {each} {'x' * 2000}"} for each in range(50)]
    told = publish.events(webhook.News(new=many, gone=[report.row(TWO)]), "drift-report")
    assert [event["reason"] for event in told] == ["DriftFound"] * 21 + ["DriftGone"]
    assert all(len(event["message"]) <= 1024 for event in told)
    assert {event["involvedObject"]["name"] for event in told} == {"drift-report"}
    assert told[20]["message"] == "and 30 more"


# The webhook.


def test_the_text_for_a_chat_mentions_nobody_and_is_short() -> None:
    evil = {**report.row(ONE), "found": "<!channel> & <@U1>"}
    text = webhook.message(webhook.News(new=[evil] * 40), data(looked(ONE)), "slack")["text"]
    assert "<" not in text and "&lt;!channel&gt; &amp; " in text
    assert text.splitlines()[0] == "Drift: 40 new, 0 gone, 1 in all" and text.splitlines()[-1] == "and 25 more"


def test_the_generic_form_has_every_row() -> None:
    news = webhook.News(new=[report.row(ONE)], gone=[report.row(TWO)])
    body = webhook.message(news, data(looked(ONE)), "generic")
    assert json.loads(json.dumps(body)) == {
        "at": THEN.isoformat(), "standing": 1, "new": [report.row(ONE)], "gone": [report.row(TWO)], "errors": [],
        "seen_again": [],
    }  # fmt: skip


# Metrics.


def test_the_metrics_of_a_joined_report() -> None:
    joined = published.merge([data(looked(ONE, minutes=5), 0, 2), data(looked(TWO), 1, 2)])
    assert joined
    text = report.metrics(joined)
    assert 'fleet_drift_findings{layer="database",severity="critical",team="one"} 1.0' in text
    assert 'fleet_drift_findings{layer="helm",severity="warning",team="two"} 1.0' in text
    assert f"fleet_drift_last_success_timestamp {THEN.timestamp():.10g}".split()[0] in text
    assert 'fleet_drift_errors{layer="sso"} 0.0' in text


def test_a_look_that_did_not_begin_is_an_error_in_the_metrics() -> None:
    failed = publish.failed(FleetError("the inventory is no inventory"))
    text = report.metrics(data(failed, success=None))
    assert 'fleet_drift_errors{layer="fleet"} 1.0' in text
    assert "fleet_drift_last_success_timestamp 0.0" in text


# How the look itself is.


def health(found: dict[str, Any] | None) -> Health:
    return Health(DriftJob(enabled=True, schedule="*/15 * * * *"), THEN, found)


def test_it_is_late_after_three_schedules_without_a_whole_look() -> None:
    assert health(None).trouble(THEN + timedelta(minutes=44)) == ""
    assert health(None).trouble(THEN + timedelta(minutes=46)) == "late: the last whole look was never"
    fresh = health(data(looked(minutes=30)))
    assert fresh.trouble(THEN + timedelta(minutes=74)) == ""
    assert "46m ago" in fresh.trouble(THEN + timedelta(minutes=76))


def test_what_it_could_not_look_at_is_trouble_at_once() -> None:
    blind = data(looked(unseen=(Unseen("sso", "Keycloak does not answer"),)), success=THEN.isoformat())
    assert health(blind).trouble(THEN) == "could not look at sso: Keycloak does not answer"


def test_its_rows_say_when_it_looks_next() -> None:
    rows = {row["what"]: row["detail"] for row in health(data(looked(ONE, TWO))).rows(THEN + timedelta(minutes=5))}
    assert rows["next look"] == "in 10m" and rows["last look"] == "5m ago" and rows["findings"] == "database 1, helm 1"
