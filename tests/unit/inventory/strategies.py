"""Hypothesis strategies: names, entries and whole inventories in many layouts."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from hypothesis import strategies as st

from fleet.inventory.names import reserved
from fleet.model import NAME_MAX, NAME_PATTERN
from tests.unit.inventory.texts import HEAD

names = st.from_regex(NAME_PATTERN.replace("*", f"{{0,{NAME_MAX - 2}}}"), fullmatch=True).filter(
    lambda n: not reserved(n)
)

# Texts that YAML's readers take for something else, or that break a careless writer.
_SPITEFUL = [
    "on",
    "y",
    "~",
    "010",
    "1e3",
    "3.3",
    "2026-11-22",
    "- x",
    "a: b",
    "#x",
    "'",
    '"',
    "",
    " x ",
    "a\nb\n",
    "a\n\n b",
    "%",
]
_SPITEFUL += [
    "{x}",
    "@x",
    "\\",
    "\t",
    "é😀",
    "\u2028",
    "\x85",
    "\ufeff",
    "x" * 200,
    "\n",
    "a\r\nb",
    "|",
    "...",
    "---",
    "a\n---\nb",
]
texts = st.sampled_from(_SPITEFUL) | st.text(st.characters(codec="utf-8"), max_size=20)
_keys = st.sampled_from([*_SPITEFUL, "scheduler", "replicas"]) | st.text(st.characters(codec="utf-8"), max_size=5)
_numbers = st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
_scalars = st.none() | st.booleans() | _numbers | texts
values = st.dictionaries(
    _keys,
    st.recursive(
        _scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(_keys, below, max_size=3), max_leaves=6
    ),
)
# A group with an instance's name would be refused.
_groups = texts.filter(lambda group: bool(group) and not re.match(NAME_PATTERN, group))
entries: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"owner": texts.filter(bool)},
    optional={
        "size": st.sampled_from(["small", "medium", "large"]),
        "airflow": st.sampled_from(["3.3.2", "3.2.2"]),
        "dags": st.just({"source": "git", "repository": "https://git.example.com/x.git"}),
        "access": st.fixed_dictionaries(
            {"groups": st.dictionaries(st.sampled_from(["admin", "op"]), st.lists(_groups))},
            optional={
                "dags": st.just({"payroll": {"prefix": "payroll_", "users": ["dave"]}, "tax": {"tag": "tax: all"}})
            },
        ),
        "quota": st.fixed_dictionaries({}, optional={"pods": st.integers(5, 100), "cpu": st.just("500m")}),
        "values": values,
        "suspended": st.booleans(),
    },
)

_comments = st.sampled_from(["# a comment", "#", "# a: {b: [c", "   # indented", "#\ta tab", ""])
_after = st.sampled_from(["", "", "  # at the end of a line", " #"])


@st.composite
def inventories(draw: st.DrawFn, least: int = 0) -> str:
    """A valid inventory: block or flow, any indentation, comments and blank lines between entries, any line end."""
    teams = {
        name: {"owner": "x", **draw(entries)} for name in draw(st.lists(names, min_size=least, max_size=3, unique=True))
    }
    parts = [HEAD, draw(_between(0)), _teams(draw, teams), draw(_between(0))]
    parts.append(draw(st.sampled_from(["", "waves: []\n", "sizes: {}\n", "defaults: {size: medium}  # x\n"])))
    text = "".join(parts)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def _teams(draw: st.DrawFn, teams: dict[str, Any]) -> str:
    if not teams:
        return draw(
            st.sampled_from(
                ["", "teams: {}\n", "teams:   { }  # none\n", "teams:\n  {}\n", "teams: {\n  # none\n  }\n"]
            )
        )
    if draw(st.sampled_from([True, False, False, False])):
        return f"teams: {_dump(teams, flow=True)[0]}{draw(_after)}\n"
    step, column = draw(st.integers(2, 4)), draw(st.integers(1, 4))
    lines = [f"teams:{draw(_after)}\n"]
    for name, entry in teams.items():
        block = [" " * column + line + "\n" for line in _dump({name: entry}, step=step)]
        lines += [draw(_between(column)), *block, draw(_between(column + step))]
    return "".join(lines)


def _dump(data: dict[str, Any], *, step: int = 2, flow: bool = False) -> list[str]:
    """Lines of YAML with all text in double quotes, as no careful writer of fleet's own would do it."""
    data = json.loads(json.dumps(data))  # no object twice: PyYAML would write an alias
    dumped = yaml.safe_dump(data, indent=step, default_style='"', default_flow_style=flow, sort_keys=False, width=10**9)
    return re.sub(r'!!(int|float|bool|null) "([^"]*)"', r"\2", dumped).splitlines()


def _between(column: int) -> st.SearchStrategy[str]:
    lines = st.lists(_comments.map(lambda comment: " " * column + comment if comment else ""), max_size=3)
    return lines.map(lambda some: "".join(f"{line}\n" for line in some))
