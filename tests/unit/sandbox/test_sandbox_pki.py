"""Certificates: whoever checks them accepts them, they are kept while good and replaced when not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.sandbox import pki
from fleet.sandbox.pki import Authority, Leaf

SERVER = Leaf("server", "kube-apiserver", hosts=("kubernetes.default", "10.244.0.1", "127.0.0.1"))


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_openssl_accepts_a_server_for_its_names_and_no_other(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue(SERVER)
    verify = ("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", authority.pair.certificate)
    assert "OK" in openssl(*verify, "-verify_ip", "10.244.0.1", pair.certificate)
    assert "OK" in openssl(*verify, "-verify_hostname", "kubernetes.default", pair.certificate)
    assert "mismatch" in openssl(*verify, "-verify_ip", "10.244.0.2", pair.certificate)


def test_a_client_certificate_carries_user_and_groups_and_serves_nobody(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue(Leaf("client", "system:node:n1", ("system:nodes",)))
    text = openssl("x509", "-noout", "-subject", "-in", pair.certificate)
    assert "O = system:nodes, CN = system:node:n1" in text
    answer = openssl("verify", "-purpose", "sslserver", "-CAfile", authority.pair.certificate, pair.certificate)
    assert "unsuitable certificate purpose" in answer or "unsupported certificate purpose" in answer


def test_what_is_good_is_kept(tmp_path: Path) -> None:
    first = Authority(tmp_path, "ca").issue(SERVER).certificate.read_bytes()
    assert Authority(tmp_path, "ca").issue(SERVER).certificate.read_bytes() == first


@pytest.mark.parametrize(
    "other",
    [
        Leaf("server", "kube-apiserver", hosts=("kubernetes.default", "127.0.0.1")),
        Leaf("server", "somebody-else", hosts=SERVER.hosts),
        Leaf("server", "kube-apiserver", ("system:masters",), SERVER.hosts),
    ],
    ids=["hosts", "name", "groups"],
)
def test_a_certificate_for_something_else_is_replaced(tmp_path: Path, other: Leaf) -> None:
    authority = Authority(tmp_path, "ca")
    first = authority.issue(SERVER).certificate.read_bytes()
    assert authority.issue(other).certificate.read_bytes() != first


def test_a_certificate_of_a_lost_authority_is_replaced(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    first = authority.issue(SERVER).certificate.read_bytes()
    authority.pair.key.unlink()
    renewed = Authority(tmp_path, "ca")
    assert renewed.issue(SERVER).certificate.read_bytes() != first
    assert "OK" in openssl("verify", "-CAfile", renewed.pair.certificate, renewed.issue(SERVER).certificate)


def test_a_certificate_about_to_expire_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path, "ca")
    monkeypatch.setattr(pki, "_LEAF_LIFE", pki._RENEW_BEFORE / 2)
    first = authority.issue(SERVER).certificate.read_bytes()
    monkeypatch.undo()
    assert authority.issue(SERVER).certificate.read_bytes() != first


def test_private_keys_are_the_owners_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki", "ca")
    authority.issue(SERVER)
    pki.signing_key(tmp_path / "pki", "service-accounts")
    keys = list((tmp_path / "pki").glob("*.key"))
    assert len(keys) == 3
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert not list((tmp_path / "pki").glob("*.tmp"))


def test_the_signing_key_is_kept_and_its_public_part_fits(tmp_path: Path) -> None:
    pair = pki.signing_key(tmp_path, "sa")
    before = pair.key.read_bytes()
    assert pki.signing_key(tmp_path, "sa").key.read_bytes() == before
    assert openssl("rsa", "-in", pair.key, "-pubout").replace("writing RSA key\n", "") == pair.certificate.read_text()


def test_an_authority_for_one_domain_signs_for_no_other(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca", only="fleet.localhost")
    verify = ("verify", "-purpose", "sslserver", "-CAfile", authority.pair.certificate)
    inside = authority.issue(Leaf("inside", "fleet.localhost", hosts=("fleet.localhost", "*.fleet.localhost")))
    outside = authority.issue(Leaf("outside", "x", hosts=("bank.example.com",)))
    assert "OK" in openssl(*verify, "-verify_hostname", "research.fleet.localhost", inside.certificate)
    assert "permitted subtree violation" in openssl(*verify, outside.certificate)
