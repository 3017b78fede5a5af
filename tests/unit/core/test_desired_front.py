"""The way in: what the inventory's front makes of each instance's values, in both URL schemes and with both kinds of route."""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fleet import inventory
from fleet.desired import Contents, DesiredInstance, build
from fleet.drivers import trust
from fleet.errors import FleetErrors
from fleet.sandbox.pki import Authority
from tests.support.sandbox import FLEET

GATEWAY = "front: {kind: gateway, gateway: {namespace: fleet-system, name: front}}"


def _inventory(tmp_path: Path, *platform: str) -> Path:
    path = tmp_path / "tenants.yaml"
    lines = ["domain: airflow.example.com", "kubernetes: {context: none}", "database: {host: 10.1.2.3}"]
    lines += ["sso: {url: 'https://sso.example.com'}", *platform]
    path.write_text(
        "version: 1\nplatform:\n" + "".join(f"  {line}\n" for line in lines) + "teams: {research: {owner: x}}\n"
    )
    return path


def _research(tmp_path: Path, *platform: str) -> DesiredInstance:
    document = inventory.load(_inventory(tmp_path, *platform))
    return build(document.inventory, Contents("p", "t", "g", "a", "c")).instances["research"]


def _values(instance: DesiredInstance, part: str = "airflow") -> dict[str, Any]:
    return dict(instance.parts[part]["values"])  # type: ignore[index]


@pytest.mark.parametrize(
    ("urls", "host", "path"),
    [("host", "research.airflow.example.com", "/"), ("path", "airflow.example.com", "/research")],
)
def test_an_ingress_leads_to_each_instance(tmp_path: Path, urls: str, host: str, path: str) -> None:
    found = _values(_research(tmp_path, f"urls: {urls}"))["ingress"]["apiServer"]
    assert found == {"enabled": True, "hosts": [{"name": host}], "path": path, "pathType": "Prefix", "annotations": {}}


def test_class_certificate_and_annotations_are_the_inventorys(tmp_path: Path) -> None:
    front = "front: {class: nginx, tls_secret: airflow-tls, annotations: {cert-manager.io/cluster-issuer: le}}"
    found = _values(_research(tmp_path, front))["ingress"]["apiServer"]
    assert found["ingressClassName"] == "nginx"
    assert found["hosts"][0]["tls"] == {"enabled": True, "secretName": "airflow-tls"}
    assert found["annotations"] == {"cert-manager.io/cluster-issuer": "le"}


def test_a_gateway_gets_a_route_from_the_guardrails_and_no_ingress(tmp_path: Path) -> None:
    instance = _research(tmp_path, "urls: path", GATEWAY)
    assert "ingress" not in _values(instance)
    route = _values(instance, "guardrails")["network"]["front"]["route"]
    assert (route["host"], route["path"], route["gateway"]["name"]) == ("airflow.example.com", "/research", "front")


def test_without_a_front_nothing_leads_in(tmp_path: Path) -> None:
    instance = _research(tmp_path, "urls: service", GATEWAY)
    assert "ingress" not in _values(instance)
    assert "route" not in _values(instance, "guardrails")["network"]["front"]


@pytest.mark.parametrize(
    "front",
    [
        "{kind: gateway}",
        "{gateway: {namespace: a, name: b}}",
        "{kind: gateway, gateway: {namespace: a, name: b}, class: c}",
    ],
)
def test_keys_that_contradict_each_other_are_refused(tmp_path: Path, front: str) -> None:
    with pytest.raises(FleetErrors) as refused:
        _research(tmp_path, f"front: {front}")
    assert "go" in refused.value.errors[0].what and "`kind: " in refused.value.errors[0].what


def test_only_the_api_server_trusts_a_private_authority(tmp_path: Path) -> None:
    public, private = _research(tmp_path), _research(tmp_path, "private_ca: true")
    own = _values(private)["apiServer"]
    assert {entry["name"] for entry in own["env"]} >= {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}
    assert own["extraVolumes"][0]["configMap"] == {"name": "fleet-ca"}
    assert "fleet-ca" not in str({key: value for key, value in _values(private).items() if key != "apiServer"})
    assert "fleet-ca" not in str(_values(public)) and "private_ca" not in public.parts["secrets"]
    # The pods' annotation carries it: they start again when it comes or goes.
    assert _values(private)["airflowPodAnnotations"] != _values(public)["airflowPodAnnotations"]


def test_a_bundle_holds_the_public_authorities_and_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    authority = Authority(tmp_path, "ca").pair.certificate.read_text()
    file = trust.file(authority)
    assert trust.file(authority) == file
    for text in (file.read_text(), trust.bundle(authority)):
        assert text.count("BEGIN CERTIFICATE") > 50 and authority.strip() in text
        ssl.create_default_context(cadata=text)
    names = [dict(part[0] for part in each["issuer"]) for each in trust.context(authority).get_ca_certs()]
    assert {"commonName": "fleet-sandbox-ca"} in names


def _open(path: Path, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    environment = {**os.environ, "BROWSER": str(browser), "FLEET_INVENTORY": str(path)}
    return subprocess.run([FLEET, "open", *words], env=environment, capture_output=True, text=True)


def test_open_opens_the_page_and_prints_it(tmp_path: Path) -> None:
    done = _open(_inventory(tmp_path, "urls: path"), tmp_path, "research")
    assert done.stdout == "https://airflow.example.com/research/\n"
    assert (tmp_path / "opened").read_text() == done.stdout


def test_open_refuses_what_no_browser_reaches(tmp_path: Path) -> None:
    unknown = _open(_inventory(tmp_path), tmp_path, "reserch")
    assert unknown.returncode == 2 and "did you mean `research`?" in unknown.stderr
    closed = _open(_inventory(tmp_path, "urls: service"), tmp_path, "research")
    assert closed.returncode == 2 and "port-forward" in closed.stderr
    assert not (tmp_path / "opened").exists()
