"""What is at the address of a suspended Airflow: one page for whatever is asked, and nothing about whose it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from fleet_portal.suspended import PORT

from tests.support.portal import URL, Surroundings, records


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(tmp_path, records(tmp_path))


def ask(around: Surroundings, method: str, path: str, port: int = PORT) -> httpx.Response:
    async def work() -> httpx.Response:
        transport = httpx.ASGITransport(around.application())
        async with httpx.AsyncClient(transport=transport) as client:
            headers = {"Host": "research.fleet.example.com", "X-Forwarded-Proto": "https"}
            return await client.request(method, f"http://10.0.0.7:{port}{path}", headers=headers)

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/dags/pay/grid?x=1"),
        ("GET", "/research/"),
        ("POST", "/auth/token"),
        ("PATCH", "/api/v2/dags/x"),
    ],
)
def test_whatever_is_asked_it_is_suspended(around: Surroundings, method: str, path: str) -> None:
    answer = ask(around, method, path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "3600" and answer.headers["Cache-Control"] == "no-store"
    assert "<h1>Suspended</h1>" in answer.text and '<html lang="en">' in answer.text
    assert f'href="{URL}/"' in answer.text


def test_a_stranger_learns_nothing_else(around: Surroundings) -> None:
    answer = ask(around, "GET", "/")
    assert not [word for word in ("research", "alert", "owner", "3.3.2", "airflow-") if word in answer.text]
    assert "Set-Cookie" not in answer.headers and around.asked == []
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_it_looks_like_the_portal(around: Surroundings) -> None:
    assert ask(around, "GET", "/-/static/portal.css").status_code == 200


def test_the_portals_own_port_asks_for_a_sign_in(around: Surroundings) -> None:
    assert ask(around, "GET", "/", 8080).status_code == 303
