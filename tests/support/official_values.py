"""Takes values for the official Airflow chart (1.22.0), gives what its schema has against them, never reads our chart.

The schema is a copy of the official chart's ``values.schema.json`` without its texts and defaults.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

_SCHEMA = Path(__file__).parents[1] / "data" / "airflow-chart-1.22.0.values.schema.json"


@cache
def schema() -> dict[str, Any]:
    """The official schema, as open as it is."""
    loaded: dict[str, Any] = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    return loaded


def violations(values: dict[str, Any]) -> list[str]:
    """What the official schema has against ``values``: lines of ``path: message``, empty when they fit.

    Stricter than the official chart: where the schema lists an object's keys, any other key is a violation, also where
    the official schema leaves the object open (its top level above all, where a misspelt key passes silently).
    """
    found = sorted(_strict().iter_errors(values), key=lambda error: list(map(str, error.absolute_path)))
    return [f"{error.json_path.removeprefix('$').removeprefix('.') or '(top)'}: {error.message}" for error in found]


@cache
def _strict() -> Draft7Validator:
    return Draft7Validator(_closed(schema()))


def _closed(node: Any) -> Any:
    """The same schema with every object closed whose keys it lists."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    # `properties` can also be the name of a property: only a schema's own is a mapping of schemas.
    lists_keys = isinstance(node.get("properties"), dict) and "type" in node
    if lists_keys and closed.get("additionalProperties", True) is True:
        closed["additionalProperties"] = False
    return closed
