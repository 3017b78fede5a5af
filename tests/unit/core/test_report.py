"""What a reader sees."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from fleet.errors import ExitCode, FleetError, FleetErrors
from fleet.report import duration, error_text, output, render

ROWS = [
    {"instance": "marketing", "state": "healthy | so far", "age": None},
    {"instance": "a", "state": "b", "age": "3s"},
]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (61, "1m1s"),
        (3600, "1h"),
        (3660, "1h1m"),
        (86400, "1d"),
        (90000, "1d1h"),
        (-5, "0s"),
    ],
)
def test_duration(seconds: int, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_table() -> None:
    assert render(ROWS, ("instance", "state", "age"), "table").splitlines() == [
        "INSTANCE    STATE              AGE",
        "marketing   healthy | so far   -",
        "a           b                  3s",
    ]


def test_json_is_json() -> None:
    assert json.loads(render(ROWS, ("instance",), "json")) == ROWS


def test_markdown_escapes_its_own_bar() -> None:
    assert render(ROWS, ("instance", "state"), "markdown").splitlines()[2] == "| marketing | healthy \\| so far |"


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(FleetError, match="no output format `yaml`") as refused:
        output("yaml")
    assert refused.value.exit_code is ExitCode.REFUSED


def test_errors_say_where_what_and_what_to_do() -> None:
    first = FleetError("no such size", where="tenants.yaml:14", hint="did you mean `small`?")
    both = FleetErrors([first, FleetError("no owner", where="tenants.yaml:20")])
    assert error_text(both).splitlines() == [
        "error: tenants.yaml:14: no such size",
        "  did you mean `small`?",
        "error: tenants.yaml:20: no owner",
    ]
