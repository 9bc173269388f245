"""Platform roles granted to users, beside those that come by a provider's groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.permission import Permission
from funkhaus.services import states
from funkhaus.services.pages import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.subject import PlatformRole
    from funkhaus.domain.user import User
    from funkhaus.ports import Clock, Stores
    from funkhaus.services.acts import Act, Acts, Asker


class GrantService:
    """Use cases on platform roles; platform admins only."""

    def __init__(self, stores: Stores, acts: Acts, clock: Clock) -> None:
        self._stores, self._acts, self._clock = stores, acts, clock

    async def page(
        self, asker: Asker, *, after: str, limit: int
    ) -> tuple[Sequence[tuple[User, PlatformRole]], str]:
        """Grants by user and role, and where the next page begins ("" when there is none)."""
        user, _, role = after.partition(" ")
        async with (
            self._acts.reading(asker, Permission.PLATFORM_GRANT),
            self._stores.begin_platform() as work,
        ):
            found = await work.users.grants(after=(user, role), limit=limit + 1)
        return cut(found, limit, lambda pair: f"{pair[0].id} {pair[1].value}")

    async def grant(self, asker: Asker, user_id: str, role: PlatformRole) -> None:
        """Grant one; again is harmless. Raises `NotFoundError` for a user there isn't."""
        async with self._acts.doing(asker, Permission.PLATFORM_GRANT, None, user_id) as act:
            act.detail["role"] = role.value
            async with self._stores.begin_platform() as work:
                before = await work.users.platform_roles(user_id)
                await work.users.grant(user_id, role, asker.subject.username, self._clock.now())
                _changed(act, user_id, before, before | {role})
                await work.audit(act.row("done"))
                act.recorded = True

    async def withdraw(self, asker: Asker, user_id: str, role: PlatformRole) -> None:
        """Withdraw one; in force with the next request. Raises `NotFoundError`."""
        async with self._acts.doing(
            asker, Permission.PLATFORM_GRANT, None, user_id, action="platform:withdraw"
        ) as act:
            act.detail["role"] = role.value
            async with self._stores.begin_platform() as work:
                before = await work.users.platform_roles(user_id)
                await work.users.withdraw(user_id, role)
                _changed(act, user_id, before, before - {role})
                await work.audit(act.row("done"))
                act.recorded = True


def _changed(
    act: Act, user_id: str, before: frozenset[PlatformRole], after: frozenset[PlatformRole]
) -> None:
    key = user_id.lower()
    act.changed(states.platform_roles(key, before), states.platform_roles(key, after))
