"""The gate in front of Airflow's API server: which paths answer a stranger, and whose token counts."""

from __future__ import annotations

import base64
import importlib.util
import json
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.paths import asset


def load() -> ModuleType:
    path = asset("images") / "airflow" / "gate" / "fleet_gate" / "rules.py"
    spec = importlib.util.spec_from_file_location("gate_rules", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rules = load()
OPEN = (
    "/api/v2/monitor/health", "/api/v2/auth/login", "/api/v2/auth/logout", "/auth/", "/auth/login/", "/auth/login/keycloak",
    "/auth/oauth-authorized/keycloak", "/auth/logout", "/auth/static/appbuilder/css/x.css",
    "/auth/token", "/auth/token/cli", "/auth/login_callback", "/auth/logout_callback",
)  # fmt: skip
CLOSED = (
    "/", "/dags", "/api/v2/version", "/api/v2/dags", "/openapi.json", "/docs", "/redoc", "/static/index.js", "/ui/config",
    "/ui/auth/menus", "/auth/users/list/", "/auth/tokens", "/auth/openapi.json", "/auth/login/../users", "/health",
    "/api/v2/monitor/health/x", "/execution/task-instances", "/pluginsv2/x",
)  # fmt: skip


@pytest.mark.parametrize("path", OPEN)
def test_health_and_the_way_to_sign_in_are_open(path: str) -> None:
    assert rules.is_open(path)


@pytest.mark.parametrize("path", CLOSED)
def test_everything_else_is_not(path: str) -> None:
    assert not rules.is_open(path)


@pytest.mark.parametrize("name", ["docs", "openapi.json", "redoc", "health", "health/ping", "/docs"])
def test_the_workers_api_lets_its_token_in_only_where_it_checks_it(name: str) -> None:
    assert rules.is_workers("/execution/task-instances/1/run")
    assert not rules.is_workers(f"/execution/{name}")


@given(st.sampled_from([*OPEN, *CLOSED]), st.sampled_from(["/team", "/a/b", "/team/"]))
def test_a_base_path_changes_nothing(path: str, root: str) -> None:
    assert rules.inner_path({"path": root.rstrip("/") + path, "root_path": root}) == path


def test_a_path_that_only_begins_like_the_base_path_is_not_below_it() -> None:
    assert rules.inner_path({"path": "/teams/x", "root_path": "/team"}) == "/teams/x"


@pytest.mark.parametrize("root", ["", "/team"])
def test_who_leaves_is_led_to_the_page_that_ends_the_session(root: str) -> None:
    seen = rules.towards_fab({"path": f"{root}/auth/logout", "root_path": root, "method": "GET"})
    assert seen == {"path": f"{root}/auth/logout/", "root_path": root, "method": "GET"}
    assert rules.is_open(rules.inner_path(seen))
    for path in ("/auth/login", "/auth/logout/", "/api/v2/auth/logout"):
        assert rules.towards_fab({"path": root + path, "root_path": root}) == {"path": root + path, "root_path": root}


def _keycloaks(claims: object) -> str:
    return f"head.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


def test_a_role_counts_at_its_own_client_only() -> None:
    token = _keycloaks(
        {"resource_access": {"airflow-a": {"roles": ["uma_protection", "op"]}, "b": {"roles": ["admin"]}}}
    )
    assert rules.roles_in(token, "airflow-a") == ["op"]
    assert rules.roles_in(token, "airflow-b") == []


@given(st.one_of(st.text(max_size=50), st.recursive(st.none() | st.text(), st.lists).map(_keycloaks)))
def test_what_is_no_token_of_keycloaks_names_no_role(token: str) -> None:
    assert rules.roles_in(token, "airflow-a") == []


def test_an_explicit_token_wins_over_the_cookie() -> None:
    headers = rules.headers_of({"headers": [(b"Cookie", b"a=1; _token=c"), (b"Authorization", b"Bearer t")]})
    assert rules.token_of(headers, "_token") == "t"
    assert rules.token_of({"cookie": headers["cookie"]}, "_token") == "c"
    assert rules.token_of({"authorization": "Basic abc"}, "_token") == ""


@given(st.text(max_size=50))
def test_no_cookie_header_breaks_it(cookie: str) -> None:
    assert isinstance(rules.token_of({"cookie": cookie}, "_token"), str)


def test_browsers_are_sent_to_the_login_and_programs_are_told() -> None:
    assert rules.wants_page("GET", "/dags", {"accept": "text/html,*/*"})
    assert not rules.wants_page("POST", "/dags", {"accept": "text/html"})
    assert not rules.wants_page("GET", "/dags", {"accept": "application/json"})
    assert not rules.wants_page("GET", "/api/v2/dags", {"accept": "text/html"})
