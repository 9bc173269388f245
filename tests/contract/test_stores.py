"""One exam for the stores in memory and on a real Postgres."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from funkhaus.crd import tenant_namespace
from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.tenant import Namespace, NamespaceQuota, Tenant
from funkhaus.domain.token import Token, TokenKind
from funkhaus.ports import AuditRow
from funkhaus.ports.bearers import Bearer
from funkhaus.storage import PostgresStores, open_engine
from tests.support.stores import PLANS, MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
QUOTA = NamespaceQuota(20, 20, 20, 4_000, 4 * 1024**3)


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The database's, or empty for the one in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    if not url:
        yield MemoryStores()
        return
    engine = open_engine(url, pool=5, seconds=5, name="contract")
    yield PostgresStores(engine)
    await engine.close()


@pytest.fixture
async def two(stores: Stores) -> Stores:
    """Tenants blue and red, each with a namespace `default`."""
    for tenant in ("blue", "red"):
        async with stores.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small", tenant.title()))
        async with stores.begin(tenant) as work:
            await work.add_namespace(Namespace(tenant, "default", QUOTA))
    return stores


def a_token(tenant: str = "blue", **more: object) -> Token:
    token = Token(
        id=str(uuid4()),
        subject_id=str(uuid4()),
        subject_name="Ada",
        kind=TokenKind.USER,
        tenant=tenant,
        role="owner" if tenant else "",
        last_four="wxyz",
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    return replace(token, **more)  # type: ignore[arg-type]


def a_row(tenant: str) -> AuditRow:
    return AuditRow(tenant, "fh:1", "", "namespace:create", "default", "done", "r-1", {"a": [1]})


async def test_ready_when_the_schema_is_ours(stores: Stores) -> None:
    await stores.ready()


async def test_plans_are_the_same_everywhere(stores: Stores) -> None:
    async with stores.begin_platform() as work:
        assert list(await work.plans()) == [PLANS[plan] for plan in sorted(PLANS)]
        assert await work.plan("small") == PLANS["small"]
        with pytest.raises(NotFoundError, match="'gold'"):
            await work.plan("gold")


async def test_a_tenant_is_read_as_written_and_its_id_given_out_once(two: Stores) -> None:
    async with two.begin("blue") as work:
        assert await work.tenant() == Tenant("blue", "small", "Blue")
        assert await work.plan() == PLANS["small"]
    with pytest.raises(ConflictError, match="'blue' exists"):
        async with two.begin_platform() as platform:
            await platform.add_tenant(Tenant("blue", "large"))


async def test_a_tenant_needs_a_plan_there_is(stores: Stores) -> None:
    with pytest.raises(NotFoundError, match="plan 'gold'"):
        async with stores.begin_platform() as work:
            await work.add_tenant(Tenant("blue", "gold"))


async def test_tenants_are_paged_by_id(stores: Stores) -> None:
    async with stores.begin_platform() as work:
        for name in ("d", "a", "c", "b"):
            await work.add_tenant(Tenant(name, "small"))
        assert [tenant.id for tenant in await work.tenants(limit=3)] == ["a", "b", "c"]
        assert [tenant.id for tenant in await work.tenants(after="c", limit=3)] == ["d"]


async def test_namespaces_are_paged_by_name(two: Stores) -> None:
    async with two.begin("blue") as work:
        for name in ("d", "a", "c"):
            await work.add_namespace(Namespace("blue", name, QUOTA))

        async def names(**which: Any) -> list[str]:
            return [item.name for item in await work.namespace_page(**which)]

        assert await names(limit=2) == ["a", "c"]
        assert await names(after="c", limit=2) == ["d", "default"]
        assert await names(among=("d", "c", "ghost")) == ["c", "d"]
        assert await names(among=("d", "c"), after="c") == ["d"]
        assert await names(after="default") == []


async def test_nothing_of_a_failed_block_stays(two: Stores) -> None:
    with suppress(RuntimeError):
        async with two.begin("blue") as work:
            await work.add_namespace(Namespace("blue", "more", QUOTA))
            await work.enqueue(tenant_namespace.manifest(Namespace("blue", "more", QUOTA)))
            raise RuntimeError
    async with two.begin("blue") as work:
        assert [namespace.name for namespace in await work.namespaces()] == ["default"]
    async with two.begin_platform() as platform:
        assert not await platform.outbox(LATER)


async def test_a_deleted_namespace_is_gone_and_its_name_too(two: Stores) -> None:
    async with two.begin("blue") as work:
        assert await work.namespace("default") == Namespace("blue", "default", QUOTA)
        await work.remove_namespace("default")
        assert not await work.namespaces()
        with pytest.raises(NotFoundError):
            await work.namespace("default")
        with pytest.raises(NotFoundError):
            await work.remove_namespace("default")
    with pytest.raises(ConflictError, match="given out once"):
        async with two.begin("blue") as work:
            await work.add_namespace(Namespace("blue", "default", QUOTA))
    assert await two.lookups.facts("blue--default") is None


async def test_a_tenant_reads_nothing_of_its_neighbour(two: Stores) -> None:
    token = a_token("red")
    async with two.begin("red") as work:
        await work.add_namespace(Namespace("red", "secret", QUOTA))
        await work.add_token(token, b"red")
    async with two.begin("blue") as work:
        assert [namespace.tenant for namespace in await work.namespaces()] == ["blue"]
        assert not await work.tokens.page()
        with pytest.raises(NotFoundError):
            await work.namespace("secret")
        with pytest.raises(NotFoundError):
            await work.remove_namespace("secret")
        with pytest.raises(NotFoundError):
            await work.revoke_token(token.id, NOW)
    kept = await two.lookups.bearer(b"red", NOW)
    assert kept is not None
    assert kept.token.revoked_at is None


async def test_a_tenant_writes_nothing_to_its_neighbour(two: Stores) -> None:
    async with two.begin("blue") as work:
        with pytest.raises(ValueError, match="'red'"):
            await work.add_namespace(Namespace("red", "mine", QUOTA))
        with pytest.raises(ValueError, match="'red'"):
            await work.add_token(a_token("red"), b"x")
        with pytest.raises(ValueError, match="'red'"):
            await work.audit(a_row("red"))


async def test_an_unknown_tenant_has_nothing(two: Stores) -> None:
    async with two.begin("green") as work:
        assert not await work.namespaces()
        assert not await work.hosts.suffixes()
        with pytest.raises(NotFoundError):
            await work.tenant()
        with pytest.raises(NotFoundError):
            await work.lock()


async def test_facts_of_a_kubernetes_namespace(two: Stores) -> None:
    facts = await two.lookups.facts("blue--default")
    assert facts is not None
    assert (facts.tenant, facts.namespace, facts.plan) == ("blue", "default", "small")
    assert facts.host_suffixes == ()
    assert await two.lookups.facts("kube-system") is None


async def test_tokens_are_found_by_digest_only_and_revoked_once(two: Stores) -> None:
    token = a_token()
    async with two.begin("blue") as work:
        await work.add_token(token, b"digest")
        assert list(await work.tokens.page()) == [token]
        assert (await work.revoke_token(token.id, NOW)).revoked_at == NOW
        assert (await work.revoke_token(token.id, LATER)).revoked_at == NOW
        for unknown in (str(uuid4()), "no-uuid", ""):
            with pytest.raises(NotFoundError):
                await work.revoke_token(unknown, NOW)
    assert await two.lookups.bearer(b"digest", NOW) == Bearer(replace(token, revoked_at=NOW))
    assert await two.lookups.bearer(b"other", NOW) is None


async def test_tokens_come_newest_first(two: Stores) -> None:
    async with two.begin("blue") as work:
        for days in (2, 3, 1):
            token = a_token(created_at=NOW + timedelta(days=days), subject_name=str(days))
            await work.add_token(token, bytes([days]))
        assert [token.subject_name for token in await work.tokens.page()] == ["3", "2", "1"]


async def test_a_digest_is_unique(two: Stores) -> None:
    async with two.begin("blue") as work:
        await work.add_token(a_token(), b"same")
    with pytest.raises(ConflictError):
        async with two.begin("red") as work:
            await work.add_token(a_token("red"), b"same")


async def test_platform_tokens(stores: Stores) -> None:
    token = a_token("", kind=TokenKind.ADMIN)
    async with stores.begin_platform() as work:
        await work.add_platform_token(token, b"admin")
    assert await stores.lookups.bearer(b"admin", NOW) == Bearer(token)
    async with stores.begin_platform() as work:
        assert (await work.revoke_platform_token(token.id, NOW)).revoked_at == NOW
        with pytest.raises(NotFoundError):
            await work.revoke_platform_token(str(uuid4()), NOW)
        with pytest.raises(ValueError, match="neither tenant nor role"):
            await work.add_platform_token(a_token("blue"), b"no")


async def test_the_outbox_keeps_each_objects_order(two: Stores) -> None:
    one, other = (Namespace("blue", name, QUOTA) for name in ("one", "other"))
    async with two.begin("blue") as work:
        await work.enqueue(tenant_namespace.manifest(one))
        await work.enqueue(tenant_namespace.manifest(one), gone=True)
        await work.enqueue(tenant_namespace.manifest(other))
    async with two.begin_platform() as platform:
        assert await platform.oldest_outbox_item() is not None
        first, second = await platform.outbox(LATER)
        assert [first.manifest["metadata"]["name"], first.gone] == ["blue--one", False]
        assert second.manifest == tenant_namespace.manifest(other)
        await platform.postpone(first.sequence, "no route", LATER)
        await platform.delivered(second.sequence)
    async with two.begin_platform() as platform:
        assert not await platform.outbox(LATER - timedelta(seconds=1))
        (again,) = await platform.outbox(LATER)
        assert (again.sequence, again.attempts) == (first.sequence, 1)
        await platform.delivered(again.sequence)
        (last,) = await platform.outbox(LATER)
        assert last.gone
        await platform.delivered(last.sequence)
        assert await platform.oldest_outbox_item() is None


async def test_check_then_write_holds_under_a_lock(two: Stores) -> None:
    """Ten at once want the last three places."""

    async def add(number: int) -> bool:
        async with two.begin("blue") as work:
            await work.lock()
            if len(await work.namespaces()) >= 3:
                return False
            await asyncio.sleep(0)
            await work.add_namespace(Namespace("blue", f"n{number}", QUOTA))
            return True

    assert sum(await asyncio.gather(*(add(number) for number in range(10)))) == 2


async def test_audit_rows_are_accepted_from_both_kinds_of_work(two: Stores) -> None:
    async with two.begin("blue") as work:
        await work.audit(a_row("blue"))
    async with two.begin_platform() as platform:
        await platform.audit(a_row(""))
        await platform.audit(a_row("red"))
