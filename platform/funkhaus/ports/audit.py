"""The ports to the audit log: what is read of a chain, what the one who links it does, and who signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.audit import Chain, Checkpoint, Entry, Link, PublicKey
    from funkhaus.domain.audit_verification import Anchor


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows: empty is any. `actor` is a subject, a provider's `sub` or a token's id; `target` is its beginning;
    `action` ends in ``*`` where its beginning is enough. `since` is included, `until` is not.
    """

    action: str = ""
    actor: str = ""
    target: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditListed:
    """A row and its place in the chain; 0 and "" while it waits for it."""

    entry: Entry
    position: int = 0
    hash: str = ""


class AuditTrail(Protocol):
    """One chain, read: the tenant's of the transaction, or the platform's."""

    async def page(
        self, wanted: AuditFilter, *, before: int = 0, limit: int = 100
    ) -> tuple[Sequence[AuditListed], int]:
        """Rows with a lower sequence than `before` (0: from the newest), newest first, and the `before` of the next page, 0
        for none. A page looks through a bounded number of rows: it may hold few, or none, and still have a next one.
        """

    async def links(self, *, after: int, limit: int = 500) -> Sequence[Link]:
        """Linked rows behind a position."""

    async def checkpoints(
        self, *, after: int, until: int | None = None, limit: int = 500
    ) -> Sequence[Checkpoint]:
        """Checkpoints behind a position, up to `until` where it is given; in the order they were made."""

    async def chain(self) -> Chain:
        """Where the chain says it stands."""

    async def anchor(self, position: int) -> Anchor:
        """Where a verification can go on behind `position`; raises `NotFoundError` where there is no such row."""

    async def waiting(self) -> int:
        """How many rows wait to be linked; counts to a thousand."""


class AuditChains(Protocol):
    """What the chainer does, over all chains."""

    async def waiting(self, *, limit: int = 2000) -> Sequence[tuple[str, datetime]]:
        """Chains that the oldest `limit` rows without a place belong to, longest waiting first, and since when."""

    async def due(self, now: datetime, *, limit: int = 200) -> Sequence[str]:
        """Chains whose next checkpoint is due."""

    async def take(self, tenant: str) -> Chain | None:
        """Be the one to write this chain until the transaction ends; ``None`` when somebody else is."""

    async def unlinked(self, tenant: str, *, limit: int = 500) -> Sequence[Entry]:
        """Rows without a place, oldest first. The chain was taken."""

    async def link(self, links: Sequence[Link], chain: Chain) -> None:
        """Give rows their place, and write down where the chain stands then. The chain was taken.

        Raises `ConflictError` when one of them has a place already.
        """

    async def sign(self, checkpoint: Checkpoint, chain: Chain) -> None:
        """Keep a checkpoint, and where the chain stands then. The chain was taken."""


class Signer(Protocol):
    """Who signs checkpoints, and knows the keys they were ever signed with."""

    @property
    def key_id(self) -> str:
        """Of the key that signs now; empty where there is none, and then nothing is signed."""

    def public_keys(self) -> Sequence[PublicKey]:
        """The key that signs now first, then those before it."""

    def sign(self, message: bytes) -> bytes:
        """The signature."""

    def check(self, key: bytes, signature: bytes, message: bytes) -> bool:
        """Whether a signature is a raw public key's."""
