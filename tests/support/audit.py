"""Audit logs in lists, and keys to sign them with."""

from __future__ import annotations

from copy import copy
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from funkhaus.domain.audit import Chain, Checkpoint, Entry, Link, storable
from funkhaus.domain.audit_verification import Anchor
from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.ports import AuditListed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.ports import AuditFilter, AuditRow

    from .stores import State


def a_key() -> str:
    """A new private key as PEM."""
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode()
    )


def public(pem: str) -> str:
    """The public half of a private key as PEM."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem.encode(), password=None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass
class Trails:
    """Entries as written, places by sequence, chains and checkpoints."""

    entries: list[Entry] = field(default_factory=list)
    places: dict[int, Link] = field(default_factory=dict)
    chains: dict[str, Chain] = field(default_factory=dict)
    checkpoints: list[Checkpoint] = field(default_factory=list)

    def copy(self) -> Trails:
        return Trails(*(copy(value) for value in vars(self).values()))


def append(state: State, row: AuditRow) -> None:
    state.audit.append(row)
    sequence = len(state.trails.entries) + 1
    facts = {name: storable(value) for name, value in asdict(row).items()}
    state.trails.entries.append(Entry(sequence=sequence, at=datetime.now(UTC), **facts))


class MemoryAuditTrail:
    def __init__(self, state: State, tenant: str) -> None:
        self._trails, self._tenant = state.trails, tenant

    @property
    def _own(self) -> list[Entry]:
        return [item for item in self._trails.entries if item.tenant == self._tenant]

    async def page(
        self, wanted: AuditFilter, *, before: int = 0, limit: int = 100
    ) -> tuple[Sequence[AuditListed], int]:
        found = [
            item
            for item in reversed(self._own)
            if (not before or item.sequence < before) and _fits(wanted, item)
        ]
        page = [self._listed(item) for item in found[:limit]]
        return page, page[-1].entry.sequence if len(found) > limit else 0

    def _listed(self, entry: Entry) -> AuditListed:
        link = self._trails.places.get(entry.sequence)
        return AuditListed(entry, link.position, link.hash) if link else AuditListed(entry)

    async def links(self, *, after: int, limit: int = 500) -> Sequence[Link]:
        own = [link for link in self._trails.places.values() if link.entry.tenant == self._tenant]
        own.sort(key=lambda link: link.position)
        return [link for link in own if link.position > after][:limit]

    async def checkpoints(
        self, *, after: int, until: int | None = None, limit: int = 500
    ) -> Sequence[Checkpoint]:
        own = [item for item in self._trails.checkpoints if item.tenant == self._tenant]
        return [
            item
            for item in own
            if item.position > after and (until is None or item.position <= until)
        ][:limit]

    async def chain(self) -> Chain:
        return self._trails.chains.get(self._tenant, Chain(self._tenant))

    async def anchor(self, position: int) -> Anchor:
        if position == 0:
            return Anchor()
        link = next(iter(await self.links(after=position - 1, limit=1)), None)
        if link is None or link.position != position:
            raise NotFoundError(f"there is no row at position {position} of this chain")
        signed = list(await self.checkpoints(after=0, until=position))
        if not signed:
            return Anchor(position, link.hash, waiting_since=link.entry.at)
        since = link.entry.at if signed[-1].position < position else None
        return Anchor(position, link.hash, signed[-1].position, signed[-1].digest, since)

    async def waiting(self) -> int:
        return min(1000, sum(item.sequence not in self._trails.places for item in self._own))


class MemoryAuditChains:
    def __init__(self, state: State) -> None:
        self._trails = state.trails

    async def waiting(self, *, limit: int = 2000) -> Sequence[tuple[str, datetime]]:
        waits = [item for item in self._trails.entries if item.sequence not in self._trails.places]
        since: dict[str, datetime] = {}
        for item in waits[:limit]:
            since.setdefault(item.tenant, item.at)
        return list(since.items())

    async def due(self, now: datetime, *, limit: int = 200) -> Sequence[str]:
        chains = [item for item in self._trails.chains.values() if item.due_at]
        chains.sort(key=lambda item: item.due_at or now)
        return [item.tenant for item in chains if item.due_at and item.due_at <= now][:limit]

    async def take(self, tenant: str) -> Chain | None:
        return self._trails.chains.setdefault(tenant, Chain(tenant))

    async def unlinked(self, tenant: str, *, limit: int = 500) -> Sequence[Entry]:
        return [
            item
            for item in self._trails.entries
            if item.tenant == tenant and item.sequence not in self._trails.places
        ][:limit]

    async def link(self, links: Sequence[Link], chain: Chain) -> None:
        for link in links:
            if link.entry.sequence in self._trails.places:
                raise ConflictError("a row has its place in the chain already")
            self._trails.places[link.entry.sequence] = link
        self._trails.chains[chain.tenant] = chain

    async def sign(self, checkpoint: Checkpoint, chain: Chain) -> None:
        self._trails.checkpoints.append(checkpoint)
        self._trails.chains[chain.tenant] = chain


def _fits(wanted: AuditFilter, entry: Entry) -> bool:
    action = wanted.action
    return (
        (
            entry.action.startswith(action[:-1])
            if action.endswith("*")
            else action in {"", entry.action}
        )
        and wanted.actor in {"", entry.subject, entry.sub, entry.token_id}
        and entry.target.startswith(wanted.target)
        and wanted.outcome in {"", entry.outcome}
        and (wanted.since is None or entry.at >= wanted.since)
        and (wanted.until is None or entry.at < wanted.until)
    )
