"""The portal's pages in a real browser: what axe says of them, on a phone, in the dark, by keyboard.

Keycloak and the Airflows are stand-ins here, so that every state of an Airflow can be shown; tests/e2e/test_portal.py has the
real ones.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.accessibility import faults
from tests.support.browser import chromium
from tests.support.portal import HEALTHY, SETTINGS, Surroundings, records
from tests.support.sandbox import Sandbox

PEOPLE = {
    "alice": {f"airflow-{team}": ["admin"] for team in ("finance", "marketing", "research")},
    "carol": {},
}
PHONE = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def browser(sandbox: Sandbox) -> Iterator[Browser]:
    with chromium(sandbox) as browser:
        yield browser


@pytest.fixture
def around(sandbox: Sandbox, tmp_path: Path) -> Iterator[Surroundings]:
    """A portal that serves at a port of its own (browsers take `localhost` for as good as TLS), and Keycloak beside it."""
    address = sandbox.environment["PGHOST"]
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    url = f"http://localhost:{port}"
    settings = replace(SETTINGS, url=url, issuer=f"{url}/sso/realms/fleet")
    around = Surroundings(tmp_path, records(tmp_path), dict(PEOPLE), {"airflow-marketing": HEALTHY}, settings)
    server = uvicorn.Server(uvicorn.Config(_with_keycloak(around), address, port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield around
    server.should_exit = True
    thread.join()


def _with_keycloak(around: Surroundings) -> ASGIApp:
    """Below `/sso/` Keycloak, which knows who it is by the browser's name and asks nothing."""
    portal = around.application()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/sso/"):
            return await portal(scope, receive, send)
        request = Request(scope)
        leaving = request.url.path.endswith("/logout")
        back = request.query_params["post_logout_redirect_uri"] if leaving else None
        where = back or around.approve(str(request.url), request.headers["user-agent"])
        return await RedirectResponse(where, 302)(scope, receive, send)

    return application


def opened(around: Surroundings, browser: Browser, name: str, **context: Any) -> Page:
    """The portal's page after signing in as somebody."""
    page = browser.new_context(user_agent=name, **context).new_page()
    page.goto(around.settings.url)
    return page


def _every_state(around: Surroundings) -> None:
    """One that is healthy, one that does not answer, one that is suspended, one that is ill, one that is half made."""
    finance = around.config_maps[0]
    for name, health in (("ill", {"scheduler": {"status": "unhealthy"}}), ("new", None)):
        text = json.dumps(finance).replace("finance", name)
        copy = json.loads(text)
        if health is None:
            record = json.loads(copy["data"]["applied.json"])
            del record["parts"]["airflow"]
            copy["data"]["applied.json"] = json.dumps(record)
        else:
            around.health[f"airflow-{name}"] = health
        around.config_maps.append(copy)
        around.people["alice"] = {**around.people["alice"], f"airflow-{name}": ["viewer"]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_no_fault_in_any_state(around: Surroundings, browser: Browser, scheme: Any, viewport: Any) -> None:
    _every_state(around)
    page = opened(around, browser, "alice", color_scheme=scheme, viewport=viewport)
    states = page.locator(".state strong").all_inner_texts()
    assert sorted(states) == ["Does not answer", "Healthy", "Not ready yet", "Suspended", "Unhealthy"]
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page.context.close()


@pytest.mark.parametrize("path", ["/-/signed-out", "/nothing", "/-/signed-in"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_in_the_small_pages(around: Surroundings, browser: Browser, path: str, scheme: Any) -> None:
    page = browser.new_context(color_scheme=scheme).new_page()
    page.goto(f"{around.settings.url}{path}")
    assert page.get_by_role("heading", level=1).count() == 1
    assert faults(page) == []
    page.context.close()


def test_axe_finds_no_fault_in_an_empty_list(around: Surroundings, browser: Browser) -> None:
    page = opened(around, browser, "carol")
    assert page.get_by_text("There is no Airflow that you may enter").is_visible()
    assert faults(page) == []
    page.context.close()


def test_axe_does_find_faults(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><img src=x><p style='color:#ccc'>pale</p></main>")
    assert {line.split(":")[0] for line in faults(page)} >= {"critical image-alt", "serious color-contrast"}
    page.close()


def test_the_page_is_reached_and_left_by_keyboard_alone(around: Surroundings, browser: Browser) -> None:
    page = opened(around, browser, "alice")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Sign out"
    page.keyboard.press("Enter")
    page.wait_for_url("**/-/signed-out")
    assert page.get_by_role("heading", name="Signed out").is_visible()
    page.context.close()


def test_nothing_is_refused_by_the_pages_own_policy(around: Surroundings, browser: Browser) -> None:
    page = browser.new_context().new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{around.settings.url}/-/signed-out")
    assert page.evaluate("getComputedStyle(document.querySelector('.message')).maxWidth") != "none"
    assert [line for line in said if "Content Security Policy" in line] == []
    page.context.close()
