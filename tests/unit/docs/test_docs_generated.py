"""What is made from the code is up to date, and the code says enough to make it from."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from fleet.cli.main import app
from fleet.inventory.schema import json_schema

DOCS = Path(__file__).parents[3] / "docs"


def _pages() -> dict[str, str]:
    sys.path.insert(0, str(DOCS))  # where `python docs/generate.py` finds its parts
    try:
        pages: dict[str, str] = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
        return pages
    finally:
        sys.path.remove(str(DOCS))


PAGES = _pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name], "run: python docs/generate.py"


def test_the_reference_is_generated() -> None:
    below = {str(path.relative_to(DOCS)) for path in (DOCS / "reference").iterdir()}
    assert below <= set(PAGES)


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(f"{path} {name}", below)


COMMANDS = dict(_commands("fleet", get_command(app)))


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_and_its_options_are_documented(path: str) -> None:
    """The page itself is made from the help texts: a missing one would leave a gap in it."""
    page = PAGES["reference/commands.md"]
    assert COMMANDS[path].help, f"{path} has no help text"
    assert f"## {path}\n" in page
    for parameter in COMMANDS[path].params:
        assert parameter.help, f"{path}: {parameter.name} has no help text"
        if parameter.param_type_name == "option":
            assert all(f"`{option}" in page for option in parameter.opts)


def test_every_key_has_a_description() -> None:
    definitions = json_schema()["$defs"]
    bare = [
        f"{name}.{key}"
        for name, definition in [("Inventory", json_schema()), *definitions.items()]
        for key, value in definition["properties"].items()
        if not (value.get("description") or definitions.get(value.get("$ref", "").rpartition("/")[2]))
    ]
    assert bare == []
