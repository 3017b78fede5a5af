"""What the probes make of answers: only a refusal is one, and only where the same thing works at home."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.verify.probe import airflow
from fleet.verify.probe.common import Answer, by_status, token

Answers = Callable[[str, dict[str, str]], tuple[int, dict[str, str], str]]


@given(st.integers(100, 599), st.text(max_size=5))
def test_only_401_and_403_refuse(status: int, text: str) -> None:
    verdict, _ = by_status(Answer(status, {}, text))
    assert (verdict == "refused") == (status in (401, 403))
    assert (verdict == "unknown") == (status == 429 or status >= 500)


@contextmanager
def served(answers: Answers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, text = answers(self.path, {key.lower(): value for key, value in self.headers.items()})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        do_OPTIONS = do_GET

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def place(name: str, url: str) -> dict[str, Any]:
    return {"name": name, "airflow": url, "issuer": f"https://{name}.example.com", "audience": f"airflow-{name}"}


def context(home: str, enforced: bool = False) -> dict[str, Any]:
    return {"team": place("a", home), "enforced": enforced}


def closed(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    return 401, {}, '{"detail": "Not authenticated"}'


def knows_the_key(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    return (404, {}, "") if path.startswith("/execution/") else (401, {}, "")


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "k" * 64)
    monkeypatch.setattr(airflow.database, "rows", lambda *_: [])


TOKENS = [airflow._user, airflow._forged, airflow._unsigned, airflow._cookie, airflow._worker]


@pytest.mark.parametrize("probe", TOKENS)
def test_a_refused_token_counts_where_home_takes_it(probe: Any) -> None:
    with served(knows_the_key) as home, served(closed) as other:
        verdict, how = probe(context(home), place("b", other))
    assert verdict == "refused" and "401" in how


@pytest.mark.parametrize("probe", TOKENS)
def test_a_token_that_home_refuses_as_well_proves_nothing(probe: Any) -> None:
    with served(closed) as home, served(closed) as other:
        assert probe(context(home), place("b", other))[0] == "unknown"


@pytest.mark.parametrize("probe", TOKENS)
def test_a_token_that_is_taken_is_a_hole(probe: Any) -> None:
    def open_to_all(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        return 200, {}, "{}"

    with served(knows_the_key) as home, served(open_to_all) as other:
        assert probe(context(home), place("b", other))[0] == "hole"


def test_a_worker_that_is_let_in_and_then_has_no_right_is_a_hole() -> None:
    def no_right(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        return 403, {}, '{"detail": "no access to the variable"}'

    with served(knows_the_key) as home, served(no_right) as other:
        assert airflow._worker(context(home), place("b", other))[0] == "hole"


def test_no_connection_refuses_only_where_the_network_is_known_to() -> None:
    nobody = place("b", "http://127.0.0.1:1")
    assert airflow._page(context(""), nobody)[0] == "unknown"
    assert airflow._page(context("", enforced=True), nobody)[0] == "refused"


def test_a_page_that_sends_to_the_sign_in_refuses() -> None:
    def sends(where: str) -> Answers:
        return lambda path, headers: (302, {"Location": where}, "")

    with served(sends("/auth/login/?next=x")) as other:
        assert airflow._page(context(""), place("b", other))[0] == "refused"
    with served(sends("/home")) as other:
        assert airflow._page(context(""), place("b", other))[0] == "hole"


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, "refused"),
        ({"Access-Control-Allow-Origin": "https://elsewhere.example.com"}, "refused"),
        ({"Access-Control-Allow-Origin": "https://a.example.com"}, "hole"),
        ({"Access-Control-Allow-Origin": "*"}, "hole"),
        ({"Set-Cookie": "session=x; Domain=example.com; Path=/"}, "hole"),
        ({"Set-Cookie": "session=x; Path=/"}, "refused"),
    ],
)
def test_a_script_of_another_page(headers: dict[str, str], verdict: str) -> None:
    with served(lambda path, _: (200, headers, "")) as other:
        assert airflow._script(context(""), place("b", other))[0] == verdict


def test_two_teams_on_one_host_are_one_origin() -> None:
    here, there = ({**place(name, ""), "issuer": f"https://example.com/{name}"} for name in "ab")
    assert airflow._script({"team": here, "enforced": False}, there)[0] == "hole"


def test_a_token_has_three_parts_and_an_unsigned_one_no_signature() -> None:
    assert [bool(part) for part in token("k", {"sub": "1"}).split(".")] == [True, True, True]
    assert [bool(part) for part in token("", {"sub": "1"}, "none").split(".")] == [True, True, False]
