"""`Lifecycle` without a database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from funkhaus.ports.lifecycle import Belonging

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.tenant import Deletion, Suspension

    from .stores import State


class MemoryLifecycle:
    """`Lifecycle`."""

    def __init__(self, state: State, tenant: str) -> None:
        self._state, self._tenant = state, tenant

    async def suspend(self, suspension: Suspension | None) -> None:
        tenant = self._state.tenants[self._tenant]
        self._state.tenants[self._tenant] = replace(tenant, suspension=suspension)

    async def doom(self, deletion: Deletion | None) -> None:
        tenant = self._state.tenants[self._tenant]
        self._state.tenants[self._tenant] = replace(tenant, deletion=deletion)

    async def revoke_tokens(self, now: datetime, *, limit: int) -> int:
        valid = [
            (digest, token)
            for digest, token in self._state.tokens.items()
            if token.tenant == self._tenant and token.revoked_at is None
        ][:limit]
        for digest, token in valid:
            self._state.tokens[digest] = replace(token, revoked_at=now)
        return len(valid)

    async def forget(self, what: Belonging, *, limit: int) -> int:
        own = list(self._own(what))[:limit]
        rows = self._rows(what)
        for key in own:
            del rows[key]
        return len(own)

    def _rows(self, what: Belonging) -> dict[Any, Any]:
        state = self._state
        rows: dict[Belonging, dict[Any, Any]] = {
            Belonging.INVITATIONS: state.people.invitations,
            Belonging.MEMBERS: state.people.members,
            Belonging.SERVICE_ACCOUNTS: state.accounts,
            Belonging.QUOTA_REQUESTS: state.quota_requests,
            Belonging.APPROVALS: state.approvals,
            Belonging.APPROVAL_CHECKS: state.approval_checks,
            Belonging.NOTIFICATIONS: state.notifications,
            Belonging.OVERRIDE: state.books.overrides,
            Belonging.HOST_SUFFIXES: state.suffixes,
            Belonging.DECISIONS: state.decisions,
            Belonging.BUILDS: state.builds,
            Belonging.CHARGES: state.books.charges,
            Belonging.QUOTAS: {},  # a namespace has its own
            Belonging.TENANT_QUOTA: state.books.quotas,
        }
        return rows[what]

    def _own(self, what: Belonging) -> list[Any]:
        rows = self._rows(what)
        if what in {
            Belonging.INVITATIONS,
            Belonging.QUOTA_REQUESTS,
            Belonging.APPROVALS,
            Belonging.NOTIFICATIONS,
        }:
            return [key for key, row in rows.items() if row.tenant == self._tenant]
        if what is Belonging.HOST_SUFFIXES:
            return [key for key, row in rows.items() if row == self._tenant]
        return [key for key in rows if self._tenant in {key, key[0]}]

    async def outstanding(self) -> bool:
        return any(
            item.manifest["metadata"]["name"].startswith(f"{self._tenant}--")
            for item in self._state.outbox
        )

    async def bury(self, now: datetime) -> None:
        assert now
        del self._state.tenants[self._tenant]
        self._state.ended.add(self._tenant)
        self._state.people.founders.pop(self._tenant, None)
