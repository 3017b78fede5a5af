"""The one front, in both URL schemes and with both kinds of route: page, files, API, redirects and sign-on behind TLS.

And people of two teams in a real browser: each let in at their own Airflow and refused at the other's, able to do what their
role says, and out once they are out.
"""

from __future__ import annotations

import json
import re
from urllib.parse import urljoin

import yaml
from playwright.sync_api import Page, Response, expect

from tests.e2e.conftest import Fronted
from tests.support.browser import PATIENCE, keep, sign_in
from tests.support.http import ask
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually

DAG = "fleet_hello"
NO_ROLE = re.compile("You have no role at")


def test_health_answers_behind_tls(fronted: Fronted) -> None:
    answer = ask(f"{fronted.url}/api/v2/monitor/health")
    assert answer.status == 200
    # A scheduler that is kept from its heart's beat for 30 s is not, for a moment.
    eventually(lambda: json.loads(ask(f"{fronted.url}/api/v2/monitor/health").text)["scheduler"]["status"] == "healthy")


def test_plain_http_leads_to_tls_and_nowhere_else(fronted: Fronted) -> None:
    answer = ask(f"{fronted.url.replace('https', 'http', 1)}/api/v2/dags?limit=1")
    assert answer.status in (301, 308)
    assert answer.location == f"{fronted.url}/api/v2/dags?limit=1"


def test_strangers_are_led_to_the_sign_in_of_this_very_instance(fronted: Fronted) -> None:
    assert ask(f"{fronted.url}/api/v2/dags").status == 401
    assert ask(f"{fronted.url}/execution/health").status in (401, 403)
    for path in ("", "/", "/dags?x=1"):
        page = ask(f"{fronted.url}{path}", headers={"Accept": "text/html"})
        assert page.status in (301, 302, 307), path
        where = page.location if "://" in page.location else urljoin(fronted.url, page.location)
        assert where.startswith(f"{fronted.url}/auth/login/?next=") or where == f"{fronted.url}/", path


def test_sign_on_begins_with_this_instances_redirect_uri_under_tls(fronted: Fronted) -> None:
    answer = ask(f"{fronted.url}/auth/login/keycloak")
    assert answer.status == 302
    assert answer.location.startswith("https://sso.fleet.localhost/realms/fleet/protocol/openid-connect/auth?")
    assert f"redirect_uri={_quoted(fronted.url)}%2Fauth%2Foauth-authorized%2Fkeycloak&" in f"{answer.location}&"
    cookies = answer.headers.get_all("Set-Cookie") or []
    assert cookies and all("Secure" in cookie and "HttpOnly" in cookie for cookie in cookies)


def _quoted(url: str) -> str:
    return url.replace(":", "%3A").replace("/", "%2F")


def test_a_person_signs_in_and_sees_the_page_with_all_its_files(fronted: Fronted, page: Page) -> None:
    seen: list[Response] = []
    page.on("response", lambda answer: seen.append(answer))
    sign_in(page, f"{fronted.url}/", *fronted.person("alice"))
    expect(page.get_by_text("Active Dags")).to_be_visible()
    assert page.url.startswith(f"{fronted.url}/")
    bad = {(each.status, each.url) for each in seen if each.status >= 400}
    assert bad == set()
    ours = {each.request.resource_type for each in seen if each.url.startswith(f"{fronted.url}/")}
    assert {"document", "script", "stylesheet", "fetch"} <= ours | {"fetch" if "xhr" in ours else ""}
    # Nothing came from another place than this instance and Keycloak.
    assert {each.url.split("/")[2] for each in seen} <= {fronted.url.split("/")[2], "sso.fleet.localhost"}
    keep(page, fronted.name)


def test_a_dag_runs_that_was_triggered_by_a_click(fronted: Fronted, page: Page) -> None:
    """From the browser through the front to the API; its tasks then use the execution API, below the same path."""
    before = len(_states(fronted))
    sign_in(page, f"{fronted.url}/dags/fleet_hello", *fronted.person("alice"))
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    eventually(lambda: len(_states(fronted)) > before and set(_states(fronted)) == {"success"})


def _states(fronted: Fronted) -> list[str]:
    """How the DAG's runs stand."""
    with fronted.sandbox.team(fronted.name) as connection:
        return [state for (state,) in connection.execute("select state from dag_run where dag_id = 'fleet_hello'")]


def test_a_gateway_takes_the_ingresss_place(fronted: Fronted) -> None:
    before = fronted.inventory.read_text()
    data = yaml.safe_load(before)
    data["platform"]["front"] = {"kind": "gateway", "gateway": {"namespace": "fleet-system", "name": "front"}}
    namespace = f"airflow-{fronted.name}"
    try:
        fronted.inventory.write_text(yaml.safe_dump(data, sort_keys=False))
        fronted.apply()
        assert fronted.sandbox.objects("ingresses", namespace) == []
        (route,) = fronted.sandbox.objects("httproutes", namespace)
        conditions = {each["type"]: each["status"] for each in route["status"]["parents"][0]["conditions"]}
        assert conditions["Accepted"] == "True"
        assert ask(f"{fronted.url}/auth/login/keycloak").location.startswith("https://sso.fleet.localhost/")
    finally:
        fronted.inventory.write_text(before)
        fronted.apply()
    assert fronted.sandbox.objects("httproutes", namespace) == []


def test_a_name_of_nobody_is_nowhere(sandbox: Sandbox) -> None:
    assert ask("https://nobody.fleet.localhost/").status == 404


# People.


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
    keycloak.move("fleet", name, f"/{fronted.name}/user", into=False)
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
