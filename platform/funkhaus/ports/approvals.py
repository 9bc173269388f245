"""The ports to approvals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from funkhaus.domain.approval import Approval, ApprovalState, Vote
    from funkhaus.domain.charge import Key
    from funkhaus.domain.keyset import Moment


@dataclass(frozen=True, slots=True)
class Checked:
    """What an object was last found to need no approval for: its uid and the digest of its spec."""

    uid: str
    spec_digest: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for a decision: how many, and when the oldest was asked for."""

    count: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """An approval that came into a state, and whose it is."""

    id: str
    state: ApprovalState
    tenant: str
    key: Key


class Approvals(Protocol):
    """A tenant's."""

    async def put(self, approval: Approval) -> None:
        """Insert, or write down what became of it; votes are left alone."""

    async def vote(self, approval_id: str, vote: Vote) -> None:
        """Write down a yes; raises `ConflictError` for a person's second one."""

    async def find(self, approval_id: str, *, locked: bool = False) -> Approval:
        """One, with its votes; `locked` until the transaction ends. Raises `NotFoundError`."""

    async def of(self, key: Key, digest: str, *, locked: bool = False) -> Sequence[Approval]:
        """An object's that are neither superseded nor withdrawn: those of this content first, then the newest; fifty."""

    async def page(
        self,
        state: ApprovalState | None = None,
        *,
        namespaces: Collection[str] = (),
        after: Moment | None = None,
        limit: int = 100,
    ) -> Sequence[Approval]:
        """Those of objects that were seen, newest first, what is older than `after`; in one state, or in some namespaces,
        where such are named.
        """

    async def times(self, key: Key, digest: str, since: datetime) -> Sequence[datetime]:
        """When this content of an object was asked for since then, oldest first, whatever became of it; a hundred."""

    async def waiting(self) -> int:
        """How many are pending, seen or not."""

    async def checked(self, key: Key) -> Checked | None:
        """What an object was last found to need none for."""

    async def check(self, key: Key, checked: Checked | None, now: datetime) -> None:
        """Write that down; ``None`` forgets it."""

    async def issuers(self, username: str) -> frozenset[str]:
        """The people who issued the tokens of a cluster user; none for a person, or nobody of ours."""

    async def tell(self, event: str, payload: dict[str, object]) -> None:
        """Put a notification into the outbox, in this transaction."""


class PlatformApprovals(Protocol):
    """All tenants'."""

    async def pending(self, *, after: Moment | None = None, limit: int = 100) -> Sequence[Approval]:
        """What waits for a decision and was seen, oldest first, what is younger than `after`."""

    async def backlog(self) -> Backlog:
        """All that waits for a decision and was seen."""

    async def lapsed(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[Approval]:
        """Open ones whose time is over, by id, those after `after`."""

    async def changed(self, seconds: float, *, limit: int = 1000) -> Sequence[Change]:
        """What came into its state in the last seconds, by the database's own clock, newest first."""

    async def open(self, *, limit: int = 5000) -> Sequence[Change]:
        """What is neither superseded nor withdrawn, newest first."""

    async def forget(self, before: datetime, *, limit: int = 500) -> int:
        """Delete what was superseded or withdrawn before then; how many. The audit log has it still. What was rejected or
        expired holds its object and stays with it.
        """
