"""A provider's keys: kept, refreshed seldom, by one, and served while the provider fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from funkhaus.auth.oidc.keys import KeyCache, import_keys
from funkhaus.domain.errors import UnavailableError
from tests.support.clock import FakeClock

ONE, TWO = (
    ECKey.generate_key("P-256", {"kid": kid}).as_dict(private=False) for kid in ("one", "two")
)


class Site:
    """Where keys are published."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [ONE]
        self.asked, self.broken, self.seconds = 0, False, 600

    async def fetch(self) -> tuple[dict[str, Any], int]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.broken:
            raise UnavailableError("no")
        return {"keys": self.keys}, self.seconds


def cache() -> tuple[Site, FakeClock, KeyCache]:
    site, clock = Site(), FakeClock()
    return site, clock, KeyCache(site.fetch, clock)


async def test_they_are_fetched_once_by_however_many_ask() -> None:
    site, _, keys = cache()
    found = await asyncio.gather(*(keys.keys("one") for _ in range(20)))
    assert site.asked == 1
    assert all(item.get_by_kid("one") for item in found)


async def test_an_unknown_key_asks_again_at_most_once_a_minute() -> None:
    site, clock, keys = cache()
    await keys.keys("one")
    for number in range(50):
        await keys.keys(f"made up {number}")
    assert site.asked == 1
    clock.pass_seconds(60)
    site.keys = [ONE, TWO]
    await asyncio.gather(*(keys.keys("two") for _ in range(20)), keys.keys("made up"))
    assert site.asked == 2
    assert (await keys.keys("two")).get_by_kid("two")
    assert site.asked == 2


async def test_old_ones_are_fetched_again_and_served_while_that_fails() -> None:
    site, clock, keys = cache()
    await keys.keys("one")
    clock.pass_seconds(601)
    site.broken = True
    assert (await keys.keys("one")).get_by_kid("one")
    assert site.asked == 2
    assert (await keys.keys("one")).get_by_kid("one")
    assert site.asked == 2  # a failure counts as asking, too
    clock.pass_seconds(3600)
    assert (await keys.keys("one")).get_by_kid("one")
    clock.pass_seconds(48 * 3600)
    with pytest.raises(UnavailableError, match="too old"):
        await keys.keys("one")


async def test_without_any_there_is_no_answer_and_no_storm() -> None:
    site, clock, keys = cache()
    site.broken = True
    for _ in range(5):
        with pytest.raises(UnavailableError):
            await keys.keys("one")
    assert site.asked == 1
    site.broken = False
    clock.pass_seconds(60)
    assert (await keys.keys("one")).get_by_kid("one")


async def test_how_long_is_the_providers_word_within_bounds() -> None:
    for said, kept in ((0, 300), (10, 300), (1200, 1200), (10**9, 86_400)):
        site, clock, keys = cache()
        site.seconds = said
        await keys.keys("one")
        clock.pass_seconds(kept - 1)
        await keys.keys("one")
        assert site.asked == 1
        clock.pass_seconds(2)
        await keys.keys("one")
        assert site.asked == 2


def test_only_key_pairs_for_signatures_count() -> None:
    secret = {**OctKey.generate_key(256).as_dict(), "kid": "secret"}
    strong = RSAKey.generate_key(2048).as_dict(private=False)
    short = {**strong, "kid": "short", "n": str(strong["n"])[:171]}
    other: list[Any] = [{**TWO, "use": "enc"}, {"kty": "RSA"}, "text", None, {"kty": ["RSA"]}]
    found = import_keys({"keys": [secret, short, *other, ONE]})
    assert [key.kid for key in found.keys] == ["one"]
    assert len(import_keys({"keys": [strong]}).keys) == 1
    for document in ({}, {"keys": "x"}, {"keys": []}, {"keys": [secret]}):
        with pytest.raises(UnavailableError):
            import_keys(document)
