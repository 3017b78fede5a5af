"""Certificates: takes a folder and names, gives a CA and key pairs in it, never replaces one that is still good."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=825)
_RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Leaf:
    """A certificate to be: subject, groups (``O``), the names and addresses it serves."""

    name: str
    common_name: str
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


class Authority:
    """A certificate authority kept in ``folder`` as ``<name>.crt`` and ``<name>.key``.

    With ``only`` a domain, whoever trusts it trusts it for that domain and the names below it, and for nothing else.
    """

    def __init__(self, folder: Path, name: str, only: str | None = None) -> None:
        self._folder, self._only = folder, only
        self.pair = _pair(folder, name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.pair.certificate.is_file() and self.pair.key.is_file()):
            self._create(name)
        self._certificate = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())
        self._key = _load_key(self.pair.key)

    def issue(self, leaf: Leaf) -> Pair:
        """The leaf's key pair, made anew when it is missing, about to expire, of another CA or for other hosts."""
        pair = _pair(self._folder, leaf.name)
        if not self._is_good(pair, leaf):
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = self._sign(leaf, key.public_key())
            _write_key(pair.key, key)
            _write(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        return pair

    def _is_good(self, pair: Pair, leaf: Leaf) -> bool:
        if not (pair.certificate.is_file() and pair.key.is_file()):
            return False
        found = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        fresh = found.not_valid_after_utc - datetime.now(UTC) > _RENEW_BEFORE
        return fresh and found.subject == _subject(leaf) and _hosts(found) == _names(leaf.hosts) and self._signed(found)

    def _signed(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except Exception:  # every kind of refusal means the same: not ours
            return False
        return True

    def _create(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"fleet-sandbox-{name}")])
        usage = x509.KeyUsage(True, False, True, False, False, True, True, False, False)
        builder = (
            _builder(subject, key.public_key(), subject, _CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if self._only:
            builder = builder.add_extension(x509.NameConstraints([x509.DNSName(self._only)], None), critical=True)
        certificate = builder.sign(key, hashes.SHA256())
        _write_key(self.pair.key, key)
        _write(self.pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def _sign(self, leaf: Leaf, public: ec.EllipticCurvePublicKey) -> x509.Certificate:
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if leaf.hosts else [])]
        builder = (
            _builder(_subject(leaf), public, self._certificate.subject, _LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if leaf.hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(_names(leaf.hosts)), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def signing_key(folder: Path, name: str) -> Pair:
    """An RSA key pair (public part as PEM) with which service account tokens are signed; kept once made."""
    pair = Pair(folder / f"{name}.pub", folder / f"{name}.key")
    if not (pair.certificate.is_file() and pair.key.is_file()):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        _write_key(pair.key, key)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        _write(pair.certificate, public, 0o644)
    return pair


def _pair(folder: Path, name: str) -> Pair:
    return Pair(folder / f"{name}.crt", folder / f"{name}.key")


def _subject(leaf: Leaf) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in leaf.groups]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)])


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    return [_name(host) for host in hosts]


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hosts(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _builder(
    subject: x509.Name, public: ec.EllipticCurvePublicKey, issuer: x509.Name, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + life)
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path}: not an elliptic curve key")
    return key


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_suffix(path.suffix + ".tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
