"""The audit log read: by page, verified, exported. A tenant's by its owners, all by platform admins and auditors."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from funkhaus.domain import audit_export
from funkhaus.domain.audit_verification import FINDINGS_LIMIT, verify
from funkhaus.domain.permission import Permission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from funkhaus.domain.audit import Chain, Checkpoint, Link, PublicKey
    from funkhaus.domain.audit_verification import Anchor
    from funkhaus.domain.verdict import Finding
    from funkhaus.ports import AuditFilter, AuditListed, AuditTrail, Clock, Signer, Stores
    from funkhaus.services.acts import Acts, Asker

PART = 500
"""Rows read in one transaction."""
VERIFY_ROWS = 20_000
"""Rows of one verification."""
EXPORT_ROWS = 100_000
"""Rows of one export."""
CHECKPOINTS_LIMIT = 1000
"""Checkpoints of a part: there is at most one a row."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in rows behind `after` up to `position`; not `complete` where the chain goes on behind it.

    `head` is where the chain says it stands, `signed` the last position a checkpoint covers, `waiting` how many rows have
    no place yet.
    """

    after: int
    position: int
    checkpoints: int
    signed: int
    head: int
    waiting: int
    complete: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    links: Sequence[Link]
    signed: Sequence[Checkpoint]
    last: bool


class AuditService:
    """Use cases on audit logs; `tenant` is empty for the platform's own."""

    def __init__(self, stores: Stores, acts: Acts, clock: Clock, signer: Signer) -> None:
        self._stores, self._acts, self._clock, self._signer = stores, acts, clock, signer

    def keys(self) -> Sequence[PublicKey]:
        """The public keys of checkpoints, the one that signs now first."""
        return self._signer.public_keys()

    async def page(
        self, asker: Asker, tenant: str, wanted: AuditFilter, *, before: int, limit: int
    ) -> tuple[Sequence[AuditListed], int]:
        """Rows, newest first, and where the next page begins, 0 for nowhere. Raises `NotFoundError`, `ForbiddenError`."""
        async with self._reading(asker, tenant), self._trail(tenant) as trail:
            return await trail.page(wanted, before=before, limit=limit)

    async def verification(self, asker: Asker, tenant: str, after: int) -> Verification:
        """Verify up to `VERIFY_ROWS` behind `after`; raises `NotFoundError` where there is no row at `after`."""
        async with self._reading(asker, tenant):
            end, anchor, waiting = await self._stand(tenant, after)
            keys = {key.id: key.raw for key in self.keys()}
            findings: tuple[Finding, ...] = ()
            checkpoints, complete = 0, False
            async for part in self._parts(tenant, after, end, VERIFY_ROWS):
                report = verify(
                    tenant, anchor, part.links, part.signed, keys, self._signer.check,
                    end=end if part.last else None, now=self._clock.now(),
                )  # fmt: skip
                anchor, complete = report.anchor, part.last
                checkpoints += len(part.signed)
                findings = (*findings, *report.findings)[:FINDINGS_LIMIT]
        return Verification(
            after, anchor.position, checkpoints, anchor.signed_position, end.position, waiting, complete, findings,
        )  # fmt: skip

    async def export(self, asker: Asker, tenant: str, after: int) -> AsyncIterator[dict[str, Any]]:
        """The lines of an export (`funkhaus.domain.audit_export`), at most `EXPORT_ROWS` rows behind `after`.

        Raises before the first line: `NotFoundError`, `ForbiddenError`.
        """
        async with self._reading(asker, tenant):
            end, anchor, _ = await self._stand(tenant, after)
        return self._lines(tenant, after, end, anchor)

    async def _lines(
        self, tenant: str, after: int, end: Chain, anchor: Anchor
    ) -> AsyncIterator[dict[str, Any]]:
        yield audit_export.header(tenant, anchor, self.keys(), self._clock.now())
        position, complete = after, False
        async for part in self._parts(tenant, after, end, EXPORT_ROWS):
            signed = list(part.signed)
            for link in part.links:
                yield audit_export.entry(link)
                position = link.position
                while signed and signed[0].position <= position:
                    yield audit_export.checkpoint(signed.pop(0))
            for item in signed:
                yield audit_export.checkpoint(item)
            complete = part.last
        yield audit_export.end(position, end, complete=complete)

    async def _parts(self, tenant: str, after: int, end: Chain, rows: int) -> AsyncIterator[_Part]:
        """The chain in parts, as it was when `end` was read: what was linked since belongs to the next time."""
        position, left = after, rows
        while left > 0:
            async with self._trail(tenant) as trail:
                links = list(await trail.links(after=position, limit=PART))
                last = len(links) < PART
                upper = None if last else links[-1].position
                signed = list(
                    await trail.checkpoints(after=position, until=upper, limit=CHECKPOINTS_LIMIT)
                )
                grown = (await trail.chain()).position > end.position
            if grown and (last or links[-1].position >= end.position):
                links = [link for link in links if link.position <= end.position]
                signed = [item for item in signed if item.position <= end.position]
                last = True
            yield _Part(links, signed, last)
            if last:
                return
            position, left = links[-1].position, left - len(links)

    async def _stand(self, tenant: str, after: int) -> tuple[Chain, Anchor, int]:
        async with self._trail(tenant) as trail:
            end = await trail.chain()
            return end, await trail.anchor(after), await trail.waiting()

    @asynccontextmanager
    async def _reading(self, asker: Asker, tenant: str) -> AsyncIterator[None]:
        async with self._acts.reading(asker, Permission.AUDIT_READ, tenant or None):
            if tenant and tenant not in asker.subject.roles:
                # A tenant that was deleted keeps its log, for admins and auditors.
                await self._known(tenant)
            yield

    async def _known(self, tenant: str) -> None:
        async with self._stores.begin(tenant) as work:
            if (await work.audit_trail.chain()).position == 0:
                await work.tenant()

    @asynccontextmanager
    async def _trail(self, tenant: str) -> AsyncIterator[AuditTrail]:
        if tenant:
            async with self._stores.begin(tenant) as work:
                yield work.audit_trail
        else:
            async with self._stores.begin_platform() as platform:
                yield platform.audit_trail
