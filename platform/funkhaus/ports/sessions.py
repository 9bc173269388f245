"""The port to sessions of people who signed in: part of `PlatformWork`, for they are nobody's tenant's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.user import Session


class Sessions(Protocol):
    """Sessions, to be read and changed. Whose text a request came with is in `Lookups`."""

    async def add(self, session: Session, digest: bytes) -> None:
        """Insert a session by the keyed digest of its token; raises `ConflictError` for a digest there is."""

    async def get(self, session_id: str) -> Session | None:
        """The session with this id, valid or not; none for what is no id."""

    async def page(
        self, user_id: str, now: datetime, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[Session]:
        """A user's that are valid at `now`, newest first, those older than `after`."""

    async def of_groups(
        self,
        tenant: str,
        groups: Mapping[str, Collection[str]],
        now: datetime,
        *,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[Session]:
        """Sessions valid at `now` whose sign-in named one of `groups` of its issuer (by issuer), the newest of each user
        who is no member of `tenant` and not disabled; by the user's id, those behind `after`; none behind what is no id.
        """

    async def touch(self, uses: Mapping[str, datetime]) -> None:
        """Note when sessions, by id, were last used; what is noted already and later stays."""

    async def revoke(self, session_id: str, now: datetime) -> None:
        """Revoke; one that is revoked or not there stays as it is."""

    async def revoke_of(self, user_id: str, now: datetime, *, keep: str = "") -> Sequence[str]:
        """Revoke a user's that are valid at `now`, but the one with the id `keep`; the ids of those, sorted."""

    async def forget(self, before: datetime, *, limit: int = 200) -> int:
        """Delete sessions that ended before by time, some at a time, but those a sign-in names; how many that were."""
