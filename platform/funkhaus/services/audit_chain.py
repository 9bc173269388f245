"""The chainer: gives audit rows their place in their chain, and signs where chains stand.

Writers append rows and never wait for it. Any number of processes may run it: a chain has one writer at a time, by a lock
that ends with its transaction, and what a process that dies had not committed never happened.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.audit import Checkpoint, linked
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.ports import Clock, Signer, Stores

BATCH = 500
"""Rows of one chain in one transaction."""
SIGN_AFTER = timedelta(seconds=30)
"""A row is covered by a checkpoint after this, and a round's pause, at the latest."""
SIGN_ROWS = 1000
"""So many rows are covered at once."""
_LOG = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Chained:
    """What a round did: rows linked, checkpoints signed, chains that failed; since when the oldest row waited when it
    began, and whether there is more to do at once.
    """

    linked: int = 0
    signed: int = 0
    failed: int = 0
    oldest: datetime | None = None
    more: bool = False


class Chainer:
    """Rounds over the chains that have something new."""

    def __init__(self, stores: Stores, clock: Clock, signer: Signer) -> None:
        self._stores, self._clock, self._signer = stores, clock, signer

    async def round(self) -> Chained:
        """Link a batch of every chain that waits, then sign what is due. Raises `UnavailableError`."""
        async with self._stores.begin_platform() as work:
            waiting = await work.audit_chains.waiting()
        done = Chained(oldest=waiting[0][1] if waiting else None)
        for tenant, _ in waiting:
            try:
                count = await self._link(tenant)
            except FunkhausError as error:
                done = replace(done, failed=done.failed + 1)
                _LOG.warning("audit rows not linked", chain=tenant, error=error.message)
                continue
            done = replace(done, linked=done.linked + count, more=done.more or count == BATCH)
        return await self._sign_due(done)

    async def _link(self, tenant: str) -> int:
        async with self._stores.begin_platform() as work:
            chain = await work.audit_chains.take(tenant)
            if chain is None:
                return 0
            # Rows that are there now: one that commits later gets a later place, whatever its sequence.
            entries = await work.audit_chains.unlinked(tenant, limit=BATCH)
            if not entries:
                return 0
            links = linked(chain, entries)
            last, now = links[-1], self._clock.now()
            due_at = chain.due_at or now + SIGN_AFTER
            if last.position - chain.signed_position >= SIGN_ROWS:
                due_at = min(due_at, now)
            after = replace(chain, position=last.position, hash=last.hash, due_at=due_at)
            await work.audit_chains.link(links, after)
        return len(links)

    async def _sign_due(self, done: Chained) -> Chained:
        if not self._signer.key_id:
            return done
        async with self._stores.begin_platform() as work:
            due = await work.audit_chains.due(self._clock.now())
        for tenant in due:
            try:
                signed = await self._sign(tenant)
            except FunkhausError as error:
                done = replace(done, failed=done.failed + 1)
                _LOG.warning("audit chain not signed", chain=tenant, error=error.message)
                continue
            done = replace(done, signed=done.signed + int(signed))
        return done

    async def _sign(self, tenant: str) -> bool:
        async with self._stores.begin_platform() as work:
            chain, now = await work.audit_chains.take(tenant), self._clock.now()
            if chain is None or chain.due_at is None or chain.due_at > now:
                return False
            draft = Checkpoint(
                tenant, chain.position, chain.hash, now, chain.signed_digest, self._signer.key_id
            )
            signature = urlsafe_b64encode(self._signer.sign(draft.statement)).rstrip(b"=").decode()
            checkpoint = draft.signed(signature)
            after = replace(
                chain, signed_position=chain.position, signed_digest=draft.digest, due_at=None
            )
            await work.audit_chains.sign(checkpoint, after)
        # Where logs are shipped, this is the copy that somebody who rewrites the database can't reach.
        _LOG.info(
            "audit checkpoint",
            chain=tenant,
            position=checkpoint.position,
            hash=checkpoint.hash,
            at=checkpoint.at.isoformat(),
            previous=checkpoint.previous,
            key_id=checkpoint.key_id,
            signature=checkpoint.signature,
        )
        return True
