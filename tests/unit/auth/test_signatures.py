"""Keys of the audit log's checkpoints."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from funkhaus.auth import Ed25519Signer
from funkhaus.domain.audit import key_id
from funkhaus.domain.errors import InvalidError
from tests.support.audit import a_key, public


def test_what_it_signs_it_vouches_for() -> None:
    signer = Ed25519Signer(a_key())
    (key,) = signer.public_keys()
    signature = signer.sign(b"stood here")
    assert signer.check(key.raw, signature, b"stood here")
    assert not signer.check(key.raw, signature, b"stood there")
    assert not signer.check(key.raw, b"", b"stood here")
    assert not signer.check(b"short", signature, b"stood here")
    assert (signer.key_id, len(key.raw)) == (key_id(key.raw), 32)


def test_a_rotation_keeps_the_keys_before() -> None:
    old, older, new = a_key(), a_key(), a_key()
    before, first, after = Ed25519Signer(old), Ed25519Signer(older), Ed25519Signer(new)
    rotated = Ed25519Signer(new + old + public(older) + public(older))
    assert rotated.key_id == after.key_id
    assert [key.id for key in rotated.public_keys()] == [after.key_id, before.key_id, first.key_id]
    assert rotated.check(before.public_keys()[0].raw, before.sign(b"x"), b"x")


def test_without_a_key_nothing_is_signed() -> None:
    signer = Ed25519Signer("")
    assert (signer.key_id, list(signer.public_keys())) == ("", [])
    with pytest.raises(InvalidError, match="no key to sign with"):
        signer.sign(b"x")


def other_curve() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        ("hunter2", "0 were found"),
        (public(a_key()), "first block has to be the private key"),
        (other_curve(), "holds no Ed25519 key"),
        ("-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----", "can't be read"),
        (a_key() * 51, "51 were found"),
    ],
)
def test_what_is_no_key_is_refused_without_repeating_it(pem: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words) as refused:
        Ed25519Signer(pem)
    assert "FUNKHAUS_AUDIT_KEYS" in refused.value.message
    assert "hunter2" not in refused.value.message
    assert "aHVudGVyMg" not in refused.value.message
