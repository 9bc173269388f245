"""One exam for tokens, bearers and service accounts, in memory and on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from funkhaus.domain.errors import ConflictError, NotFoundError, TooManyError
from funkhaus.domain.restriction import Restriction
from funkhaus.domain.service_account import ServiceAccount
from funkhaus.domain.subject import Role
from funkhaus.domain.token import KUBECTL_LIMIT, KubectlCredential, TokenKind
from funkhaus.ports.bearers import Bearer

from .test_stores import NOW, a_token, stores, two, url

if TYPE_CHECKING:
    from funkhaus.ports import Stores

__all__ = ["stores", "two", "url"]
SOON, DAY = timedelta(minutes=1), timedelta(days=1)


async def test_a_restriction_is_kept(two: Stores) -> None:
    limits = Restriction(("function:read",), ("default",), ("192.0.2.0/24", "2001:db8::/32"))
    token = a_token(restriction=limits, kind=TokenKind.SERVICE)
    async with two.begin("blue") as work:
        await work.add_token(token, b"d")
        assert await work.tokens.get(token.id) == token
    assert await two.lookups.bearer(b"d", NOW) == Bearer(token)
    async with two.begin_platform() as platform:
        assert await platform.bearers.holder(token.id) == Bearer(token)
        assert await platform.bearers.holder(str(uuid4())) is None


async def test_a_rotated_token_passes_by_both_texts_for_a_while(two: Stores) -> None:
    token = a_token()
    async with two.begin("blue") as work:
        await work.add_token(token, b"one")
        rotated = await work.tokens.rotate(token.id, b"two", "2222", NOW + DAY, NOW + SOON)
    assert rotated == replace(token, last_four="2222")
    find = two.lookups.bearer
    assert await find(b"one", NOW) == await find(b"two", NOW) == Bearer(rotated)
    assert await find(b"one", NOW + SOON) is None
    assert await find(b"two", NOW + SOON) == Bearer(rotated)
    async with two.begin_platform() as platform:
        await platform.bearers.rotate(token.id, b"three", "3333", NOW + DAY, NOW + SOON)
    assert await find(b"one", NOW) is None  # only the last one before
    assert await find(b"two", NOW) is not None


async def test_what_is_revoked_is_not_rotated_and_neither_is_a_neighbours(two: Stores) -> None:
    token = a_token()
    async with two.begin("blue") as work:
        await work.add_token(token, b"one")
    async with two.begin("red") as work:
        with pytest.raises(NotFoundError):
            await work.tokens.get(token.id)
        with pytest.raises(NotFoundError):
            await work.tokens.rotate(token.id, b"two", "2222", NOW + DAY, NOW)
        assert await work.tokens.revoke_of(token.subject_id, NOW) == 0
        with pytest.raises(NotFoundError):
            await work.tokens.page(after=token.id)
    async with two.begin("blue") as work:
        assert await work.tokens.revoke_of(token.subject_id, NOW) == 1
        assert await work.tokens.revoke_of(token.subject_id, NOW) == 0
        with pytest.raises(NotFoundError, match="revoked"):
            await work.tokens.rotate(token.id, b"two", "2222", NOW + DAY, NOW)


async def test_tokens_come_in_pages_without_gap_or_repetition(two: Stores) -> None:
    made = [a_token(created_at=NOW + SOON * (number // 2)) for number in range(7)]
    async with two.begin("blue") as work:
        for number, token in enumerate(made):
            await work.add_token(token, bytes([number]))
        seen, after = [], ""
        while page := await work.tokens.page(after=after, limit=2):
            seen += page
            after = page[-1].id
    newest_first = sorted(made, key=lambda token: (token.created_at, token.id), reverse=True)
    assert seen == newest_first


async def test_a_use_is_noted_and_never_goes_back(two: Stores) -> None:
    token = a_token()
    async with two.begin("blue") as work:
        await work.add_token(token, b"one")
    async with two.begin_platform() as platform:
        await platform.bearers.touch({token.id: NOW + SOON, str(uuid4()): NOW})
        await platform.bearers.touch({token.id: NOW})
    async with two.begin("blue") as work:
        assert (await work.tokens.get(token.id)).last_used_at == NOW + SOON


async def test_credentials_for_kubectl_are_bounded_and_cleared(two: Stores) -> None:
    parent, other = str(uuid4()), str(uuid4())
    credential = KubectlCredential(parent, TokenKind.USER, NOW + SOON)
    async with two.begin_platform() as platform:
        bearers = platform.bearers
        await bearers.add_kubectl(KubectlCredential(other, TokenKind.USER, NOW), b"other", NOW)
        for number in range(KUBECTL_LIMIT):
            await bearers.add_kubectl(credential, number.to_bytes(2), NOW)
        assert await bearers.find_kubectl(bytes(2)) == credential
        with pytest.raises(TooManyError):
            await bearers.add_kubectl(credential, b"more", NOW)
        await bearers.add_kubectl(replace(credential, expires_at=NOW + DAY), b"more", NOW + SOON)
        assert await bearers.find_kubectl(bytes(2)) is None
        assert await bearers.find_kubectl(b"other") is not None


async def test_service_accounts_are_their_tenants_own(two: Stores) -> None:
    account = ServiceAccount(str(uuid4()), "blue", "ci", Role.DEVELOPER, NOW)
    async with two.begin("blue") as work:
        await work.service_accounts.add(account)
        await work.service_accounts.add(replace(account, id=str(uuid4()), name="cd"))
        assert await work.service_accounts.get("ci") == account
        assert [item.name for item in await work.service_accounts.page()] == ["cd", "ci"]
        assert list(await work.service_accounts.page(after="cd")) == [account]
    with pytest.raises(ConflictError, match="'ci'"):
        async with two.begin("blue") as work:
            await work.service_accounts.add(replace(account, id=str(uuid4())))
    async with two.begin("red") as work:
        assert not await work.service_accounts.page()
        with pytest.raises(NotFoundError):
            await work.service_accounts.get("ci")
        with pytest.raises(NotFoundError):
            await work.service_accounts.remove("ci")
        with pytest.raises(ValueError, match="blue"):
            await work.service_accounts.add(account)
    async with two.begin("blue") as work:
        await work.service_accounts.remove("ci")
        await work.service_accounts.add(replace(account, id=str(uuid4())))


async def test_kubectl_s_credentials_that_ended_are_forgotten_some_at_a_time(two: Stores) -> None:
    parent = str(uuid4())
    async with two.begin_platform() as platform:
        for number, ends in enumerate((NOW, NOW, NOW + SOON)):
            made = KubectlCredential(parent, TokenKind.USER, ends)
            await platform.bearers.add_kubectl(made, b"%d" % number, NOW - DAY)
        assert await platform.bearers.forget_kubectl(NOW) == 0
        found = [await platform.bearers.forget_kubectl(NOW + SOON, limit=1) for _ in range(3)]
        assert found == [1, 1, 0]
        assert await platform.bearers.find_kubectl(b"2") is not None
