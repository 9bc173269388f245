"""Acts of a subject, and their trace in the audit log: every mutation, and every denial of anything.

A mutation of the database is recorded in its own transaction (`Act.done_in`); one of the cluster right after it. An act
that can't be recorded is not reported as done. Denials have a transaction of their own.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from funkhaus import logs
from funkhaus.domain.audit import digest_of
from funkhaus.domain.errors import (
    ConflictError,
    ForbiddenError,
    FunkhausError,
    InvalidError,
    NotFoundError,
    TooLargeError,
)
from funkhaus.domain.permission import Permission, require, require_namespace
from funkhaus.domain.tenant import resting
from funkhaus.ports import AuditRow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.domain.subject import Subject
    from funkhaus.ports import Stores, TenantWork
    from funkhaus.services.states import State

_DENIALS = (ForbiddenError, InvalidError, ConflictError, TooLargeError)
"""What an act may end in that is somebody's "no"; a failure of the platform is logged, not audited."""
_LOG = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and by which request: what every use case takes first."""

    subject: Subject
    request_id: str


@dataclass
class Act:
    """One act under way. Whoever carries it out may add to `detail` (JSON)."""

    asker: Asker
    tenant: str
    action: str
    target: str
    detail: dict[str, Any] = field(default_factory=dict)
    recorded: bool = False
    uid: str = ""
    before: str = ""
    after: str = ""
    """Of an object in the cluster: its uid, and ``sha256:…`` of its spec (`funkhaus.domain.audit.digest_of`); of anything
    else, of its state (`changed`).
    """

    @property
    def by_a_stranger(self) -> bool:
        """Whether it concerns a tenant the asker has nothing to do with."""
        subject = self.asker.subject
        return bool(self.tenant) and not subject.is_admin and self.tenant not in subject.roles

    def row(self, outcome: str) -> AuditRow:
        """The act as an audit row."""
        return AuditRow(
            tenant=self.tenant,
            subject=self.asker.subject.username,
            token_id=self.asker.subject.token_id,
            action=self.action,
            target=self.target,
            outcome=outcome,
            request_id=self.asker.request_id,
            detail=self.detail,
            issuer=self.asker.subject.issuer,
            sub=self.asker.subject.sub,
            uid=self.uid,
            before=self.before,
            after=self.after,
        )

    def changed(self, before: State | None, after: State | None) -> None:
        """Note what the act made of what (`funkhaus.services.states`); ``None``: there was, or is, nothing."""
        self.before = "" if before is None else digest_of(before)
        self.after = "" if after is None else digest_of(after)

    async def done_in(self, work: TenantWork, tenant: str = "") -> None:
        """Record the act in the transaction that carries it out, a platform role's with the `tenant` it concerns."""
        self.tenant = tenant or self.tenant
        await work.audit(self.row("done"))
        self.recorded = True


class Acts:
    """Asks for the permission, then lets the act happen, then records it."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    @asynccontextmanager
    async def reading(
        self,
        asker: Asker,
        permission: Permission,
        tenant: str | None = None,
        target: str = "",
        *,
        namespace: str = "",
    ) -> AsyncIterator[None]:
        """A block that only reads, in `namespace` where it is in one: what is recorded is a denial."""
        act = Act(asker, tenant or "", permission.value, target)
        try:
            require(asker.subject, permission, tenant)
            if namespace:
                require_namespace(asker.subject, namespace)
            if (
                permission is Permission.FUNCTION_CALL
            ):  # changes nothing here, but has something run
                await self._awake(asker, tenant)
            yield
        except ForbiddenError as error:
            await self._denied(act, error)
            raise
        except NotFoundError as error:
            if act.by_a_stranger:
                await self._denied(act, error)
            raise

    @asynccontextmanager
    async def recording(
        self, asker: Asker, tenant: str, action: str, target: str
    ) -> AsyncIterator[Act]:
        """A block that changes what is the asker's own, which needs no permission."""
        act = Act(asker, tenant, action, target)
        try:
            yield act
        except _DENIALS as error:
            await self._denied(act, error)
            raise
        if not act.recorded:
            await self._record(act.row("done"))

    @asynccontextmanager
    async def doing(
        self,
        asker: Asker,
        permission: Permission | None,
        tenant: str | None,
        target: str,
        *,
        action: str = "",
        namespace: str = "",
        takes_away: bool = False,
    ) -> AsyncIterator[Act]:
        """A block that changes something; `action` is more precise than the permission where there are several.

        Without a `permission` anybody known may ask, and the block itself says who may. What is not in a `namespace` is
        changed by no token that is limited to some. In a tenant that rests its people only do what `takes_away`.
        """
        act = Act(asker, tenant or "", action or (permission.value if permission else ""), target)
        try:
            if permission:
                require(asker.subject, permission, tenant)
            require_namespace(asker.subject, namespace)
            if not takes_away:
                await self._awake(asker, tenant)
            yield act
        except _DENIALS as error:
            await self._denied(act, error)
            raise
        except NotFoundError as error:
            if act.by_a_stranger:
                await self._denied(act, error)
            raise
        if not act.recorded:
            await self._record(act.row("done"))

    async def _awake(self, asker: Asker, tenant: str | None) -> None:
        """Pass unless the tenant rests and the asker is one of its people; raises `PolicyError`."""
        subject = asker.subject
        if tenant is None or tenant not in subject.suspended or subject.is_admin:
            return
        async with self._stores.begin(tenant) as work:
            objections = (await work.tenant()).objections
        if objections:
            raise resting(objections)

    async def _denied(self, act: Act, error: FunkhausError) -> None:
        """Record a "no"; a record that can't be written never turns the "no" into something else."""
        act.detail |= {"code": error.code, "message": error.message}
        if error.findings:
            act.detail["findings"] = [finding.as_json() for finding in error.findings]
        if act.by_a_stranger:
            # Whether there is such a tenant is not for the asker to learn, and their attempt not for its owners to see.
            act.detail["tenant"] = act.tenant
            act.tenant = ""
        try:
            try:
                await self._record(act.row("denied"))
            except ConflictError:  # there is no such tenant, which an admin may ask for
                act.detail["tenant"], act.tenant = act.tenant, ""
                await self._record(act.row("denied"))
        except FunkhausError as failure:
            _LOG.error("denial not recorded", action=act.action, error=failure.message)

    async def _record(self, row: AuditRow) -> None:
        if row.tenant:
            async with self._stores.begin(row.tenant) as work:
                await work.audit(row)
        else:
            async with self._stores.begin_platform() as platform:
                await platform.audit(row)
