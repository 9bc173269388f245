"""A key to sign bundles with: made once, good for nothing else."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from funkhaus.auth.bundle_signing import RsaSigner
from funkhaus.policy import bundle
from funkhaus.policy.compiler import OpaCompiler
from funkhaus.policy.trial import OpaTrial
from funkhaus.services.policies import PolicyFeed

TOKEN = "what OPA shows, thirty-two letters or more"


def pem(bits: int = 2048) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@cache
def signer() -> RsaSigner:
    return RsaSigner(pem())


def feed(by: RsaSigner | None = None) -> PolicyFeed:
    """Tried out by `opa` on PATH, signed by `by` or the tests' key."""
    key = by or signer()
    return PolicyFeed(
        OpaCompiler("opa", seconds=60),
        OpaTrial("opa", seconds=120),
        lambda policies: bundle.build(policies, key),
        TOKEN,
    )
