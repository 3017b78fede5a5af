"""People of two teams in a real browser, in both URL schemes: each let in at their own Airflow and refused at the other's,
able to do what their role says, and out once they are out."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Fronted
from tests.support.browser import PATIENCE, keep, sign_in

DAG = "fleet_hello"
NO_ROLE = re.compile("You have no role at")


def _enter(page: Page, url: str) -> None:
    """Sign in where Keycloak knows the person already: nobody is asked."""
    page.goto(f"{url}/auth/login/keycloak")
    page.wait_for_url(f"{url}/**")


ASK = """([url, method, body]) =>
    fetch(url, {method, body, headers: {"Content-Type": "application/json"}}).then(answer => answer.status)"""


def _ask(page: Page, url: str, method: str = "GET", body: str | None = None) -> int:
    """Status of the answer to a script on the page, with the visitor's cookies."""
    return int(page.evaluate(ASK, [url, method, body]))


def _trigger(page: Page, url: str) -> int:
    return _ask(page, f"{url}/api/v2/dags/{DAG}/dagRuns", "POST", '{"logical_date": null}')


def _is_in(page: Page, url: str) -> bool:
    return _ask(page, f"{url}/ui/auth/me") == 200


def test_an_admin_is_in_at_her_own_team_and_refused_at_the_next(fronted: Fronted, page: Page) -> None:
    sign_in(page, f"{fronted.url}/", *fronted.person("alice"))
    expect(page.get_by_text("Active Dags")).to_be_visible()
    assert _trigger(page, fronted.url) == 200
    _enter(page, fronted.neighbours_url)
    expect(page.get_by_text(NO_ROLE)).to_be_visible()
    keep(page, f"{fronted.neighbour}-refuses-alice")
    assert not _is_in(page, fronted.neighbours_url)
    with fronted.sandbox.team(fronted.neighbour) as connection:
        assert connection.execute("select username from ab_user").fetchall() == []


def test_the_other_way_round_as_well(fronted: Fronted, page: Page) -> None:
    sign_in(page, f"{fronted.neighbours_url}/", *fronted.person("bob"))
    expect(page.get_by_text("Active Dags")).to_be_visible()
    _enter(page, fronted.url)
    expect(page.get_by_text(NO_ROLE)).to_be_visible()
    assert not _is_in(page, fronted.url)


def test_a_viewer_sees_and_cannot_trigger(fronted: Fronted, page: Page) -> None:
    sign_in(page, f"{fronted.url}/dags/{DAG}", *fronted.person("carol"))
    page.get_by_role("button", name="Trigger").first.click()
    with page.expect_response(
        lambda answer: answer.url.endswith("/dagRuns") and answer.request.method == "POST"
    ) as told:
        page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    assert told.value.status == 403
    expect(page.get_by_text("403").or_(page.get_by_text("Forbidden")).first).to_be_visible()
    keep(page, f"{fronted.name}-refuses-carols-run")
    assert _ask(page, f"{fronted.url}/api/v2/dags/{DAG}") == 200


def test_a_role_that_was_taken_away_is_gone_at_the_next_sign_in(fronted: Fronted, page: Page) -> None:
    keycloak, (name, password) = fronted.sandbox.keycloak, fronted.person("dave")
    sign_in(page, f"{fronted.url}/", name, password)
    expect(page.get_by_text("Active Dags")).to_be_visible()
    assert _trigger(page, fronted.url) == 200
    (user,) = keycloak.get(f"/fleet/users?username={name}&exact=true")
    group = keycloak.get(f"/fleet/group-by-path/{fronted.name}/user")["id"]
    keycloak.call("DELETE", f"/fleet/users/{user['id']}/groups/{group}")
    page.goto(f"{fronted.url}/auth/logout")
    sign_in(page, f"{fronted.url}/", name, password)
    expect(page.get_by_text(NO_ROLE)).to_be_visible()
    assert not _is_in(page, fronted.url)


def test_out_by_the_menu_is_out(fronted: Fronted, page: Page) -> None:
    sign_in(page, f"{fronted.url}/", *fronted.person("alice"))
    expect(page.get_by_text("Active Dags")).to_be_visible()
    page.get_by_role("button", name="User").click()
    page.get_by_role("menuitem", name="Logout").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("#btn-signin-keycloak")).to_be_visible()
    page.goto(f"{fronted.url}/dags")
    page.locator("#btn-signin-keycloak").click()
    expect(page.locator("#password")).to_be_visible()  # Keycloak's session has ended as well


def test_two_teams_are_open_in_one_browser_at_once(fronted: Fronted, page: Page) -> None:
    sign_in(page, f"{fronted.url}/", *fronted.person("erin"))
    other = page.context.new_page()
    other.set_default_timeout(PATIENCE)
    _enter(other, fronted.neighbours_url)
    for _ in range(2):  # in turns: no cookie of the one takes the place of the other's
        for tab, url, can in ((page, fronted.url, 403), (other, fronted.neighbours_url, 200)):
            tab.goto(f"{url}/dags")
            expect(tab.get_by_text(DAG).first).to_be_visible()
            assert _trigger(tab, url) == can
    page.bring_to_front()
    keep(page, f"{fronted.name}-beside-{fronted.neighbour}")
