"""Somebody with the owner's rights on the database rewrites the audit log: what verification says, and what it can't see.

Every attack goes past grants, policies and triggers, as the superuser can.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from funkhaus.auth import Ed25519Signer
from funkhaus.domain.audit import GENESIS, PLATFORM, Chain, linked
from funkhaus.domain.audit_verification import Anchor, verify
from funkhaus.domain.tenant import Tenant
from funkhaus.ports import AuditRow
from funkhaus.services.audit_chain import SIGN_AFTER, Chainer
from funkhaus.storage import PostgresStores, open_engine
from funkhaus.storage.walls import PLATFORM_ROLE, SETTING, TENANT_ROLE
from tests.support.audit import a_key
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from funkhaus.domain.audit import Link


class Log:
    """Chains of blue, red and the platform, of six rows each: four under two checkpoints, two behind them."""

    def __init__(self, url: str, stores: PostgresStores) -> None:
        self.url, self.stores, self.clock = url, stores, FakeClock()
        self.signer = Ed25519Signer(a_key())
        self.hurt: frozenset[str] = frozenset()
        """Chains an attack was meant to reach, beside blue's."""
        self.chainer = Chainer(stores, self.clock, self.signer)

    async def write(self, tenant: str, *numbers: int) -> None:
        for number in numbers:
            facts = ("fh:1", "t-1", "function:create", f"f{number}", "done", "r", {"n": number})
            async with self.stores.begin_platform() as work:
                await work.audit(AuditRow(tenant, *facts))

    async def grow(self, first: int, *, signed: bool) -> None:
        for tenant in ("blue", "red", PLATFORM):
            await self.write(tenant, first, first + 1)
        await self.chainer.round()
        if signed:
            self.clock.pass_seconds(SIGN_AFTER.total_seconds())
            assert (await self.chainer.round()).signed == 3

    async def attack(self, *statements: str, **values: object) -> None:
        engine = create_async_engine(self.url, poolclass=NullPool)
        async with engine.connect() as connection:
            await connection.execute(text("SET session_replication_role = replica"))
            for statement in statements:
                await connection.execute(text(statement), values)
            await connection.commit()
        await engine.dispose()

    async def links(self, tenant: str = "blue") -> Sequence[Link]:
        async with self.stores.begin(tenant) as work:
            return await work.audit_trail.links(after=0)

    async def found(self, tenant: str = "blue") -> list[str]:
        """``code@position`` of every finding."""
        begin = self.stores.begin(tenant) if tenant else self.stores.begin_platform()
        async with begin as work:
            trail = work.audit_trail
            links, signed = await trail.links(after=0), await trail.checkpoints(after=0)
            end = await trail.chain()
        keys = {key.id: key.raw for key in self.signer.public_keys()}
        report = verify(tenant, Anchor(), links, signed, keys, self.signer.check, end=end)
        return [f"{item.code}@{item.path.removeprefix('position ')}" for item in report.findings]

    async def rewrite(self, first: int, subject: str) -> None:
        """Change who did it at a position, and hash everything from there on anew, the head included."""
        links = await self.links()
        head = Chain("blue", first - 1, links[first - 2].hash if first > 1 else GENESIS)
        await self.attack(
            "UPDATE audit SET subject = :subject WHERE tenant_id = 'blue' AND position = :first",
            subject=subject,
            first=first,
        )
        entries = [link.entry for link in (await self.links())[first - 1 :]]
        for link in linked(head, entries):
            await self.attack(
                "UPDATE audit SET previous = :previous, hash = :hash WHERE sequence = :sequence",
                previous=link.previous,
                hash=link.hash,
                sequence=link.entry.sequence,
            )
        last = (await self.links())[-1]
        await self.attack("UPDATE audit_chains SET hash = :h WHERE chain = 'blue'", h=last.hash)


@pytest.fixture
async def log(database: str) -> AsyncIterator[Log]:
    engine = open_engine(database, pool=3, seconds=5, name="audit")
    log = Log(database, PostgresStores(engine))
    for tenant in ("blue", "red"):
        async with log.stores.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small"))
    await log.grow(0, signed=True)
    await log.grow(2, signed=True)
    await log.grow(4, signed=False)
    yield log
    for neighbour in ("red", PLATFORM):
        assert neighbour in log.hurt or await log.found(neighbour) == []
    await engine.close()


BLUE = "WHERE tenant_id = 'blue'"


async def test_nothing_is_found_where_nothing_was_done(log: Log) -> None:
    for tenant in ("blue", "red", PLATFORM):
        assert await log.found(tenant) == []
    assert [link.position for link in await log.links()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("position", "found"),
    [
        (1, ["position-missing@1"]),
        (3, ["position-missing@3"]),
        (4, ["position-missing@4"]),
        (5, ["position-missing@5"]),
        (6, ["chain-truncated@6"]),
    ],
)
async def test_a_deleted_row(log: Log, position: int, found: list[str]) -> None:
    await log.attack(f"DELETE FROM audit {BLUE} AND position = {position}")
    assert await log.found() == found


@pytest.mark.parametrize(
    "change",
    [
        "subject = 'fh:2'", "detail = jsonb_set(detail, '{n}', '7')", "at = at + interval '1 microsecond'",
        "outcome = 'denied'", "before = 'x'", "token_id = ''", "request_id = 'other'", "target = 'g'",
        "action = 'function:delete'", "issuer = 'x'", "sub = 'x'", "uid = 'x'", "after = 'x'",
    ],
)  # fmt: skip
async def test_an_edited_row(log: Log, change: str) -> None:
    await log.attack(f"UPDATE audit SET {change} {BLUE} AND position = 2")
    assert await log.found() == ["entry-changed@2"]


async def test_an_edited_row_hashed_anew(log: Log) -> None:
    await log.rewrite(2, "fh:2")
    assert await log.found() == ["checkpoint-disagrees@2", "checkpoint-disagrees@4"]


async def test_rows_in_another_order(log: Log) -> None:
    await log.attack(
        f"UPDATE audit SET position = 100 {BLUE} AND position = 2",
        f"UPDATE audit SET position = 2 {BLUE} AND position = 3",
        f"UPDATE audit SET position = 3 {BLUE} AND position = 100",
    )
    found = await log.found()
    assert {"entry-changed@2", "entry-changed@3", "chain-broken@2"} <= set(found)


async def test_rows_swapped_with_their_hashes(log: Log) -> None:
    await log.attack(
        *(
            f"UPDATE audit SET position = {new}, previous = (SELECT previous FROM audit a {BLUE} AND position = {old})"
            f" {BLUE} AND position = {old}"
            for old, new in ((2, 100), (3, 2), (100, 3))
        )
    )
    assert {"entry-changed@2", "entry-changed@3"} <= set(await log.found())


async def test_a_cut_end_under_a_checkpoint(log: Log) -> None:
    """Rows 4 to 6 and, to hide it, the head: the checkpoint at 4 still says there was a row."""
    third = (await log.links())[2]
    await log.attack(
        f"DELETE FROM audit {BLUE} AND position > 3",
        "UPDATE audit_chains SET position = 3, hash = :hash WHERE chain = 'blue'",
        hash=third.hash,
    )
    assert await log.found() == ["chain-truncated@4"]


async def test_a_cut_end_behind_the_last_checkpoint_is_seen_only_by_the_head(log: Log) -> None:
    await log.attack(f"DELETE FROM audit {BLUE} AND position > 4")
    assert await log.found() == ["chain-truncated@5"]
    # What is written next follows the head: the hole stays.
    await log.write("blue", 9)
    await log.chainer.round()
    assert await log.found() == ["position-missing@5"]


async def test_what_nobody_can_see_a_cut_end_behind_the_last_checkpoint_with_the_head_set_back(
    log: Log,
) -> None:
    """The limit: rows younger than the last checkpoint (30 s), for somebody who rewrites every table. docs/audit.md."""
    fourth = (await log.links())[3]
    await log.attack(
        f"DELETE FROM audit {BLUE} AND position > 4",
        "UPDATE audit_chains SET position = 4, hash = :hash, due_at = NULL WHERE chain = 'blue'",
        hash=fourth.hash,
    )
    assert await log.found() == []


async def test_what_only_a_copy_can_see_checkpoints_deleted_with_the_rows_they_cover(
    log: Log,
) -> None:
    """The other limit: everything since a checkpoint is gone, with all later checkpoints. Who holds one of those (an
    export, the API server's log) sees it.
    """
    async with log.stores.begin("blue") as work:
        first, held = await work.audit_trail.checkpoints(after=0)
    await log.attack(
        f"DELETE FROM audit {BLUE} AND position > 2",
        f"DELETE FROM audit_checkpoints {BLUE} AND position > 2",
        "UPDATE audit_chains SET position = 2, hash = :hash, signed_position = 2, signed_digest = :digest, due_at = NULL"
        " WHERE chain = 'blue'",
        hash=first.hash,
        digest=first.digest,
    )
    assert await log.found() == []
    links = await log.links()
    keys = {key.id: key.raw for key in log.signer.public_keys()}
    report = verify("blue", Anchor(), links, [first, held], keys, log.signer.check)
    assert [item.code for item in report.findings] == ["chain-truncated"]


async def test_rows_swapped_between_tenants(log: Log) -> None:
    log.hurt = frozenset({"red"})
    await log.attack(
        "UPDATE audit SET tenant_id = 'other' WHERE tenant_id = 'blue' AND position = 3",
        "UPDATE audit SET tenant_id = 'blue' WHERE tenant_id = 'red' AND position = 3",
        "UPDATE audit SET tenant_id = 'red' WHERE tenant_id = 'other' AND position = 3",
    )
    for tenant in ("blue", "red"):
        found = await log.found(tenant)
        assert {"entry-changed@3", "chain-broken@3", "chain-broken@4"} <= set(found)


async def test_whole_chains_swapped(log: Log) -> None:
    log.hurt = frozenset({"red"})
    await log.attack(
        *(
            statement
            for old, new in (("blue", "other"), ("red", "blue"), ("other", "red"))
            for statement in (
                f"UPDATE audit SET tenant_id = '{new}' WHERE tenant_id = '{old}'",
                f"UPDATE audit_checkpoints SET tenant_id = '{new}' WHERE tenant_id = '{old}'",
                f"UPDATE audit_chains SET tenant_id = '{new}', chain = '{new}' WHERE chain = '{old}'",
            )
        )
    )
    for tenant in ("blue", "red"):
        found = {item.partition("@")[0] for item in await log.found(tenant)}
        assert {"entry-changed", "checkpoint-forged"} <= found


async def test_a_forged_checkpoint_for_a_chain_written_anew(log: Log) -> None:
    """Another key, under the name of ours: it is in nobody's list."""
    await log.rewrite(2, "fh:2")
    links = await log.links()
    other = Ed25519Signer(a_key())
    for position in (2, 4):
        await log.attack(
            f"UPDATE audit_checkpoints SET hash = :hash, signature = :s {BLUE} AND position = :p",
            hash=links[position - 1].hash,
            s=other.sign(b"anything").hex(),
            p=position,
        )
    found = await log.found()
    assert {"checkpoint-forged@2", "checkpoint-forged@4"} <= set(found)
    await log.attack(f"UPDATE audit_checkpoints SET key_id = '{other.key_id}' {BLUE}")
    assert "checkpoint-key-unknown@2" in await log.found()


async def test_a_deleted_checkpoint(log: Log) -> None:
    await log.attack(f"DELETE FROM audit_checkpoints {BLUE} AND position = 2")
    assert await log.found() == ["checkpoint-missing@4"]


async def test_the_last_checkpoint_deleted_is_missed_by_the_next(log: Log) -> None:
    await log.attack(f"DELETE FROM audit_checkpoints {BLUE} AND position = 4")
    assert await log.found() == []
    log.clock.pass_seconds(SIGN_AFTER.total_seconds())
    await log.chainer.round()
    assert await log.found() == ["checkpoint-missing@6"]


# -- what stands in the way before anybody has to verify


@pytest.mark.parametrize("role", [TENANT_ROLE, PLATFORM_ROLE, ""])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET subject = 'fh:2'",
        "UPDATE audit SET position = 9, previous = '', hash = ''",
        "UPDATE audit SET hash = 'x' WHERE position = 1",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_checkpoints SET signature = 'x'",
        "DELETE FROM audit_checkpoints",
        "TRUNCATE audit_checkpoints",
    ],
)
async def test_neither_processes_nor_the_owner_change_what_is_written(
    log: Log, role: str, statement: str
) -> None:
    """The owner is held by triggers, which they could drop: that takes intent, no slip of the hand."""
    settings = {"server_settings": {"role": role}} if role else {}
    engine = create_async_engine(log.url, poolclass=NullPool, connect_args=settings)
    async with engine.connect() as connection:
        await connection.execute(text(f"SELECT set_config('{SETTING}', 'blue', true)"))
        with pytest.raises(DBAPIError) as refused:
            await connection.execute(text(statement))
        assert refused.value.orig is not None
        assert getattr(refused.value.orig, "sqlstate", "") == "42501"
    await engine.dispose()
    assert await log.found() == []


async def test_a_writer_chooses_neither_time_nor_place(log: Log) -> None:
    engine = create_async_engine(
        log.url, poolclass=NullPool, connect_args={"server_settings": {"role": TENANT_ROLE}}
    )
    columns = "tenant_id, subject, token_id, action, target, outcome, request_id, detail"
    values = f"'blue', '', '', '', '', '', '', '{json.dumps({})}'"
    async with engine.connect() as connection:
        for column, value in (("at", "now()"), ("position", "7"), ("hash", "'x'")):
            await connection.execute(text(f"SELECT set_config('{SETTING}', 'blue', true)"))
            with pytest.raises(DBAPIError, match="permission denied"):
                await connection.execute(
                    text(f"INSERT INTO audit ({columns}, {column}) VALUES ({values}, {value})")
                )
            await connection.rollback()
    await engine.dispose()
