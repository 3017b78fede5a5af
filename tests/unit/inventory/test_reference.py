"""The reference pages are up to date, and the editor's schema is where the inventory says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from fleet.inventory import shape
from fleet.inventory.schema import json_schema

DOCS = Path(__file__).parents[3] / "docs"
PAGES: dict[str, str] = runpy.run_path(str(DOCS / "generate.py"))["pages"]()


@pytest.mark.parametrize("name", ["reference/inventory.md", "reference/tenants.schema.json"])
def test_a_made_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name], "run: python docs/generate.py"


def test_every_key_is_in_the_reference() -> None:
    for definition in [json_schema(), *json_schema()["$defs"].values()]:
        for key in definition["properties"]:
            assert f"`{key}`" in PAGES["reference/inventory.md"]


def test_the_sandboxs_inventory_names_the_schema() -> None:
    first = (DOCS.parent / "tenants.yaml").read_text().splitlines()[0]
    assert (DOCS.parent / first.partition("$schema=")[2]).is_file()


def test_every_pattern_of_the_model_has_words() -> None:
    found: set[str] = set()

    def collect(schema: object) -> None:
        if isinstance(schema, dict):
            found.update([schema["pattern"]] if isinstance(schema.get("pattern"), str) else [])
            found.update(schema.get("patternProperties", {}))
        for below in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
            collect(below)

    collect(json_schema())
    assert found <= set(shape._PATTERNS)
