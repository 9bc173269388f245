"""Service accounts: made, listed, deleted together with their tokens. Tokens for them are issued like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus.domain import names
from funkhaus.domain.errors import PolicyError
from funkhaus.domain.permission import Permission
from funkhaus.domain.scope import require_role
from funkhaus.domain.service_account import ACCOUNTS_LIMIT, ServiceAccount
from funkhaus.domain.verdict import Finding
from funkhaus.services import states
from funkhaus.services.pages import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.subject import Role
    from funkhaus.ports import Clock, Stores
    from funkhaus.services.acts import Acts, Asker


class ServiceAccountService:
    """Use cases on service accounts."""

    def __init__(self, stores: Stores, acts: Acts, clock: Clock) -> None:
        self._stores, self._acts, self._clock = stores, acts, clock

    async def create(self, asker: Asker, tenant: str, name: str, role: Role) -> ServiceAccount:
        """A new one. Raises `InvalidError` (name), `ConflictError`, `ForbiddenError` (a role above the asker's)."""
        async with self._acts.doing(
            asker, Permission.SERVICE_ACCOUNT_WRITE, tenant, name, action="service-account:create"
        ) as act:
            names.service_account_name(name)
            require_role(asker.subject, tenant, role)
            account = ServiceAccount(str(uuid4()), tenant, name, role, self._clock.now())
            act.detail |= {"id": account.id, "role": role.value}
            async with self._stores.begin(tenant) as work:
                await work.lock()
                if len(await work.service_accounts.page(limit=ACCOUNTS_LIMIT)) >= ACCOUNTS_LIMIT:
                    message = f"a tenant has at most {ACCOUNTS_LIMIT} service accounts: delete one"
                    limit = ACCOUNTS_LIMIT
                    finding = Finding("too-many-service-accounts", message, "name", limit=limit)
                    raise PolicyError(message, findings=[finding])
                await work.service_accounts.add(account)
                act.changed(None, states.service_account(account))
                await act.done_in(work)
        return account

    async def page(
        self, asker: Asker, tenant: str, *, after: str, limit: int
    ) -> tuple[Sequence[ServiceAccount], str]:
        """By name, and where the next page begins ("" when there is none)."""
        async with (
            self._acts.reading(asker, Permission.SERVICE_ACCOUNT_READ, tenant),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
            found = await work.service_accounts.page(after=after, limit=limit + 1)
        return cut(found, limit, lambda item: item.name)

    async def delete(self, asker: Asker, tenant: str, name: str) -> None:
        """Delete it; its tokens end with it. Raises `NotFoundError`."""
        async with (
            self._acts.doing(
                asker,
                Permission.SERVICE_ACCOUNT_WRITE,
                tenant,
                name,
                action="service-account:delete",
                takes_away=True,
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            await work.lock()  # no token is issued for it meanwhile
            account = await work.service_accounts.get(name)
            ended = await work.tokens.revoke_of(account.id, self._clock.now())
            await work.service_accounts.remove(name)
            act.detail |= {"id": account.id, "tokens": ended}
            act.changed(states.service_account(account), None)
            await act.done_in(work)
