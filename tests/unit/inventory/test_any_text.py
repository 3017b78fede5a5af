"""Whatever the text: a document or an error of fleet's own, never a traceback."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet.errors import FleetErrors
from fleet.inventory import Document
from tests.unit.inventory.strategies import inventories
from tests.unit.inventory.texts import HEAD, errors_of, load_text

FRAGMENTS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "? ",
    "|",
    ">+2\n",
    "&a ",
    "*a",
    "!!x ",
    "<<: ",
    "#",
    "\t",
    "\n",
    "\r",
    "'",
    '"',
]
FRAGMENTS += [
    "---\n",
    "...\n",
    "%YAML 9\n",
    "\\",
    "\x00",
    "\ud7ff",
    "é",
    "on",
    "0x",
    "1" * 5000,
    "1e999",
    "[" * 99,
    "=",
    "~",
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid inventory with a few places cut, doubled or spoilt."""
    text = draw(inventories())
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        middle = draw(st.sampled_from(["", text[start:end] * 2, *FRAGMENTS]))
        text = text[:start] + middle + text[end:]
    return text


def is_document_or_errors(content: str | bytes) -> None:
    try:
        assert isinstance(load_text(content), Document)
    except FleetErrors as error:
        assert error.errors
        assert all(one.what and one.hint and "\n" not in one.what + one.hint for one in error.errors)


@given(st.text(st.characters(codec="utf-8")))
@settings(max_examples=200)
@example("? {a: b}\n: c")
@example("{" * 65)
@example(": :\n")
@example(HEAD + "teams: {a: {values: {x: " + "9" * 5000 + "}}}\n")
@example(HEAD + "teams: {a: {owner: x, dags: {source: [git]}}}\n")
@example(HEAD + "teams: {a: {owner: x, labels: {source: labels}}}\n")
@example(HEAD.replace("sso.example.com", "["))
def test_any_text(text: str) -> None:
    is_document_or_errors(text)


@given(st.binary())
@settings(max_examples=200)
def test_any_bytes(content: bytes) -> None:
    is_document_or_errors(content)


@given(mutated())
@settings(max_examples=1000)
def test_any_mutation_of_an_inventory(text: str) -> None:
    is_document_or_errors(text)


@given(inventories())
@settings(max_examples=200)
def test_the_unspoilt_ones_are_valid(text: str) -> None:
    assert errors_of(text) == []
