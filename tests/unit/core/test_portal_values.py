"""The portal as the inventory wants it: values that its chart takes, a client for it, a way to every Airflow, or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from fleet import inventory, paths
from fleet.desired import Desired, build
from tests.golden.test_plans import CONTENTS

PLATFORM = """
version: 1
platform:
  domain: airflow.example.com
  kubernetes: {context: production}
  database: {host: postgres.example.com}
  sso: {url: "https://sso.example.com"}
"""
GOOGLE = """
  cloud: gcp
  gcp:
    project: example-fleet
    region: europe-west3
    network: fleet
    log_bucket: example-fleet-logs
    database: {name: fleet-postgres, tier: db-custom-4-16384}
"""
SCHEMA = Draft7Validator(json.loads((paths.asset("charts") / "platform" / "values.schema.json").read_text()))


def wanted(folder: Path, more: str = "") -> Desired:
    (folder / "tenants.yaml").write_text(f"{PLATFORM}{more}\nteams:\n  marketing: {{owner: ada@example.com}}\n")
    return build(inventory.load(folder / "tenants.yaml").inventory, CONTENTS)


def values(desired: Desired) -> dict[str, Any]:
    assert desired.portal is not None
    found: dict[str, Any] = desired.portal["values"]
    return found


@pytest.mark.parametrize(
    "more",
    [
        "",
        "  urls: path",
        "  front: {class: nginx, tls_secret: front-tls, annotations: {example.com/a: b}}",
        "  front: {kind: gateway, gateway: {namespace: edge, name: front}}",
        "  private_ca: true",
        GOOGLE,
    ],
)
def test_the_values_are_what_the_chart_takes(tmp_path: Path, more: str) -> None:
    assert [error.message for error in SCHEMA.iter_errors(values(wanted(tmp_path, more)))] == []


def test_it_lies_at_the_domain_itself_in_both_schemes(tmp_path: Path) -> None:
    for urls in ("host", "path"):
        desired = wanted(tmp_path, f"  urls: {urls}")
        assert values(desired)["portal"]["url"] == "https://airflow.example.com"
        assert values(desired)["portal"]["issuer"] == "https://sso.example.com/realms/fleet"
        client = {"client_id": "fleet-portal", "base_url": "https://airflow.example.com"}
        assert desired.platform["variables"]["portal"] == client


@pytest.mark.parametrize("more", ["  urls: service", "  portal: {enabled: false}"])
def test_there_is_none_where_nobody_reaches_it_or_nobody_wants_it(tmp_path: Path, more: str) -> None:
    desired = wanted(tmp_path, more)
    assert desired.portal is None
    assert desired.platform["variables"]["portal"] is None
    assert "fleet-portal" not in json.dumps(desired.instances["marketing"].parts["guardrails"])


def test_a_gateway_takes_the_ingresss_place(tmp_path: Path) -> None:
    ingress = values(wanted(tmp_path, "  front: {class: nginx}"))["front"]
    assert ingress["ingress"]["className"] == "nginx" and "route" not in ingress
    route = values(wanted(tmp_path, "  front: {kind: gateway, gateway: {namespace: edge, name: front}}"))["front"]
    assert route["route"]["gateway"] == {"namespace": "edge", "name": "front"} and "ingress" not in route


def test_every_airflow_lets_the_portal_ask_and_says_whose_it_is(tmp_path: Path) -> None:
    guardrails = wanted(tmp_path).instances["marketing"].parts["guardrails"]["values"]
    peer = {
        "namespaceLabels": {"kubernetes.io/metadata.name": "fleet-system"},
        "podLabels": {"app.kubernetes.io/name": "fleet-portal"},
    }
    assert peer in guardrails["network"]["front"]["peers"]
    assert guardrails["owner"] == "ada@example.com"


def test_the_private_authority_is_trusted(tmp_path: Path) -> None:
    assert values(wanted(tmp_path))["portal"]["authority"] == ""
    assert values(wanted(tmp_path, "  private_ca: true"))["portal"]["authority"] == "fleet-ca"


@pytest.mark.parametrize(
    ("more", "places"),
    [
        (
            "",
            [{"host": "asleep.airflow.example.com", "path": "/"}, {"host": "resting.airflow.example.com", "path": "/"}],
        ),
        ("  urls: path", [{"host": "airflow.example.com", "path": f"/{name}"} for name in ("asleep", "resting")]),
    ],
)
def test_it_takes_the_addresses_of_suspended_instances(tmp_path: Path, more: str, places: list[dict[str, str]]) -> None:
    teams = "teams: {asleep: {owner: x, suspended: true}, marketing: {owner: x}, resting: {owner: x, suspended: true}}"
    (tmp_path / "tenants.yaml").write_text(f"{PLATFORM}{more}\n{teams}\n")
    desired = build(inventory.load(tmp_path / "tenants.yaml").inventory, CONTENTS)
    assert values(desired)["front"]["suspended"] == places
    assert [error.message for error in SCHEMA.iter_errors(values(desired))] == []
    has_its_own = {name: "ingress" in each.parts["airflow"]["values"] for name, each in desired.instances.items()}
    assert has_its_own == {"asleep": False, "marketing": True, "resting": False}


def test_without_a_portal_a_suspended_instance_keeps_its_route(tmp_path: Path) -> None:
    more = "  portal: {enabled: false}\nteams: {asleep: {owner: x, suspended: true}}"
    (tmp_path / "tenants.yaml").write_text(f"{PLATFORM}{more}\n")
    desired = build(inventory.load(tmp_path / "tenants.yaml").inventory, CONTENTS)
    assert desired.portal is None and "ingress" in desired.instances["asleep"].parts["airflow"]["values"]


def test_a_gateways_route_is_given_up_as_well(tmp_path: Path) -> None:
    more = "  front: {kind: gateway, gateway: {namespace: edge, name: front}}\nteams: {asleep: {owner: x, suspended: true}}"
    (tmp_path / "tenants.yaml").write_text(f"{PLATFORM}{more}\n")
    desired = build(inventory.load(tmp_path / "tenants.yaml").inventory, CONTENTS)
    assert "route" not in desired.instances["asleep"].parts["guardrails"]["values"]["network"]["front"]
    assert values(desired)["front"]["suspended"] == [{"host": "asleep.airflow.example.com", "path": "/"}]
