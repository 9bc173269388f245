"""Sessions: what a user who signed in speaks with. Issued by a sign-in; seen and ended by their user, or ended by time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus.domain.errors import ForbiddenError, NotFoundError
from funkhaus.domain.keyset import Moment
from funkhaus.domain.token import TokenKind
from funkhaus.domain.user import SESSION_HOURS, Session
from funkhaus.ports import AuditRow
from funkhaus.services import states
from funkhaus.services.pages import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.user import User
    from funkhaus.ports import Clock, PlatformWork, Stores, TokenMint
    from funkhaus.services.acts import Acts, Asker

END = "session:end"
OTHERS = "others"
"""The target of an act that ends all sessions but one."""
TOLD_LIMIT = 100
"""Ids of ended sessions that an audit row names."""
NOT_A_SESSION = "this is an API token, no session: an owner of its tenant revokes it"


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A session and its token's text, which is shown once and kept nowhere."""

    session: Session
    text: str


class SessionService:
    """Use cases on sessions. What is ended opens nothing from the next request on, nor does what kubectl got from it."""

    def __init__(self, stores: Stores, acts: Acts, mint: TokenMint, clock: Clock) -> None:
        self._stores, self._acts, self._mint, self._clock = stores, acts, mint, clock

    async def issue(
        self,
        work: PlatformWork,
        user: User,
        groups: tuple[str, ...],
        request_id: str = "",
        client: str = "",
    ) -> IssuedSession:
        """A session for somebody who just signed in, in the transaction that uses the sign-in up.

        `client` is what the program that gets it calls itself. Raises `ForbiddenError` for a disabled user.
        """
        await work.users.lock(user.id)  # who is being disabled gets none that outlives it
        user = await work.users.user(user.id)
        if user.objection:
            raise ForbiddenError(user.objection)
        text, now = self._mint.mint(TokenKind.SESSION), self._clock.now()
        session = Session(
            id=str(uuid4()),
            user=user,
            groups=groups,
            last_four=text[-4:],
            created_at=now,
            expires_at=now + timedelta(hours=SESSION_HOURS),
            client=client,
        )
        await work.sessions.add(session, self._mint.digest(text))
        await work.audit(
            AuditRow(
                tenant="",
                subject=f"fh:{user.id}",
                token_id=session.id,
                action="session:begin",
                target=session.id,
                outcome="done",
                request_id=request_id,
                detail={"client": client} if client else {},
                issuer=user.issuer,
                sub=user.sub,
            )
        )
        return IssuedSession(session, text)

    async def page(self, asker: Asker, *, after: str, limit: int) -> tuple[Sequence[Session], str]:
        """The asker's own that are valid, newest first, and where the next page begins ("" when there is none).

        A token has none. Raises `InvalidError` for a place no page named.
        """
        place = Moment.parse(after)
        if not asker.subject.is_user:
            return [], ""
        async with self._stores.begin_platform() as work:
            found = await work.sessions.page(
                asker.subject.id, self._clock.now(), after=place, limit=limit + 1
            )
        return cut(found, limit, lambda item: Moment.of(item.created_at, item.id))

    async def end(self, asker: Asker, session_id: str = "") -> None:
        """End one of the asker's own at once, unless named the one they came with; one that is over stays as it was.

        Raises `NotFoundError`, also for somebody else's, and `ForbiddenError` for another credential than a session.
        """
        session_id = session_id or asker.subject.token_id
        async with self._acts.recording(asker, "", END, session_id) as act:
            _check_session(asker)
            async with self._stores.begin_platform() as work:
                session, now = await work.sessions.get(session_id), self._clock.now()
                if session is None or session.user.id != asker.subject.id:
                    raise NotFoundError(f"there is no session {session_id!r} of yours")
                await work.sessions.revoke(session.id, now)
                ended = replace(session, revoked_at=session.revoked_at or now)
                act.changed(states.session(session), states.session(ended))
                await work.audit(act.row("done"))
                act.recorded = True

    async def end_others(self, asker: Asker) -> int:
        """End all of the asker's own but the one the request came with; how many that were.

        Raises `ForbiddenError` for another credential than a session.
        """
        async with self._acts.recording(asker, "", END, OTHERS) as act:
            _check_session(asker)
            async with self._stores.begin_platform() as work:
                ended = await work.sessions.revoke_of(
                    asker.subject.id, self._clock.now(), keep=asker.subject.token_id
                )
                act.detail |= told(ended)
                await work.audit(act.row("done"))
                act.recorded = True
        return len(ended)


def told(ended: Sequence[str]) -> dict[str, object]:
    """Sessions that were ended together, for the audit log."""
    return {"ended": len(ended), "sessions": list(ended[:TOLD_LIMIT])}


def _check_session(asker: Asker) -> None:
    if not asker.subject.is_user:
        raise ForbiddenError(NOT_A_SESSION)
