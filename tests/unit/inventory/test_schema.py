"""The JSON Schema says what the model says."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fleet.inventory import schema, shape
from tests.unit.inventory.strategies import entries, names
from tests.unit.inventory.texts import HEAD

ROOT = Path(__file__).parents[3]
SCHEMA = schema.json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def test_it_is_a_schema_with_a_name() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == schema.SCHEMA_ID
    assert SCHEMA["title"] == "tenants.yaml"


def test_the_sandboxs_inventory_fits() -> None:
    VALIDATOR.validate(yaml.safe_load((ROOT / "tenants.yaml").read_text()))


def test_every_key_is_described() -> None:
    for name, definition in {**SCHEMA["$defs"], "": SCHEMA}.items():
        assert definition.get("description"), name
        for key, found in definition["properties"].items():
            target = SCHEMA["$defs"].get(found.get("$ref", "").removeprefix("#/$defs/"), {})
            assert found.get("description") or target.get("description"), f"{name}.{key}"


def test_no_mapping_of_the_model_is_open() -> None:
    for name, definition in {**SCHEMA["$defs"], "": SCHEMA}.items():
        assert definition["additionalProperties"] is False, name


def test_known_keys_are_those_of_the_place() -> None:
    assert "defaults" in schema.known_keys(())
    assert {"owner", "dags", "instance"} <= set(schema.known_keys(("teams", "any")))
    assert {"repository", "source"} <= set(schema.known_keys(("teams", "any", "dags")))
    assert schema.known_keys(("waves", 0)) == ["name", "percent", "teams"]
    assert schema.known_keys(("teams", "any", "values", "x")) == []


@st.composite
def data(draw: st.DrawFn) -> dict[str, Any]:
    """An inventory's plain data with something put into a place where it may or may not fit."""
    found: dict[str, Any] = yaml.safe_load(HEAD)
    found["teams"] = copy.deepcopy(draw(st.dictionaries(names, entries, max_size=2)))
    found["waves"] = [{"name": "x", "percent": 5}]
    found["sizes"] = {}
    place: Any = found
    while (inside := [key for key in _keys(place) if isinstance(_get(place, key), dict | list)]) and draw(
        st.booleans()
    ):
        place = _get(place, draw(st.sampled_from(inside)))
    spoil = draw(
        st.sampled_from([None, True, 0, 7, 10**6, "", "x", "3.3.2", "A b", "x" * 43, [], ["x"], {}, {"x": "y"}])
    )
    if isinstance(place, dict):
        place[draw(st.sampled_from([*place, "size", "owner", "zzz", "Big"]))] = spoil
    else:
        place.append(spoil)
    return found


def _keys(place: Any) -> list[Any]:
    return list(place) if isinstance(place, dict) else list(range(len(place)))


def _get(place: Any, key: Any) -> Any:
    return place[key]


@given(data())
@settings(max_examples=300)
def test_what_fits_the_schema_fits_the_model(found: dict[str, Any]) -> None:
    checked = shape.check(found)
    if isinstance(checked, list):
        # What JSON Schema cannot say, the model says in words of its own.
        own = all(
            re.search("`bucket` goes|a wave names|must not carry|inside the repository", one.what) for one in checked
        )
        assert own or not VALIDATOR.is_valid(found), [one.what for one in checked]
    else:
        assert list(VALIDATOR.iter_errors(found)) == []


@pytest.mark.parametrize("name", ["Sales", "a_b", "1a", "a-", "", "x" * 43])
def test_a_name_that_load_refuses_does_not_fit(name: str) -> None:
    assert not VALIDATOR.is_valid({**yaml.safe_load(HEAD), "teams": {name: {"owner": "x"}}})
