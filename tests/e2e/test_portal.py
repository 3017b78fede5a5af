"""The portal in the cluster: two people, two lists, by real sign-on; honest about an Airflow that is down; out means out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import Demo
from tests.support.accessibility import faults
from tests.support.browser import PATIENCE, keep
from tests.support.http import ask

pytestmark = pytest.mark.together("demo")

URL = "https://fleet.localhost/"
PEOPLE = {"portal-alice": ["/marketing/admin"], "portal-bob": ["/finance/viewer"], "portal-carol": []}


@pytest.fixture(scope="module")
def passwords(demo: Demo) -> Iterator[dict[str, str]]:
    """Three people of the sandbox's realm, by name."""
    found = {name: secrets.token_urlsafe(16) for name in PEOPLE}
    for name, groups in PEOPLE.items():
        demo.sandbox.keycloak.add_user("fleet", name, found[name], *groups)
    yield found
    for name in PEOPLE:
        demo.sandbox.keycloak.remove_user("fleet", name)


@pytest.fixture
def enter(browser: Browser, passwords: dict[str, str]) -> Iterator[Callable[[str], Page]]:
    """The portal's page in a browser of its own, after somebody signed in."""
    contexts = []

    def entered(name: str) -> Page:
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(URL)
        page.locator("#username").fill(name)
        page.locator("#password").fill(passwords[name])
        page.locator("#kc-login").click()
        page.wait_for_url(URL)
        return page

    yield entered
    for context in contexts:
        context.close()


def _names(page: Page) -> list[str]:
    return page.locator("li h2").all_inner_texts()


def test_two_people_see_two_different_lists(enter: Callable[[str], Page]) -> None:
    alice, bob = enter("portal-alice"), enter("portal-bob")
    for page in (alice, bob):
        _until(page, "Healthy")
    assert _names(alice) == ["marketing"]
    assert _names(bob) == ["finance"]
    assert "finance" not in alice.content() and "marketing" not in bob.content()
    assert (
        alice.get_by_role("link", name="marketing", exact=True).get_attribute("href")
        == "https://marketing.fleet.localhost/"
    )
    assert alice.get_by_text("Airflow 3.3.2").is_visible()
    assert alice.locator("dd").first.inner_text() == "admin" and bob.locator("dd").first.inner_text() == "viewer"
    for page in (alice, bob):
        assert faults(page) == []
    keep(alice, "portal")


def test_who_may_enter_nowhere_sees_nothing(enter: Callable[[str], Page]) -> None:
    page = enter("portal-carol")
    assert _names(page) == []
    assert page.get_by_text("There is no Airflow that you may enter").is_visible()


def test_strangers_see_keycloak_and_nothing_else() -> None:
    answer = ask(URL)
    assert (answer.status, answer.text) == (303, "")
    assert answer.location.startswith("https://sso.fleet.localhost/realms/fleet/protocol/openid-connect/auth?")
    assert "script" not in answer.headers["Content-Security-Policy"]


@contextmanager
def _stopped(demo: Demo, team: str) -> Iterator[None]:
    scale = ("scale", "deployment/airflow-api-server", "--namespace", f"airflow-{team}")
    demo.sandbox.kubectl(*scale, "--replicas=0")
    try:
        yield
    finally:
        demo.sandbox.kubectl(*scale, "--replicas=1")
        rollout = ("rollout", "status", "deployment/airflow-api-server", "--namespace", f"airflow-{team}")
        demo.sandbox.kubectl(*rollout, "--timeout=300s")


def _until(page: Page, state: str) -> None:
    """Health is kept for ten seconds, and a pod takes its time to end."""
    deadline = time.monotonic() + 600
    while page.locator(".state strong").all_inner_texts() != [state]:
        assert time.monotonic() < deadline, page.content()
        time.sleep(2)
        page.reload()


def test_it_is_honest_when_an_airflow_is_down(demo: Demo, enter: Callable[[str], Page]) -> None:
    page = enter("portal-alice")
    with _stopped(demo, "marketing"):
        _until(page, "Does not answer")
        assert _names(page) == ["marketing"]
        assert faults(page) == []
    _until(page, "Healthy")


def test_out_means_out_and_a_copied_cookie_is_worth_nothing(enter: Callable[[str], Page]) -> None:
    page = enter("portal-alice")
    (cookie,) = [each for each in page.context.cookies(URL) if each["name"] == "__Host-fleet-portal"]
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Signed out").wait_for()
    assert ask(URL, headers={"Cookie": f"__Host-fleet-portal={cookie['value']}"}).status == 303
    page.get_by_role("link", name="Sign in").click()
    page.locator("#kc-form-login").wait_for()  # Keycloak's session has ended as well


def test_its_account_may_list_what_was_applied_and_nothing_else(demo: Demo) -> None:
    account = "--as=system:serviceaccount:fleet-system:fleet-portal"

    def may(*question: str) -> bool:
        return demo.sandbox.kubectl("auth", "can-i", *question, account, check=False).strip() == "yes"

    assert may("list", "configmaps", "--namespace", "fleet-system")
    assert not may("list", "configmaps", "--namespace", "airflow-marketing")
    for verb in ("create", "patch", "delete"):
        assert not may(verb, "configmaps", "--namespace", "fleet-system")
    for kind in ("secrets", "pods", "deployments"):
        assert not may("list", kind, "--namespace", "fleet-system")


def test_a_pod_that_could_do_more_is_refused_beside_it(demo: Demo) -> None:
    run = ("run", "intruder", "--image=fleet.local/pause:1", "--privileged", "--namespace=fleet-system")
    refused = demo.sandbox.kubectl(*run, "--dry-run=server", check=False)
    assert "created" not in refused
