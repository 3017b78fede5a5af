"""The one front, in both URL schemes and with both kinds of route: page, files, API, redirects and sign-on behind TLS."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import urljoin

import yaml
from playwright.sync_api import Page, Response, expect

from tests.e2e.conftest import Fronted
from tests.support.browser import keep, sign_in
from tests.support.http import ask
from tests.support.sandbox import Sandbox


def test_health_answers_behind_tls(fronted: Fronted) -> None:
    answer = ask(f"{fronted.url}/api/v2/monitor/health")
    assert answer.status == 200
    assert json.loads(answer.text)["scheduler"]["status"] == "healthy"


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
    eventually(lambda: len(_states(fronted)) > before and set(_states(fronted)) == {"success"}, 120)


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
        fronted.fleet("apply", fronted.name, "--yes")
        assert fronted.sandbox.objects("ingresses", namespace) == []
        (route,) = fronted.sandbox.objects("httproutes", namespace)
        conditions = {each["type"]: each["status"] for each in route["status"]["parents"][0]["conditions"]}
        assert conditions["Accepted"] == "True"
        # A controller says that it took the route before it follows it.
        eventually(lambda: ask(f"{fronted.url}/api/v2/monitor/health").status == 200, 15)
        assert ask(f"{fronted.url}/auth/login/keycloak").location.startswith("https://sso.fleet.localhost/")
    finally:
        fronted.inventory.write_text(before)
        fronted.fleet("apply", fronted.name, "--yes")
    assert fronted.sandbox.objects("httproutes", namespace) == []


def eventually(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.5)


def test_a_name_of_nobody_is_nowhere(sandbox: Sandbox) -> None:
    assert ask("https://nobody.fleet.localhost/").status == 404
