"""After the grace everything of a tenant goes, whenever a process dies on the way; on memory and on a real Postgres."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from funkhaus.crd import tenant_namespace
from funkhaus.domain.charge import Charge, Key
from funkhaus.domain.errors import ConflictError, UnavailableError
from funkhaus.domain.group_rule import GroupRule
from funkhaus.domain.kinds import API_VERSION, TENANT_NAMESPACE
from funkhaus.domain.member import Invitation
from funkhaus.domain.quota import Amounts
from funkhaus.domain.quota_request import QuotaRequest, RequestState
from funkhaus.domain.service_account import ServiceAccount
from funkhaus.domain.subject import Role
from funkhaus.domain.tenant import Deletion, Namespace, Tenant
from funkhaus.ports import AuditRow, Override
from funkhaus.services import purge as purging
from funkhaus.services.outbox import Outbox
from funkhaus.services.purge import Purge, Purged
from funkhaus.storage import PostgresStores, open_engine
from tests.support.api import ISSUER, QUOTA, Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import PlatformWork, Stores, TenantWork

TABLES = (
    "members", "invitations", "service_accounts", "quota_requests", "quota_overrides", "host_suffixes", "charges",
    "quotas", "tenant_quotas", "outbox",
)  # fmt: skip
"""What is empty of a tenant that is gone."""


async def furnish(world: World, tenant: str, *, add: bool = True) -> None:
    """Something of everything a tenant can have."""
    now = world.clock.now()
    user = str(uuid4())
    async with world.stores.begin_platform() as platform:
        if add:
            await platform.add_tenant(Tenant(tenant, "small", "Display name"))
        found = await platform.users.signed_in(_identity(f"{tenant}-{user}"), now)
    async with world.stores.begin(tenant) as work:
        for name in ("one", "two"):
            await work.add_namespace(Namespace(tenant, name, QUOTA))
        await work.members.put(found.id, Role.OWNER, now)
        invitation = Invitation(
            str(uuid4()), tenant, "x@example.com", Role.VIEWER, "fh:1", now, now + timedelta(days=1)
        )
        await work.members.invite(invitation, uuid4().bytes)
        account = ServiceAccount(str(uuid4()), tenant, "ci", Role.DEVELOPER, now)
        await work.service_accounts.add(account)
        await work.quota_requests.put(
            QuotaRequest(
                id=str(uuid4()), tenant=tenant, namespace="one", extra=QUOTA, reason="r", days=1,
                requested_by="fh:1", requested_at=now, state=RequestState.PENDING,
            )
        )  # fmt: skip
        expires = now + timedelta(days=90)
        await work.ledger.set_override(Override(QUOTA, "because", "fh:1", expires))
        charge = Charge(Key("Function", "one", "hello"), now).ask(Amounts(functions=1), 0, now)
        await work.ledger.move(charge.key, None, charge, guarded=True)
        for name in ("one", "two"):
            await work.enqueue(tenant_namespace.manifest(await work.namespace(name)))
        await work.audit(AuditRow(tenant, "fh:1", "", "a:b", "c", "done", "r", {}))
    await world.token(tenant, Role.DEVELOPER)
    await Outbox(world.stores, world.cluster, world.clock).deliver()


def _identity(sub: str) -> Any:
    from funkhaus.domain.user import Identity

    return Identity(ISSUER, sub, f"{sub}@example.com", sub)


async def doom(world: World, tenant: str) -> None:
    now = world.clock.now()
    async with world.stores.begin(tenant) as work:
        await work.lifecycle.doom(Deletion(now, "Bob", now))


def purge(world: World, stores: Stores | None = None) -> Purge:
    chosen = stores or world.stores
    return Purge(chosen, world.cluster, world.registry, world.clock, lambda: None)


async def to_the_end(world: World) -> None:
    """Rounds, with the outbox between them, as the API process does both; a TenantNamespace goes at once."""
    for _ in range(4):
        await purge(world).round()
        await Outbox(world.stores, world.cluster, world.clock).deliver()
    assert await purge(world).round() == Purged()


async def rows(url: str, tenant: str) -> dict[str, int]:
    """How many rows of a tenant's each table holds, and what is left that may be."""
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text("SET ROLE funkhaus_platform"))
        found = {}
        for table in ("audit", "tenants", "namespaces", "tokens"):
            statement = text(f"SELECT count(*) FROM {table} WHERE tenant_id = :t")
            found[table] = await connection.scalar(statement, {"t": tenant})
        for name, condition in (
            ("valid tokens", "tokens WHERE tenant_id = :t AND revoked_at IS NULL"),
            ("live namespaces", "namespaces WHERE tenant_id = :t AND deleted_at IS NULL"),
            ("tombstones", "tenants WHERE tenant_id = :t AND deleted_at IS NOT NULL"),
            ("purges", "audit WHERE tenant_id = :t AND action = 'tenant:purge'"),
        ):
            statement = text(f"SELECT count(*) FROM {condition}")
            found[name] = await connection.scalar(statement, {"t": tenant})
        await connection.execute(text("RESET ROLE"))
        await connection.execute(text("SET ROLE funkhaus_tenant"))
        await connection.execute(text("SELECT set_config('app.tenant', :t, false)"), {"t": tenant})
        for table in TABLES:
            column = "tenant_id"
            statement = text(f"SELECT count({column}) FROM {table}")
            found[table] = await connection.scalar(statement)
    await engine.dispose()
    return found


GONE = {
    "audit": 2, "tenants": 1, "namespaces": 2, "tokens": 1, "valid tokens": 0, "live namespaces": 0, "tombstones": 1,
    "purges": 1, **dict.fromkeys(TABLES, 0),
}  # fmt: skip


@pytest.fixture
async def real(database: str) -> AsyncIterator[World]:
    """A world on a real Postgres without tenants."""
    engine = open_engine(database, pool=5, seconds=5, name="test")
    yield World(PostgresStores(engine))
    await engine.close()


class KilledError(BaseException):
    """The process is gone."""


class Mortal:
    """Stores whose process dies in its `at`-th transaction: before the commit, or right after it."""

    def __init__(self, stores: Stores, at: int, *, committed: bool) -> None:
        self._stores, self._at, self._committed = stores, at, committed
        self.count = 0

    @asynccontextmanager
    async def begin(self, tenant: str) -> AsyncIterator[TenantWork]:
        self.count += 1
        mine = self.count
        async with self._stores.begin(tenant) as work:
            yield work
            if mine == self._at and not self._committed:
                raise KilledError
        if mine == self._at:
            raise KilledError

    @asynccontextmanager
    async def begin_platform(self) -> AsyncIterator[PlatformWork]:
        async with self._stores.begin_platform() as work:
            yield work

    async def ready(self) -> None:
        await self._stores.ready()


async def test_nothing_is_left_but_what_has_to_be(real: World, database: str) -> None:
    await furnish(real, "acme")
    await furnish(real, "near")
    before = await rows(database, "near")
    assert all(before[table] for table in TABLES if table not in {"host_suffixes", "outbox"})
    await doom(real, "acme")
    await to_the_end(real)
    assert await rows(database, "acme") == GONE
    assert await rows(database, "near") == before
    left = [name for name in real.cluster.named(TENANT_NAMESPACE, "") if name.startswith("acme--")]
    assert left == []
    with pytest.raises(ConflictError, match="exists, or existed"):
        async with real.stores.begin_platform() as platform:
            await platform.add_tenant(Tenant("acme", "small"))


@pytest.mark.parametrize("committed", [False, True])
async def test_it_may_die_in_every_transaction(
    real: World, database: str, *, committed: bool
) -> None:
    step = 0
    while True:
        step += 1
        tenant = f"t{step}"
        await furnish(real, tenant)
        await doom(real, tenant)
        mortal = Mortal(real.stores, step, committed=committed)
        died = False
        for _ in range(4):
            try:
                await purge(real, mortal).round()
            except KilledError:
                died = True
            await Outbox(real.stores, real.cluster, real.clock).deliver()
        await to_the_end(real)
        assert await rows(database, tenant) == GONE, f"killed in transaction {step}"
        if not died:
            break
    assert step > 12, "every step of the way was killed once"


async def test_two_at_once_do_no_harm(real: World, database: str) -> None:
    import asyncio

    await furnish(real, "acme")
    await doom(real, "acme")
    for _ in range(4):
        await asyncio.gather(*(purge(real).round() for _ in range(4)))
        await Outbox(real.stores, real.cluster, real.clock).deliver()
    assert await rows(database, "acme") == GONE


async def test_the_books_wait_for_the_cluster(any_world: World) -> None:
    world = any_world
    await furnish(world, "blue", add=False)
    await doom(world, "blue")
    assert await purge(world).round() == Purged(waiting=1)  # the outbox is not delivered yet
    keep = world.cluster.find(TENANT_NAMESPACE, "", "blue--one")
    keep["metadata"]["finalizers"] = ["funkhaus.dev/namespace"]
    world.cluster.put(keep)
    await Outbox(world.stores, world.cluster, world.clock).deliver()
    assert await purge(world).round() == Purged(waiting=1)
    async with world.stores.begin("blue") as work:
        assert await work.ledger.charge(Key("Function", "one", "hello")) is not None
        assert list(await work.members.page()) == []
    keep = world.cluster.find(TENANT_NAMESPACE, "", "blue--one")
    del keep["metadata"]["finalizers"]
    world.cluster.objects.pop(
        next(
            key for key in world.cluster.objects if "blue--one" in key and "TenantNamespace" in key
        )
    )
    assert await purge(world).round() == Purged(gone=1)


async def test_a_namespace_without_a_row_ends_too(any_world: World) -> None:
    stray = {"apiVersion": API_VERSION, "kind": TENANT_NAMESPACE.name}
    any_world.cluster.put({**stray, "metadata": {"name": "blue--stray"}})
    any_world.cluster.put({**stray, "metadata": {"name": "red--stray"}})
    await doom(any_world, "blue")
    await to_the_end(any_world)
    left = any_world.cluster.named(TENANT_NAMESPACE, "")
    assert [name for name in left if name.endswith("stray")] == ["red--stray"]


async def test_a_cluster_that_does_not_answer_is_asked_again(any_world: World) -> None:
    await doom(any_world, "blue")
    assert await purge(any_world).round() == Purged(waiting=1)
    async with any_world.stores.begin_platform() as platform:
        for item in await platform.outbox(any_world.clock.now()):
            await platform.delivered(item.sequence)
    any_world.cluster.failure = lambda *_: UnavailableError("gone fishing")
    with pytest.raises(UnavailableError):
        await purge(any_world).round()
    any_world.cluster.failure = lambda *_: None
    any_world.cluster.objects.clear()
    assert await purge(any_world).round() == Purged(gone=1)


async def test_inside_the_grace_nothing_goes(any_world: World) -> None:
    now = any_world.clock.now()
    async with any_world.stores.begin("blue") as work:
        await work.lifecycle.doom(Deletion(now, "Bob", now + timedelta(days=30)))
    assert await purge(any_world).round() == Purged()
    any_world.clock.pass_seconds(30 * 24 * 3600 - 1)
    assert await purge(any_world).round() == Purged()
    any_world.clock.pass_seconds(1)
    assert (await purge(any_world).round()).waiting == 1


async def test_b72_nobody_comes_in_any_more_and_the_id_is_spent(any_world: World) -> None:
    """B-72: tokens, sessions, kubectl credentials, group rules and invitations of a tenant that is gone."""
    rule = GroupRule(issuer=ISSUER, group="team-blue", tenant="blue", role=Role.OWNER)
    any_world.rules = (rule,)
    services = any_world.services()
    async with serving(services) as nobody:
        boss = nobody.holding(await any_world.token("", None))
        owner = nobody.holding(await any_world.token("blue", Role.OWNER))
        person = nobody.holding(await any_world.session("ada", groups=("team-blue",)))
        exchanged = (await owner.post("/v1/me/kubectl-credential", {})).json["token"]
        invited = (await owner.post("/v1/tenants/blue/invitations", {"role": "viewer"})).json
        assert (await person.get("/v1/me")).json["roles"] == {"blue": "owner"}
        gone = await boss.delete("/v1/tenants/blue", params={"graceDays": "0", "reason": "a test"})
        assert gone.json["state"] == "deleting"
        (await boss.delete("/v1/tenants/blue/deletion")).problem(409, "conflict")
        (await boss.delete("/v1/tenants/blue")).problem(409, "conflict")
        await to_the_end(any_world)
        (await owner.get("/v1/me")).problem(401, "unauthenticated")
        await refused_by_kubectl(nobody, exchanged)
        await refused_by_kubectl(nobody, owner.token)
        assert (await person.get("/v1/me")).json["roles"] == {}
        (await person.get("/v1/tenants/blue")).problem(404, "not-found")
        (await boss.get("/v1/tenants/blue")).problem(404, "not-found")
        (await boss.put("/v1/tenants/blue/suspension", {"reason": "x"})).problem(404, "not-found")
        taken = await person.post("/v1/me/invitations/accept", {"secret": invited["secret"]})
        taken.problem(404, "not-found")
        for who in (boss, person):
            (await who.post("/v1/tenants", {"id": "blue"})).problem(409, "conflict")
        listed = (await boss.get("/v1/tenants")).json["items"]
        assert [item["id"] for item in listed] == ["red"]


async def refused_by_kubectl(nobody: Client, credential: str) -> None:
    review = {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": credential},
    }  # fmt: skip
    status = (await nobody.post("/internal/tokenreview", review)).json["status"]
    assert status["authenticated"] is False


# ── the registry ──


async def stored(world: World, tenant: str, images: int = 1) -> None:
    """Images of functions and an uploaded archive."""
    base = f"{world.registry.host}/funkhaus/python@sha256:" + "a" * 64
    world.registry.bases.add(base)
    for count in range(images):
        files = {"hello.py": str(count).encode()}
        await world.registry.push_function(base, f"functions/{tenant}/one/hello", files)
    await world.registry.put_archive(f"sources/{tenant}/one", b"an archive")


async def purge_row(world: World, tenant: str) -> dict[str, Any]:
    (row,) = [
        row
        for row in world.memory.state.audit
        if (row.tenant, row.action) == (tenant, "tenant:purge")
    ]
    return dict(row.detail)


async def test_images_and_archives_go_with_their_tenant_and_no_other_s(world: World) -> None:
    for tenant in ("blue", "red"):
        await furnish(world, tenant, add=False)
        await stored(world, tenant)
    await doom(world, "blue")
    await to_the_end(world)
    assert [name.split("/")[2] for name in world.registry.images] == ["red"]
    assert [repository for repository, _ in world.registry.archives] == ["sources/red/one"]
    assert await purge_row(world, "blue") == {"images": "gone"}


async def test_many_images_go_in_several_rounds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "IMAGES", 2)
    await furnish(world, "blue", add=False)
    await stored(world, "blue", images=5)
    await doom(world, "blue")
    await purge(world).round()
    await Outbox(world.stores, world.cluster, world.clock).deliver()
    left = []
    while not (await purge(world).round()).gone:
        left.append(len(world.registry.images))
    assert left == [3, 1]
    assert not world.registry.images


async def test_while_the_registry_is_away_a_tenant_waits(world: World) -> None:
    await furnish(world, "blue", add=False)
    await doom(world, "blue")
    await purge(world).round()
    await Outbox(world.stores, world.cluster, world.clock).deliver()
    world.registry.failure = lambda: UnavailableError("not now")
    assert await purge(world).round() == Purged(failed=1)
    async with world.stores.begin("blue") as work:
        assert await work.ledger.accounts(), "its end is not half done"
    world.registry.failure = lambda: None
    assert await purge(world).round() == Purged(gone=1)


async def test_a_registry_that_keeps_what_it_has_holds_nobody_up(world: World) -> None:
    await furnish(world, "blue", add=False)
    await stored(world, "blue")
    world.registry.keeps = True
    await doom(world, "blue")
    await to_the_end(world)
    assert world.registry.images
    assert await purge_row(world, "blue") == {"images": "kept"}
