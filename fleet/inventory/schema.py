"""The JSON Schema: takes nothing, gives one schema made from the model, never reads a file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from fleet.inventory.document import Keys

SCHEMA_ID = "urn:airflow-fleet:tenants:1"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a `tenants.yaml`, for editors (`# yaml-language-server: $schema=…`) and for checks.

    It has the form; what names mean (does the size exist?) only `load` can say.
    """
    from fleet.model import Inventory

    schema = Inventory.model_json_schema()
    _close(schema)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "tenants.yaml",
        "description": "Inventory of an Airflow fleet: which teams there are, and what each gets.",
    }
    return head | {key: value for key, value in schema.items() if key not in head}


def _close(schema: Any) -> None:
    """Refuse names that break the pattern: pydantic's schema says what fits the pattern, and leaves the rest open."""
    for below in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _close(below)
    if isinstance(schema, dict) and "patternProperties" in schema:
        schema["additionalProperties"] = False


def known_keys(keys: Keys) -> list[str]:
    """The keys that the mapping at this key path may have; empty where any key may stand."""
    return sorted({name for found in _at(keys) for name in found.get("properties", {})})


def sources(keys: Keys) -> list[str]:
    """The kinds among which `source` chooses at this key path."""
    found = [
        schema["properties"]["source"]["const"] for schema in _at(keys) if "source" in schema.get("properties", {})
    ]
    return sorted(found)


def _at(keys: Keys) -> list[dict[str, Any]]:
    """The schemas that hold at a key path: several where there is a choice."""
    found = list(_choices(_schema()))
    for key in keys:
        found = [choice for schema in found for below in _below(schema, key) for choice in _choices(below)]
    return found


def _below(schema: dict[str, Any], key: str | int) -> Iterator[dict[str, Any]]:
    if isinstance(key, int):
        candidates = [schema.get("items")]
    elif key in schema.get("properties", {}):
        candidates = [schema["properties"][key]]
    else:
        candidates = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    return (candidate for candidate in candidates if isinstance(candidate, dict))


def _choices(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in schema:
        yield from _choices(_schema()["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    for choice in schema.get("anyOf", []) + schema.get("oneOf", []):
        yield from _choices(choice)
    yield schema


@cache
def _schema() -> dict[str, Any]:
    return json_schema()
