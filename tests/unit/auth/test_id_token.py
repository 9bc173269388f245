"""ID tokens that must not hold (B-63, B-64, B-65), each made from one that does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from funkhaus.auth.oidc.configuration import ProviderSettings
from funkhaus.auth.oidc.id_token import Expected, verified
from funkhaus.auth.oidc.keys import KeyCache
from funkhaus.domain.errors import UnauthenticatedError
from tests.support.clock import FakeClock

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECOND = int(NOW.timestamp())
KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "k1"})
PROVIDER = ProviderSettings("work", "Work", "https://idp.example", "funkhaus")
ACCESS = "the access token"


def at_hash(token: str) -> str:
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def claims(**more: Any) -> dict[str, Any]:
    made = {
        "iss": "https://idp.example", "sub": "ada", "aud": "funkhaus", "nonce": "n",
        "iat": SECOND, "exp": SECOND + 300, "at_hash": at_hash(ACCESS),
    } | more  # fmt: skip
    return {name: value for name, value in made.items() if value is not None}


def signed(payload: dict[str, Any] | bytes, key: Any = KEY, **header: Any) -> str:
    head = {"alg": "RS256", "kid": "k1", "typ": "JWT"} | header
    head = {name: value for name, value in head.items() if value is not None}
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    registry.max_header_length = 10**6
    registry.max_payload_length = 10**7
    return jws.serialize_compact(head, content, key, registry=registry)


def raw(header: str, payload: str, signature: bytes = b"x") -> str:
    parts = [header.encode(), payload.encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


async def check(
    text: object, provider: ProviderSettings = PROVIDER, nonce: str = "n"
) -> dict[str, Any]:
    async def fetch() -> tuple[dict[str, Any], int]:
        return {"keys": [KEY.as_dict(private=False)]}, 600

    cache = KeyCache(fetch, FakeClock(NOW))
    return await verified(text, provider, cache, Expected(nonce, ACCESS), NOW)


async def refused(text: object, match: str, **more: Any) -> None:
    with pytest.raises(UnauthenticatedError, match=match):
        await check(text, **more)


@pytest.mark.parametrize(
    "more", [{}, {"aud": ["funkhaus"]}, {"at_hash": None}, {"aud": ["funkhaus", "x"], "azp": "funkhaus"},
             {"exp": SECOND - 30}, {"nbf": SECOND + 30}]
)  # fmt: skip
async def test_one_that_holds(more: dict[str, Any]) -> None:
    assert (await check(signed(claims(**more))))["sub"] == "ada"


async def test_a_chain_of_certificates_in_the_header_is_read_by_nobody() -> None:
    assert (await check(signed(claims(), x5c=["A" * 4000])))["sub"] == "ada"


async def test_b63_alg_none() -> None:
    for alg in ("none", "None", "NONE", "nOnE", ""):
        text = raw(json.dumps({"alg": alg, "kid": "k1"}), json.dumps(claims()), b"")
        await refused(text, "signed with")
    await refused(raw(json.dumps({"kid": "k1"}), json.dumps(claims()), b""), "signed with")


async def test_b63_hmac_with_the_public_key() -> None:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
    for public in (KEY.as_pem(private=False), json.dumps(KEY.as_dict(private=False)).encode()):
        mac = hmac.digest(public, head + b"." + body, hashlib.sha256)
        text = b".".join([head, body, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()
        await refused(text, "'HS256'")
    await refused(signed(claims(), OctKey.import_key("x" * 32), alg="HS256"), "'HS256'")


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": OTHER.as_dict(private=False)},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/chain"},
        {"crit": ["exp"]},
        {"crit": ["unknown"], "unknown": True},
        {"b64": False, "crit": ["b64"]},
        {"cty": "JWT"},
        {"zip": "DEF"},
    ],
)
async def test_b63_a_header_brings_no_key_and_nothing_unknown(header: dict[str, Any]) -> None:
    head = {"alg": "RS256", "kid": "k1"} | header
    await refused(raw(json.dumps(head), json.dumps(claims())), "its header holds")


@pytest.mark.parametrize(
    "kid", ["../../../dev/null", "' OR 1=1 --", "k1\x00", "", "https://evil.example/k", "K1", "k1 "]
)
async def test_b63_a_key_is_named_or_not_there(kid: str) -> None:
    await refused(signed(claims(), OTHER, kid=kid), "by no key")


@pytest.mark.parametrize("kid", [1, ["k1"], {"k": 1}, None, True, "k" * 300])
async def test_b63_a_keys_id_is_a_short_text(kid: object) -> None:
    await refused(raw(json.dumps({"alg": "RS256", "kid": kid}), json.dumps(claims())), "short text")


async def test_another_key_of_the_same_name() -> None:
    await refused(signed(claims(), OTHER), "by no key")
    await refused(signed(claims(), OTHER, kid=None), "by no key")
    curve = ECKey.generate_key("P-256", {"kid": "k1"})
    await refused(signed(claims(), curve, alg="ES256"), "by no key")


async def test_a_changed_text() -> None:
    text = signed(claims())
    head, _, mac = text.split(".")
    forged = base64.urlsafe_b64encode(json.dumps(claims(sub="root")).encode()).rstrip(b"=").decode()
    await refused(f"{head}.{forged}.{mac}", "by no key")
    await refused(f"{head}.{forged}.", "by no key")
    await refused(text[:-4], "by no key")


async def test_an_algorithm_the_operator_did_not_name() -> None:
    await refused(signed(claims(), alg="PS256"), "'PS256'")
    await refused(signed(claims(), alg="RS512"), "'RS512'")


@pytest.mark.parametrize(
    "payload",
    [
        '{"iss":"https://idp.example","iss":"https://evil.example"}',
        '{"sub":"ada","aud":"funkhaus","aud":"other"}',
        '{"exp":NaN}',
        '{"exp":Infinity}',
        "[]",
        '"text"',
        "{",
        "",
        "[" * 50_000,
    ],
    ids=["iss-twice", "aud-twice", "nan", "infinity", "list", "text", "torn", "empty", "deep"],
)
async def test_b63_json_that_two_readers_could_read_differently(payload: str) -> None:
    await refused(signed(payload.encode()), "can't be read|no object|more than")


async def test_b63_a_header_with_a_key_twice() -> None:
    text = raw('{"alg":"none","alg":"RS256","kid":"k1"}', json.dumps(claims()))
    await refused(text, "header can't be read")


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"aud": "other"}, "another client"),
        ({"aud": ["other"]}, "another client"),
        ({"aud": None}, "another client"),
        ({"aud": {"funkhaus": 1}}, "another client"),
        ({"aud": ["funkhaus", "other"]}, "azp"),
        ({"aud": ["funkhaus", "other"], "azp": "other"}, "azp"),
        ({"azp": "other"}, "azp"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": "https://idp.example/"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"iss": ["https://idp.example"]}, "another issuer"),
        ({"sub": None}, "subject"),
        ({"sub": ""}, "subject"),
        ({"sub": 7}, "subject"),
        ({"sub": "x" * 300}, "subject"),
        ({"nonce": None}, "nonce"),
        ({"nonce": "other"}, "nonce"),
        ({"at_hash": at_hash("another token")}, "at_hash"),
    ],
)
async def test_b64_meant_for_somebody_else(more: dict[str, Any], match: str) -> None:
    await refused(signed(claims(**more)), match)


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "JWS"])
async def test_b64_an_access_token_is_no_id_token(kind: str) -> None:
    await refused(signed(claims(), typ=kind), "no ID token's")


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"exp": SECOND - 61}, "expired"),
        ({"exp": 0}, "expired"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "iat"),
        ({"nbf": SECOND + 120}, "not yet valid"),
        ({"iat": SECOND + 3600}, "iat|future|not yet valid|issued"),
        ({"exp": str(SECOND + 300)}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"exp": [SECOND]}, "exp is no time"),
        ({"nbf": "now"}, "nbf is no time"),
    ],
)
async def test_b65_out_of_its_time(more: dict[str, Any], match: str) -> None:
    await refused(signed(claims(**more)), match)


async def test_b65_a_time_beyond_numbers() -> None:
    text = json.dumps(claims(exp="@")).replace('"@"', "1e400")
    await refused(signed(text.encode()), "exp is no time")


async def test_b65_huge_ones_are_not_read() -> None:
    await refused("x" * 70_000, "more than 65536")
    await refused(signed(claims(), x5c=["A" * 9000]), "header has more than")
    await refused(signed(claims(blob="x" * 60_000)), "more than 65536")


@pytest.mark.parametrize("text", [None, "", 7, "a.b", "a.b.c.d.e", "..", "é.é.é", "a b.c.d"])
async def test_what_is_no_token(text: object) -> None:
    await refused(text, "missing|no signed|not a signed|can't be read")


async def test_without_a_nonce_of_ours_nothing_holds() -> None:
    await refused(signed(claims(nonce=None)), "nonce", nonce="")


async def test_the_tests_sign_as_joserfc_does() -> None:
    text = jwt.encode({"alg": "RS256", "kid": "k1"}, claims(), KEY)
    assert (await check(text))["sub"] == "ada"
