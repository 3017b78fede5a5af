"""The look at drift as the inventory wants it: values that its chart takes, rights to every kind that is made, or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fleet import inventory
from fleet.desired import Desired, build, naming
from fleet.errors import FleetError
from tests.golden.test_plans import CONTENTS
from tests.support.rendering import render
from tests.unit.core.test_portal_values import GOOGLE, PLATFORM, SCHEMA

GIT = "{source: git, repository: 'ssh://git@git.example.com:2222/f.git', path: prod/tenants.yaml, credentials: g}"


def wanted(folder: Path, drift: str, more: str = "") -> Desired:
    text = f"{PLATFORM}  drift: {drift}{more}\nteams:\n  marketing: {{owner: ada@example.com}}\n"
    (folder / "tenants.yaml").write_text(text)
    return build(inventory.load(folder / "tenants.yaml").inventory, CONTENTS)


def values(desired: Desired) -> dict[str, Any]:
    assert desired.drift is not None
    found: dict[str, Any] = desired.drift["values"]
    return found


def test_it_is_not_there_by_itself_and_then_nothing_speaks_of_it(tmp_path: Path) -> None:
    off = wanted(tmp_path, "{}")
    assert off.drift is None and "drift" not in json.dumps(off.platform)


@pytest.mark.parametrize(
    ("drift", "more"),
    [
        ("{enabled: true}", ""),
        ("{enabled: true, shards: 3, prometheus_rule: true, image: 'registry.example.com/fleet:1'}", ""),
        ("{enabled: true, webhook: {secret: chat, format: slack, port: 8443}}", ""),
        (f"{{enabled: true, inventory: {GIT}}}", ""),
        ("{enabled: true, google_service_account: drift@example-fleet.iam.gserviceaccount.com}", GOOGLE),
    ],
)
def test_the_chart_takes_its_values(tmp_path: Path, drift: str, more: str) -> None:
    found = values(wanted(tmp_path, drift, more))
    SCHEMA.validate(found)
    assert found["portal"] == {"enabled": False} and found["drift"]["image"]


def test_it_is_told_where_everything_is(tmp_path: Path) -> None:
    found = values(wanted(tmp_path, f"{{enabled: true, inventory: {GIT}, webhook: {{secret: chat, port: 8443}}}}"))
    ports = {way["port"] for way in found["network"]["ways"]}
    assert ports == {5432, 8443, 2222} and found["network"]["signOn"]["port"] == 443


def test_it_is_late_after_three_times_the_longest_pause(tmp_path: Path) -> None:
    found = values(wanted(tmp_path, "{enabled: true, schedule: '0 6 * * 1-5'}"))
    assert found["drift"]["rule"]["lateSeconds"] == 3 * 3 * 86400


def test_another_inventory_is_another_look_unless_it_comes_from_git(tmp_path: Path) -> None:
    here, there = wanted(tmp_path, "{enabled: true}"), wanted(tmp_path, f"{{enabled: true, inventory: {GIT}}}")
    assert here.drift and here.drift["inventory"] and there.drift and "inventory" not in there.drift
    other = wanted(tmp_path, "{enabled: true}", more="\n  urls: path")
    assert other.drift and other.drift["inventory"] != here.drift["inventory"]


def test_what_the_job_reads_is_the_same_inventory(tmp_path: Path) -> None:
    first = wanted(tmp_path, "{enabled: true, shards: 2}", GOOGLE)
    (tmp_path / "again.yaml").write_text(first.inventory)
    assert build(inventory.load(tmp_path / "again.yaml").inventory, CONTENTS) == first


def test_the_client_is_asked_of_terraform(tmp_path: Path) -> None:
    assert wanted(tmp_path, "{enabled: true}").platform["variables"]["drift"] == {"client_id": naming.DRIFT}


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        ("{schedule: '@hourly'}", "five fields of numbers"),
        ("{shards: 0}", "1"),
        ("{webhook: {secret: chat, url: 'https://chat.example.com'}}", "url"),
        ("{inventory: {source: git, repository: 'https://me:secret@git.example.com/f.git'}}", "no place for secrets"),
        (
            "{inventory: {source: git, repository: 'https://git.example.com/f.git', path: ../x}}",
            "inside the repository",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, drift: str, said: str) -> None:
    with pytest.raises(FleetError) as caught:
        wanted(tmp_path, drift)
    errors = getattr(caught.value, "errors", [caught.value])
    assert said in " ".join(f"{error} {error.hint}" for error in errors)


def test_it_may_read_every_kind_that_fleet_makes() -> None:
    job = {"portal": {"enabled": False}, "drift": {"enabled": True, "image": "x"}}
    route = {"gateway": {"namespace": "edge", "name": "front"}}
    portal = {"url": "https://a.example.com", "issuer": "https://b.example.com/realms/c"}
    made = [
        *render("airflow"), *render("guardrails", {"network": {"front": {"peers": [], "route": None}}}),
        *render("platform", job), *render("platform", {"portal": portal, "front": {"route": route}}),
        *render("platform", {"portal": portal, "front": {"ingress": {"className": "x"}}}),
    ]  # fmt: skip
    (role,) = [each for each in render("platform", job) if each["kind"] == "ClusterRole"]
    readable = {(group, kind) for rule in role["rules"] for group in rule["apiGroups"] for kind in rule["resources"]}
    for each in made:
        group = each["apiVersion"].rpartition("/")[0]
        assert (group, _plural(each["kind"])) in readable, each["kind"]


def _plural(kind: str) -> str:
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}es" if name.endswith("ss") else f"{name}s"
