"""Which instances an upgrade takes, and what it writes into their entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.errors import FleetError, FleetErrors
from fleet.inventory.document import Document
from fleet.inventory.loading import parse
from fleet.upgrade.targets import Aim, Chosen, as_it_was, choose, edits

TEXT = """
version: 1
platform:
  domain: example.com
  kubernetes: {context: c}
  database: {host: db.example.com}
  sso: {url: https://sso.example.com}
defaults: {airflow: 3.2.2, image: registry.example.com/airflow}
waves:
  - {name: canary, teams: [a]}
  - {name: half, percent: 50}
teams:
  a: {owner: x, labels: {tier: gold}}
  b: {owner: x, labels: {tier: gold, kind: etl}, airflow: 3.3.2}
  c: {owner: x, image: "registry.example.com/own:7"}
  d: {owner: x, chart: {source: official, version: 1.22.0, repository: https://charts.example.com}}
instances:
  shared: {owner: x}
"""


@pytest.fixture
def document() -> Document:
    return parse(TEXT.encode(), Path("tenants.yaml"))


def chosen(document: Document, **which: tuple[str, ...]) -> dict[str, set[str]]:
    return {group.name: set(group.instances) for group in choose(document.inventory, Chosen(**which))}


def test_all_are_chosen_once_in_the_order_of_the_waves(document: Document) -> None:
    found = chosen(document)
    assert list(found) == ["canary", "half", "rest"] and found["canary"] == {"a"}
    assert sorted(name for names in found.values() for name in names) == ["a", "b", "c", "d", "shared"]
    assert len(found["half"]) == len(found["rest"]) == 2


def test_every_kind_of_choice_narrows(document: Document) -> None:
    assert set().union(*chosen(document, labels=("tier=gold",)).values()) == {"a", "b"}
    assert set().union(*chosen(document, labels=("tier=gold", "kind=etl")).values()) == {"b"}
    assert chosen(document, labels=("tier=gold",), teams=("a", "c")) == {"canary": {"a"}}
    assert chosen(document, waves=("canary",)) == {"canary": {"a"}}
    assert chosen(document, waves=("canary",), teams=("b",)) == {}
    # A share is of the inventory, not of what is chosen.
    whole, half = chosen(document)["half"], chosen(document, waves=("half",))
    assert half == {"half": whole}


@pytest.mark.parametrize(("which", "said"), [
    ({"waves": ("canry",)}, "there is no wave `canry`"), ({"labels": ("gold",)}, "`gold` is no label"),
])  # fmt: skip
def test_a_choice_of_nothing_is_refused(document: Document, which: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(FleetError, match=said):
        choose(document.inventory, Chosen(**which))


def test_an_entry_gets_what_it_does_not_say_already(document: Document) -> None:
    assert edits(document, ["a", "b", "shared"], Aim(airflow="3.3.2")) == {
        "a": {("teams", "a", "airflow"): "3.3.2"}, "b": {}, "shared": {("instances", "shared", "airflow"): "3.3.2"},
    }  # fmt: skip
    both = edits(document, ["c"], Aim(airflow="3.3.2", image="registry.example.com/own:8"))
    assert both["c"] == {
        ("teams", "c", "airflow"): "3.3.2", ("teams", "c", "image"): "registry.example.com/own:8",
    }  # fmt: skip
    assert edits(document, ["a"], Aim(image="registry.example.com/airflow")) == {"a": {}}
    assert edits(document, ["d"], Aim(chart="1.23.0")) == {"d": {("teams", "d", "chart", "version"): "1.23.0"}}


def test_what_cannot_be_is_refused_for_all_at_once(document: Document) -> None:
    with pytest.raises(FleetErrors) as refused:
        edits(document, ["c", "a"], Aim(airflow="3.3.2", chart="1.23.0"))
    said = [str(error) for error in refused.value.errors]
    assert len(said) == 2 and "tenants.yaml:15: its image registry.example.com/own:7 has a tag of its own" in said[0]
    assert "tenants.yaml:13: its entry has no official chart" in said[1]


def test_the_way_back_is_written_as_it_was(document: Document) -> None:
    assert as_it_was(document, "b", "3.2.2", "registry.example.com/airflow:3.2.2") == {
        ("teams", "b", "airflow"): "3.2.2"
    }
    assert as_it_was(document, "a", "3.2.2", "registry.example.com/airflow:3.2.2") == {}
    assert as_it_was(document, "c", "3.2.2", "registry.example.com/own:6") == {
        ("teams", "c", "image"): "registry.example.com/own:6"
    }
