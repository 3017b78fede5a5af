"""What a person sees: their own Airflows and how they are, nothing of the others, and no health that nobody told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.portal import HEALTHY, INVENTORY, Surroundings, records, sign_in

ALICE = {"airflow-marketing": ["admin"], "airflow-research": ["user", "viewer"], "account": ["view-profile"]}
BOB = {"airflow-finance": ["viewer"]}


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    people = {"alice": ALICE, "bob": BOB, "mallory": {"airflow-finance": ["uma_protection"]}}
    health: dict[str, Any] = {"airflow-marketing": HEALTHY, "airflow-finance": HEALTHY}
    return Surroundings(tmp_path, records(tmp_path), people, health)


def page(around: Surroundings, name: str) -> str:
    async def work() -> str:
        async with around.browser() as browser:
            return (await sign_in(around, browser, name)).text

    return asyncio.run(work())


def test_two_people_see_two_different_lists(around: Surroundings) -> None:
    alice, bob = page(around, "alice"), page(around, "bob")
    assert "https://marketing.fleet.example.com/" in alice and "https://research.fleet.example.com/" in alice
    assert "finance" not in alice
    assert "https://finance.fleet.example.com/" in bob
    assert "marketing" not in bob and "research" not in bob
    assert "Signed in as <strong>alice</strong>" in alice and "Signed in as <strong>bob</strong>" in bob


def test_the_health_of_others_is_not_even_asked(around: Surroundings) -> None:
    page(around, "bob")
    assert [url for url in around.asked if "svc.cluster.local" in url] == [
        "http://airflow-api-server.airflow-finance.svc.cluster.local:8080/api/v2/monitor/health"
    ]


def test_every_page_of_the_records_is_read(around: Surroundings) -> None:
    around.page = 1
    alice = page(around, "alice")
    assert "marketing" in alice and "research" in alice
    assert sum("configmaps" in url for url in around.asked) == len(around.config_maps)


def test_a_card_says_health_version_owner_and_role(around: Surroundings) -> None:
    bob = page(around, "bob")
    assert "1 Airflow: 1 healthy" in bob
    assert "<strong>Healthy</strong>" in bob
    assert "Airflow 3.3.2" in bob
    assert '<a href="mailto:finance@example.com">finance@example.com</a>' in bob
    assert "<dt>Your role</dt><dd>viewer</dd>" in bob
    alice = page(around, "alice")
    assert "<dd>the marketing people</dd>" in alice
    assert "<dt>Your roles</dt><dd>user, viewer</dd>" in alice


def test_who_has_a_right_to_some_dags_may_enter(tmp_path: Path) -> None:
    right = "access: {{dags: {{pay: {{prefix: pay_}}}}}}"
    rights = INVENTORY.replace("finance@example.com", f"finance@example.com, {right}")
    people = {"dave": {"airflow-finance": ["dags-pay"], "airflow-marketing": ["dags-pay"]}}
    dave = page(Surroundings(tmp_path, records(tmp_path, text=rights), people), "dave")
    assert "<dt>Your role</dt><dd>dags-pay</dd>" in dave and "finance" in dave
    assert "marketing" not in dave  # whose Airflow knows no such role


def test_who_has_no_role_that_airflow_knows_sees_nothing(around: Surroundings) -> None:
    text = page(around, "mallory")
    assert "There is no Airflow that you may enter" in text
    assert "finance" not in text


def test_what_people_write_is_text_and_never_markup(around: Surroundings) -> None:
    alice = page(around, "alice")
    assert "<script>" not in alice
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in alice


def test_a_suspended_airflow_is_not_asked_and_not_called_ill(around: Surroundings) -> None:
    assert "1 healthy, 1 suspended" in page(around, "alice")
    assert not any("airflow-research" in url for url in around.asked)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Does not answer"),
        (503, "Does not answer"),
        ({"scheduler": {"status": "unhealthy"}, "dag_processor": {"status": None}},
         "Scheduler is unhealthy, dag processor is absent."),
        ({}, "It says nothing of its parts."),
    ],
)  # fmt: skip
def test_one_that_is_down_is_called_down_and_stays_listed(around: Surroundings, answer: Any, said: str) -> None:
    around.health = {"airflow-finance": answer}
    bob = page(around, "bob")
    assert said in bob
    assert "Healthy" not in bob
    assert "https://finance.fleet.example.com/" in bob


def test_a_triggerer_that_is_switched_off_is_not_missed(around: Surroundings) -> None:
    # What Airflow says of one that never ran, and of one that ran before.
    for status in (None, "unhealthy"):
        around.health = {"airflow-finance": {**HEALTHY, "triggerer": {"status": status}}}
        assert "Triggerer is" in page(around, "bob")
    data = json.loads(around.config_maps[0]["data"]["applied.json"])
    data["parts"]["airflow"]["inputs"]["values"]["triggerer"]["enabled"] = False
    around.config_maps[0]["data"]["applied.json"] = json.dumps(data)
    assert "1 Airflow: 1 healthy" in page(around, "bob")


def test_one_that_never_answers_holds_nobody_up(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    from fleet_portal import health
    from fleet_portal.fleet import Instance

    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.05)

    async def answer(request: httpx.Request) -> httpx.Response:
        if "slow" in request.url.host:
            await asyncio.sleep(60)
        return httpx.Response(200, json=HEALTHY)

    async def work() -> dict[str, health.Health]:
        monitor = health.Monitor(httpx.AsyncClient(transport=httpx.MockTransport(answer)))
        return await monitor.ask(
            Instance(name, "", "", "3.3.2", "", f"http://{name}.example.com/", False) for name in ("slow", "fast")
        )

    found = asyncio.run(work())
    assert found["slow"].state == "silent"
    assert found["fast"].state == "healthy"


def test_an_instance_half_made_is_not_called_ill_and_one_removed_is_gone(around: Surroundings) -> None:
    finance, marketing, _ = around.config_maps
    data = json.loads(finance["data"]["applied.json"])
    del data["parts"]["airflow"]
    finance["data"]["applied.json"] = json.dumps(data)
    assert "Not ready yet" in page(around, "bob")
    del data["parts"]["guardrails"]
    finance["data"]["applied.json"] = json.dumps(data)
    assert "There is no Airflow" in page(around, "bob")
    kept = json.loads(marketing["data"]["applied.json"]) | {"kept": {"instance": "marketing"}}
    marketing["data"]["applied.json"] = json.dumps(kept)
    assert "marketing" not in page(around, "alice")


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"parts": {"terraform": 1}}'])
def test_a_record_that_cannot_be_read_hides_no_other(around: Surroundings, text: str) -> None:
    around.config_maps[1]["data"]["applied.json"] = text  # marketing's
    alice = page(around, "alice")
    assert "research" in alice and "marketing" not in alice


def test_the_prefix_of_a_path_reaches_the_health_endpoint(tmp_path: Path) -> None:
    around = Surroundings(tmp_path, records(tmp_path, "path"), {"bob": BOB}, {"airflow-finance": HEALTHY})
    assert "https://fleet.example.com/finance/" in page(around, "bob")
    assert (
        "http://airflow-api-server.airflow-finance.svc.cluster.local:8080/finance/api/v2/monitor/health" in around.asked
    )


def test_answers_are_kept_for_some_seconds_only(around: Surroundings) -> None:
    from fleet_portal.fleet import Instance
    from fleet_portal.health import Monitor

    now = [0.0]
    instance = Instance("finance", "", "", "3.3.2", "", "http://x.airflow-finance.svc.cluster.local", False)

    async def work() -> list[int]:
        monitor = Monitor(httpx.AsyncClient(transport=httpx.MockTransport(around._outside)), lambda: now[0])
        counts = []
        for now[0] in (0.0, 9.0, 11.0):
            await monitor.ask([instance])
            counts.append(len(around.asked))
        return counts

    assert asyncio.run(work()) == [1, 1, 2]


def test_a_cluster_that_is_away_is_said_and_no_list_is_made_up(around: Surroundings) -> None:
    around.cluster_status = 500
    bob = page(around, "bob")
    assert "The list cannot be read" in bob
    assert "finance" not in bob
