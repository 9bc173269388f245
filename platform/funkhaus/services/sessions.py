"""Sessions: what a user who signed in speaks with. Issued by a sign-in, ended by its own token or by time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus.domain.errors import ForbiddenError
from funkhaus.domain.token import TokenKind
from funkhaus.domain.user import SESSION_HOURS, Session
from funkhaus.ports import AuditRow

if TYPE_CHECKING:
    from funkhaus.domain.user import User
    from funkhaus.ports import Clock, PlatformWork, Stores, TokenMint
    from funkhaus.services.acts import Asker


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A session and its token's text, which is shown once and kept nowhere."""

    session: Session
    text: str


class SessionService:
    """Use cases on sessions."""

    def __init__(self, stores: Stores, mint: TokenMint, clock: Clock) -> None:
        self._stores, self._mint, self._clock = stores, mint, clock

    async def issue(
        self, work: PlatformWork, user: User, groups: tuple[str, ...], request_id: str = ""
    ) -> IssuedSession:
        """A session for somebody who just signed in, in the transaction that uses the sign-in up.

        Raises `ForbiddenError` for a disabled user.
        """
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
        )
        await work.users.add_session(session, self._mint.digest(text))
        await work.audit(
            _row(user.id, session.id, "session:begin", request_id, user.issuer, user.sub)
        )
        return IssuedSession(session, text)

    async def end(self, asker: Asker) -> None:
        """End the session the request came with; in force at once. Raises `ForbiddenError` for another credential."""
        subject = asker.subject
        if not subject.is_user:
            error = ForbiddenError(
                "this is an API token, no session: an owner of its tenant revokes it"
            )
            row = _row(subject.id, subject.token_id, "session:end", asker.request_id, "", "")
            denied = {"code": error.code, "message": error.message}
            async with self._stores.begin_platform() as work:
                await work.audit(replace(row, outcome="denied", detail=denied))
            raise error
        async with self._stores.begin_platform() as work:
            await work.users.revoke_session(subject.token_id, self._clock.now())
            await work.audit(
                _row(
                    subject.id,
                    subject.token_id,
                    "session:end",
                    asker.request_id,
                    subject.issuer,
                    subject.sub,
                )
            )


def _row(
    user_id: str, session_id: str, action: str, request_id: str, issuer: str, sub: str
) -> AuditRow:
    return AuditRow(
        tenant="",
        subject=f"fh:{user_id}",
        token_id=session_id,
        action=action,
        target=session_id,
        outcome="done",
        request_id=request_id,
        detail={},
        issuer=issuer,
        sub=sub,
    )
