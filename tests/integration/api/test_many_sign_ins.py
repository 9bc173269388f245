"""Strangers who begin sign-ins without end keep nobody else out; on both kinds of stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import PendingError, TooManyError, UnauthenticatedError
from funkhaus.services.device_logins import DeviceLoginService
from funkhaus.services.logins import HOME_LIMIT, Bounds
from tests.support.api import PUBLIC_URL, World, serving

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def logins(any_world: World) -> Callable[[Bounds], DeviceLoginService]:
    def made(bounds: Bounds) -> DeviceLoginService:
        return DeviceLoginService(
            any_world.stores,
            any_world.services().sessions,
            any_world.providers,
            any_world.mint,
            any_world.clock,
            public_url=PUBLIC_URL,
            bounds=bounds,
        )

    return made


async def test_b68_one_address_waits_with_so_many_and_keeps_nobody_else_out(
    any_world: World, logins: Callable[[Bounds], DeviceLoginService]
) -> None:
    asks = logins(Bounds(home=3, whole=100))
    for _ in range(3):
        await asks.ask("192.0.2.1", "192.0.2.1")
    with pytest.raises(TooManyError, match="3 sign-ins from your address"):
        await asks.ask("192.0.2.1", "192.0.2.1")
    await asks.ask("192.0.2.2", "192.0.2.2")
    any_world.clock.pass_seconds(600)
    await asks.ask("192.0.2.1", "192.0.2.1")


async def test_b68_a_full_house_lets_the_largest_address_s_oldest_go(
    any_world: World, logins: Callable[[Bounds], DeviceLoginService]
) -> None:
    asks = logins(Bounds(home=10, whole=4))
    person = await asks.ask("198.51.100.1", "198.51.100.1")
    begun = []
    for _ in range(6):
        any_world.clock.pass_seconds(1)
        begun.append(await asks.ask("192.0.2.1", "192.0.2.1"))
    any_world.clock.pass_seconds(10)
    with pytest.raises(UnauthenticatedError):
        await asks.poll(begun[0].device_code)
    for still in (person, begun[-1]):
        with pytest.raises(PendingError):
            await asks.poll(still.device_code)


async def test_b68_the_bound_is_of_the_home_a_request_comes_from(any_world: World) -> None:
    async with serving(any_world.services()) as client:
        for _ in range(HOME_LIMIT):
            assert (await client.ask("POST", "/v1/device-logins")).status == 201
        refused = await client.ask("POST", "/v1/device-logins")
        (finding,) = refused.problem(429, "too-many")["findings"]
        assert (finding["code"], finding["limit"]) == ("sign-ins-of-address", HOME_LIMIT)


async def test_a_session_that_ended_is_told_so_for_a_month(any_world: World) -> None:
    text = await any_world.session("ada")
    services = any_world.services()
    any_world.clock.pass_seconds(29 * 86_400)
    assert await services.logins.forget() == 0
    with pytest.raises(UnauthenticatedError, match="is over"):
        await services.identities.of_token(text, "192.0.2.1")
    any_world.clock.pass_seconds(2 * 86_400)
    assert await services.logins.forget() == 1
    with pytest.raises(UnauthenticatedError, match="not known"):
        await services.identities.of_token(text, "192.0.2.1")
