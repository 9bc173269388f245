"""Users the platform lets in no more: whatever their provider says, and whichever roles they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.errors import ConflictError
from funkhaus.domain.permission import Permission
from funkhaus.domain.tenant import Suspension
from funkhaus.services import states
from funkhaus.services.quotas import reasoned
from funkhaus.services.sessions import told

if TYPE_CHECKING:
    from funkhaus.domain.user import User
    from funkhaus.ports import Clock, Stores
    from funkhaus.services.acts import Acts, Asker


class DisablingService:
    """Use cases for platform admins. A user's sessions end, with what kubectl got from them, from the next request on.

    Tokens a user issued are their tenant's, not theirs: an owner revokes those.
    """

    def __init__(self, stores: Stores, acts: Acts, clock: Clock) -> None:
        self._stores, self._acts, self._clock = stores, acts, clock

    async def disable(self, asker: Asker, user_id: str, reason: str) -> User:
        """Have a user stay out, for a reason they read. Raises `InvalidError`, `NotFoundError`, `ConflictError`."""
        async with self._acts.doing(asker, Permission.USER_DISABLE, None, user_id) as act:
            reason = reasoned(reason)
            act.detail["reason"] = reason
            if asker.subject.is_user and user_id.lower() == asker.subject.id:
                raise ConflictError("this is you: another platform admin can disable you")
            word = Suspension(self._clock.now(), reason, asker.subject.name)
            async with self._stores.begin_platform() as work:
                before = await work.users.user(user_id)
                changed = await work.users.disable(
                    user_id, word
                )  # and who signs in meanwhile waits
                act.detail |= told(await work.sessions.revoke_of(before.id, word.at))
                act.changed(states.user(before), states.user(changed))
                await work.audit(act.row("done"))
                act.recorded = True
        return changed

    async def enable(self, asker: Asker, user_id: str) -> User:
        """Let a user sign in again; one who is not disabled stays as they are. Raises `NotFoundError`."""
        async with (
            self._acts.doing(
                asker, Permission.USER_DISABLE, None, user_id, action="user:enable"
            ) as act,
            self._stores.begin_platform() as work,
        ):
            before = await work.users.user(user_id)
            changed = await work.users.disable(user_id, None)
            act.changed(states.user(before), states.user(changed))
            await work.audit(act.row("done"))
            act.recorded = True
        return changed
