from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from funkhaus_webhook.certificates import (
    Identity,
    Lives,
    bundle,
    new_identity,
    read,
    renewed,
    written,
)

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOSTS = ["127.0.0.1", "funkhaus-webhook.funkhaus-system.svc"]
LIVES = Lives(authority=timedelta(days=300), serving=timedelta(days=30))


@pytest.fixture(scope="module")
def identity() -> Identity:
    return new_identity(HOSTS, NOW, LIVES)


def days(count: float) -> datetime:
    return NOW + timedelta(days=count)


def certificates(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem)


def test_the_certificate_is_for_its_hosts_and_by_its_authority(identity: Identity) -> None:
    (authority,), (serving,) = (
        certificates(identity.authority),
        certificates(identity.certificate),
    )
    serving.verify_directly_issued_by(authority)
    found = serving.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(item) for item in found.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert found.get_values_for_type(x509.DNSName) == ["funkhaus-webhook.funkhaus-system.svc"]
    limits = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (limits.ca, limits.path_length) == (True, 0)
    assert not serving.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_openssl_takes_both(identity: Identity, tmp_path: Path) -> None:
    chain, key = tmp_path / "c", tmp_path / "k"
    chain.write_bytes(identity.certificate)
    key.write_bytes(identity.key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key)
    context = ssl.create_default_context(cadata=identity.authority.decode())
    assert len(context.get_ca_certs()) >= 1


def test_each_is_due_after_two_thirds_of_its_life(identity: Identity) -> None:
    assert not identity.serving_due(days(19.9), HOSTS)
    assert identity.serving_due(days(20.1), HOSTS)
    assert not identity.authority_due(days(199))
    assert identity.authority_due(days(201))


def test_other_hosts_make_it_due(identity: Identity) -> None:
    assert identity.serving_due(NOW, ["127.0.0.1"])
    assert identity.serving_due(NOW, ["127.0.0.2", HOSTS[1]])


def test_renewal_keeps_the_authority(identity: Identity) -> None:
    later = renewed(identity, HOSTS, days(20), LIVES)
    assert later.authority == identity.authority
    assert later.key != identity.key
    assert later.expires == days(50)


def test_what_is_written_is_read(identity: Identity) -> None:
    assert read(written(identity)) == identity


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "tls.crt", "tls.key"])
def test_what_does_not_fit_together_is_nothing(identity: Identity, name: str) -> None:
    files, other = written(identity), written(new_identity(HOSTS, NOW, LIVES))
    assert read(files | {name: other[name]}) is None
    assert read(files | {name: b"nonsense"}) is None
    assert read({key: pem for key, pem in files.items() if key != name}) is None


def test_a_bundle_keeps_what_lives_and_adds_what_is_new(identity: Identity) -> None:
    other = new_identity(HOSTS, days(100), LIVES)
    both = bundle(identity.authority, other.authority, days(100))
    assert both == identity.authority + other.authority
    assert bundle(both, other.authority, days(100)) == both
    assert bundle(both, identity.authority, days(100)) == both
    # What has ended goes with the next that comes, and not before: clocks differ.
    assert bundle(both, other.authority, days(301)) == both
    third = new_identity(HOSTS, days(301), LIVES)
    assert bundle(both, third.authority, days(301)) == other.authority + third.authority
    assert bundle(b"", identity.authority, NOW) == identity.authority
    assert bundle(b"nonsense", identity.authority, NOW) == identity.authority
    assert bundle(b"\n", identity.authority, NOW) == identity.authority
