"""Approvals, the votes for them, and what was found to need none."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class ApprovalRow(Table):
    """A request for an approval and what became of it; `changed_at` is by this database's clock."""

    __tablename__ = "approvals"
    access = Access(tenant="SELECT, INSERT, UPDATE, DELETE", platform="SELECT, DELETE")
    __table_args__ = (
        Index("ix_approvals_object", "tenant_id", "kind", "namespace", "name"),
        Index("ix_approvals_tenant_id_requested_at", "tenant_id", "requested_at"),
        Index("ix_approvals_state_expires_at", "state", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"))
    kind: Mapped[str]
    namespace: Mapped[str]
    name: Mapped[str]
    uid: Mapped[str]
    spec_digest: Mapped[str]
    findings: Mapped[list[Any]] = mapped_column(JSONB())
    rule: Mapped[dict[str, Any]]
    policy_revision: Mapped[str]
    requested_by: Mapped[str]
    behind: Mapped[list[str]] = mapped_column(ARRAY(Text))
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str]
    seen_at: Mapped[datetime | None]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str]
    ends_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class ApprovalVoteRow(Table):
    """A yes. The key is what makes two of them two people's."""

    __tablename__ = "approval_votes"
    access = Access(tenant="SELECT, INSERT", platform="SELECT")

    approval_id: Mapped[UUID] = mapped_column(
        ForeignKey("approvals.id", ondelete="CASCADE"), primary_key=True
    )
    person: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    reason: Mapped[str]
    until: Mapped[datetime | None]


class ApprovalCheckRow(Table):
    """An object that was found to need no approval, as it was then."""

    __tablename__ = "approval_checks"
    access = Access(tenant="SELECT, INSERT, UPDATE, DELETE")

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    namespace: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    uid: Mapped[str]
    spec_digest: Mapped[str]
    checked_at: Mapped[datetime]


class NotificationRow(Table):
    """Something to tell the address the operator named; `not_before` is set by a delivery that failed."""

    __tablename__ = "notifications"
    access = Access(
        tenant="INSERT, DELETE, SELECT (id, tenant_id)",
        platform="SELECT, DELETE, UPDATE (attempts, last_error, not_before)",
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), index=True)
    event: Mapped[str]
    payload: Mapped[dict[str, Any]]
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    not_before: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str] = mapped_column(server_default="")
