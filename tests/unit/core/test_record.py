"""Records survive the way through a ConfigMap; broken ones are refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import FleetError
from fleet.record import Applied, Record, from_config_map, to_config_map

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=8,
)
inputs = st.dictionaries(st.text(), json_values, max_size=4)
records = st.builds(
    Record,
    st.just("marketing"),
    st.dictionaries(st.sampled_from(["terraform", "airflow"]), st.builds(Applied, inputs, st.text())),
    st.lists(st.text(), max_size=3).map(tuple),
    st.none() | inputs,
    st.text(),
    st.dictionaries(st.sampled_from(["airflow", "fab"]), st.text()),
)


@given(records)
def test_there_and_back(record: Record) -> None:
    assert from_config_map(to_config_map(record)) == record


def test_a_record_of_an_older_fleet_reads() -> None:
    manifest = to_config_map(Record("marketing", {"terraform": Applied({}, "")}, ("p 1",)))
    older = json.loads(manifest["data"]["applied.json"])
    del older["administrator"], older["revisions"]
    read = from_config_map({**manifest, "data": {"applied.json": json.dumps(older)}})
    assert read == Record("marketing", {"terraform": Applied({}, "")}, ("p 1",))


@pytest.mark.parametrize(
    "data", [{}, {"applied.json": ""}, {"applied.json": "[]"}, {"applied.json": '{"parts": 1}'}, None]
)
def test_an_edited_record_is_refused(data: object) -> None:
    manifest = {**to_config_map(Record("marketing")), "data": data}
    with pytest.raises(FleetError, match="applied-marketing holds no record"):
        from_config_map(manifest)
