"""The directory of people who have signed in. An address finds somebody; who they are is their id, or issuer and sub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.permission import Permission
from funkhaus.domain.user import EMAIL_LIMIT
from funkhaus.domain.verdict import Finding
from funkhaus.services.pages import cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus.domain.subject import PlatformRole, Role
    from funkhaus.domain.user import User
    from funkhaus.ports import Stores
    from funkhaus.services.acts import Acts, Asker


@dataclass(frozen=True, slots=True)
class Known:
    """A user, and what was given to them by name: roles by tenant, and platform roles. Group rules give more."""

    user: User
    roles: Mapping[str, Role]
    platform_roles: frozenset[PlatformRole]


class UserService:
    """Use cases for platform admins, approvers and auditors."""

    def __init__(self, stores: Stores, acts: Acts) -> None:
        self._stores, self._acts = stores, acts

    async def page(
        self, asker: Asker, *, email: str, after: str, limit: int
    ) -> tuple[Sequence[User], str]:
        """Users whose address begins with `email`, by address, and where the next page begins ("" when there is none).

        Upper and lower case are one. Raises `InvalidError` for what is longer than an address.
        """
        address, _, key = after.rpartition(" ")
        async with self._acts.reading(asker, Permission.USER_READ):
            if len(email) > EMAIL_LIMIT:
                message = f"an address has at most {EMAIL_LIMIT} characters"
                finding = Finding(
                    "query-value", message, "email", limit=EMAIL_LIMIT, value=len(email)
                )
                raise InvalidError.at(finding)
            async with self._stores.begin_platform() as work:
                found = await work.users.page(
                    email=email.casefold(), after=(address, key), limit=limit + 1
                )
        return cut(found, limit, lambda item: f"{item.email} {item.id}")

    async def get(self, asker: Asker, user_id: str) -> Known:
        """One user; raises `NotFoundError`."""
        async with (
            self._acts.reading(asker, Permission.USER_READ, None, user_id),
            self._stores.begin_platform() as work,
        ):
            user = await work.users.user(user_id)
            return Known(
                user, await work.users.roles(user.id), await work.users.platform_roles(user.id)
            )
