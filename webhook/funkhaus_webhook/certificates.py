"""The webhook's own certificate authority and serving certificate: made, written and read. No IO.

kube-apiserver trusts the authority by the ``caBundle`` of the webhook configurations and nobody else does, so that a
public authority would add nothing. Keys are P-256.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AUTHORITY_LIFE = timedelta(days=365)
SERVING_LIFE = timedelta(days=30)
SKEW = timedelta(minutes=5)
"""How far clocks may differ: certificates begin so much before they were made."""


@dataclass(frozen=True, slots=True)
class Lives:
    """How long an authority and a serving certificate last; each is renewed after two thirds of it."""

    authority: timedelta = AUTHORITY_LIFE
    serving: timedelta = SERVING_LIFE


@dataclass(frozen=True, slots=True)
class Identity:
    """What the webhook serves with: authority and serving certificate with their keys, PEM."""

    authority: bytes
    authority_key: bytes
    certificate: bytes
    key: bytes

    @property
    def expires(self) -> datetime:
        """When the serving certificate ends."""
        return _load(self.certificate).not_valid_after_utc

    @property
    def begins(self) -> datetime:
        """When both certificates are good by."""
        certificates = (_load(self.authority), _load(self.certificate))
        return max(one.not_valid_before_utc for one in certificates)

    @property
    def authority_made(self) -> datetime:
        """When the authority was made, by the clock of whoever made it."""
        return _load(self.authority).not_valid_before_utc + SKEW

    def is_good(self, now: datetime, hosts: Sequence[str]) -> bool:
        """Whether one may serve with it, for these hosts."""
        certificate = _load(self.certificate)
        return self.begins <= now < self.expires and _names(hosts) == _hosts(certificate)

    def authority_due(self, now: datetime) -> bool:
        """Whether the authority has lived two thirds of its life."""
        return _due(_load(self.authority), now)

    def serving_due(self, now: datetime, hosts: Sequence[str]) -> bool:
        """Whether the serving certificate has lived two thirds of its life, or is for other hosts."""
        certificate = _load(self.certificate)
        return _due(certificate, now) or _names(hosts) != _hosts(certificate)


def new_identity(hosts: Sequence[str], now: datetime, lives: Lives) -> Identity:
    """A new authority and a certificate by it for `hosts` (DNS names and addresses)."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"funkhaus-webhook-ca {serial % 16**8:08x}")]
    )
    authority = (
        _builder(name, name, key.public_key(), now, lives.authority)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _issued(authority, key, hosts, now, lives)


def renewed(identity: Identity, hosts: Sequence[str], now: datetime, lives: Lives) -> Identity:
    """A new serving certificate by the same authority."""
    return _issued(_load(identity.authority), _load_key(identity.authority_key), hosts, now, lives)


def read(files: dict[str, bytes]) -> Identity | None:
    """The identity in the data of a Secret (``ca.crt``, ``ca.key``, ``tls.crt``, ``tls.key``).

    ``None`` when a part is missing or unreadable, or the parts don't belong together.
    """
    try:
        identity = Identity(
            authority=files["ca.crt"],
            authority_key=files["ca.key"],
            certificate=files["tls.crt"],
            key=files["tls.key"],
        )
        authority, certificate = _load(identity.authority), _load(identity.certificate)
        certificate.verify_directly_issued_by(authority)
        pairs = ((authority, identity.authority_key), (certificate, identity.key))
        fits = all(_load_key(pem).public_key() == one.public_key() for one, pem in pairs)
    except Exception:  # noqa: BLE001 - whatever is wrong with stored bytes, new ones are made
        return None
    return identity if fits else None


def written(identity: Identity) -> dict[str, bytes]:
    """The data of the Secret."""
    return {
        "ca.crt": identity.authority,
        "ca.key": identity.authority_key,
        "tls.crt": identity.certificate,
        "tls.key": identity.key,
    }


def bundle(present: bytes, wanted: bytes, now: datetime) -> bytes:
    """The authorities `present` with `wanted` among them: old and new overlap while one replaces the other.

    Where `wanted` is new, what has expired goes. Only then: a replica whose clock is ahead would take away again and again
    what the others put back. What can't be read is dropped; nothing could be verified by it.
    """
    try:
        listed = x509.load_pem_x509_certificates(present) if present.strip() else []
    except ValueError:
        listed = []
    if (wished := _load(wanted)) not in listed:
        listed = [*(one for one in listed if one.not_valid_after_utc > now), wished]
    return b"".join(one.public_bytes(Encoding.PEM) for one in listed)


def _issued(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    hosts: Sequence[str],
    now: datetime,
    lives: Lives,
) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "funkhaus-webhook")])
    certificate = (
        _builder(name, authority.subject, key.public_key(), now, lives.serving)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return Identity(
        authority=authority.public_bytes(Encoding.PEM),
        authority_key=_pem(authority_key),
        certificate=certificate.public_bytes(Encoding.PEM),
        key=_pem(key),
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    return [_name(host) for host in hosts]


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hosts(certificate: x509.Certificate) -> list[x509.GeneralName]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return list(found.value)


def _due(certificate: x509.Certificate, now: datetime) -> bool:
    begin, end = certificate.not_valid_before_utc + SKEW, certificate.not_valid_after_utc
    return now >= begin + (end - begin) * 2 / 3


def _load(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    return cast("ec.EllipticCurvePrivateKey", load_pem_private_key(pem, password=None))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
