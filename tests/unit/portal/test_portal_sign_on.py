"""Signing in and out: only Keycloak's word for this client and this attempt counts; what was signed out is worth nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fleet_portal import sessions
from fleet_portal.sessions import LIFE_SECONDS, MOST, Sessions
from fleet_portal.signon import Person

from tests.support.portal import HEALTHY, ISSUER, URL, Surroundings, records, sign_in

Work = Callable[[httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    people = {"bob": {"airflow-finance": ["viewer"]}}
    return Surroundings(tmp_path, records(tmp_path), people, {"airflow-finance": HEALTHY})


def browse(around: Surroundings, work: Work) -> None:
    async def all_of_it() -> None:
        async with around.browser() as browser:
            await work(browser)

    asyncio.run(all_of_it())


def test_a_stranger_is_sent_to_keycloak_with_pkce_and_the_exact_address(around: Surroundings) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        answer = await browser.get("/")
        assert answer.status_code == 303
        where = urlsplit(answer.headers["Location"])
        asked = {key: values[0] for key, values in parse_qs(where.query).items()}
        assert f"{where.scheme}://{where.netloc}{where.path}" == f"{ISSUER}/protocol/openid-connect/auth"
        assert asked["redirect_uri"] == f"{URL}/-/signed-in"
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        assert {"state", "nonce", "code_challenge"} <= asked.keys()
        assert "verifier" not in where.query

    browse(around, work)


def test_cookies_are_bound_to_this_host_and_out_of_reach_of_scripts(around: Surroundings) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        first = await browser.get("/")
        back = await browser.get(around.approve(first.headers["Location"], "bob"))
        for cookie in [*first.headers.get_list("set-cookie"), *back.headers.get_list("set-cookie")]:
            assert cookie.startswith("__Host-fleet-portal")
            assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
            assert "domain" not in cookie.lower()

    browse(around, work)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://sso.example.com/realms/other"},
        {"aud": "airflow-finance"},
        {"aud": ["fleet-portal", "airflow-finance"], "azp": "airflow-finance"},
        {"exp": int(time.time()) - 60},
        {"iat": int(time.time()) + 86400},  # the tests are collected long before the last of them is run
        {"nonce": "of another attempt"},
    ],
    ids=lambda claims: "-".join(claims),
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(around: Surroundings, claims: dict[str, Any]) -> None:
    around.claims = claims
    refused(around)


def test_a_token_signed_by_somebody_else_is_refused(around: Surroundings) -> None:
    around.signing_key = rsa.generate_private_key(65537, 2048)
    refused(around)


@pytest.mark.parametrize(("algorithm", "key"), [("none", None), ("HS256", "a client secret" * 3)])
def test_a_token_without_the_realms_kind_of_signature_is_refused(
    around: Surroundings, algorithm: str, key: str | None
) -> None:
    around.algorithm, around.signing_key = algorithm, key
    refused(around)


def refused(around: Surroundings) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        answer = await sign_in(around, browser, "bob")
        assert answer.status_code == 400
        assert "You are not signed in" in answer.text
        assert (await browser.get("/")).status_code == 303  # still a stranger

    browse(around, work)


@pytest.mark.parametrize("change", ["state=other", "iss=https://elsewhere.example.com&x=", "code=other"])
def test_an_answer_that_was_changed_on_its_way_is_refused(around: Surroundings, change: str) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        first = await browser.get("/")
        back = around.approve(first.headers["Location"], "bob")
        name = change.split("=")[0]
        answer = await browser.get(back.replace(f"{name}=", change))
        assert (answer.status_code, answer.headers.get("Location")) == (400, None)

    browse(around, work)


def test_an_answer_in_another_browser_is_refused(around: Surroundings) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        first = await browser.get("/")
        browser.cookies.clear()
        assert (await browser.get(around.approve(first.headers["Location"], "bob"))).status_code == 400

    browse(around, work)


@pytest.mark.parametrize("cookie", ["", "!", "e30=", "bnVsbA==", "WzFd"])
def test_a_cookie_that_is_none_of_ours_is_a_refusal_and_no_fault(around: Surroundings, cookie: str) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        headers = {"Cookie": f"__Host-fleet-portal-attempt={cookie}"}
        assert (await browser.get("/-/signed-in?code=x&state=y", headers=headers)).status_code == 400

    browse(around, work)


def test_a_reload_of_keycloaks_answer_shows_the_page(around: Surroundings) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        first = await browser.get("/")
        back = around.approve(first.headers["Location"], "bob")
        await browser.get(back)
        again = await browser.get(back)
        assert (again.status_code, again.headers["Location"]) == (303, "/")

    browse(around, work)


def test_signing_out_ends_both_sessions_and_a_copied_cookie_is_worth_nothing(around: Surroundings) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        assert (await sign_in(around, browser, "bob")).status_code == 200
        copied = browser.cookies["__Host-fleet-portal"]
        answer = await browser.post("/-/sign-out", headers={"Origin": URL})
        where = urlsplit(answer.headers["Location"])
        asked = parse_qs(where.query)
        assert where.path.endswith("/protocol/openid-connect/logout")
        assert (
            asked["post_logout_redirect_uri"] == [f"{URL}/-/signed-out"] and asked["id_token_hint"][0].count(".") == 2
        )
        assert (await browser.get("/")).status_code == 303
        replayed = await browser.get("/", headers={"Cookie": f"__Host-fleet-portal={copied}"})
        assert replayed.status_code == 303

    browse(around, work)


@pytest.mark.parametrize("origin", [None, "null", "https://finance.fleet.example.com", "http://fleet.example.com"])
def test_a_teams_page_cannot_sign_its_visitor_out(around: Surroundings, origin: str | None) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        await sign_in(around, browser, "bob")
        answer = await browser.post("/-/sign-out", headers={"Origin": origin} if origin else {})
        assert answer.status_code == 403
        assert (await browser.get("/")).status_code == 200

    browse(around, work)


def test_signing_out_by_a_link_is_not_possible(around: Surroundings) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        assert (await browser.get("/-/sign-out")).status_code == 405

    browse(around, work)


def test_a_session_ends_so_that_a_role_taken_away_is_seen() -> None:
    now = [0.0]
    store = Sessions(lambda: now[0])
    ticket = store.open(Person("bob", {}, "token"))
    now[0] = LIFE_SECONDS - 1
    assert store.find(ticket)
    now[0] = LIFE_SECONDS
    assert store.find(ticket) is None
    store.open(Person("alice", {}, "token"))
    assert len(store._by_ticket) == 1


def test_sessions_take_no_more_than_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST > 1000
    monkeypatch.setattr(sessions, "MOST", 3)
    store = Sessions()
    tickets = [store.open(Person(str(number), {}, "token")) for number in range(5)]
    assert [bool(store.find(ticket)) for ticket in tickets] == [False, False, True, True, True]


def test_a_keycloak_that_is_away_is_said(around: Surroundings) -> None:
    around.keycloak_status = 502

    async def work(browser: httpx.AsyncClient) -> None:
        answer = await browser.get("/")
        assert answer.status_code == 503
        assert "The sign-on does not answer" in answer.text

    browse(around, work)


@pytest.mark.parametrize("path", ["/", "/-/signed-out", "/-/signed-in", "/nothing", "/-/static/portal.css", "/-/alive"])
def test_every_answer_carries_the_headers_that_keep_others_out(around: Surroundings, path: str) -> None:
    async def work(browser: httpx.AsyncClient) -> None:
        headers = (await browser.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["Strict-Transport-Security"] and headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == ("public, max-age=300" if "static" in path else "no-store")

    browse(around, work)


def test_a_fault_of_the_portals_own_shows_nothing_of_it(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    from fleet_portal import pages

    def fail(*_: Any) -> str:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(pages, "overview", fail)

    async def work(browser: httpx.AsyncClient) -> None:
        answer = await sign_in(around, browser, "bob")
        assert answer.status_code == 500
        assert "secret" not in answer.text and "Content-Security-Policy" in answer.headers

    browse(around, work)


def test_the_secret_is_in_no_representation(around: Surroundings) -> None:
    assert "a client secret" not in repr(around.settings)
    assert "token" not in repr(Person("bob", {}, "a token")).replace("id_token", "")
