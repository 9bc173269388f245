"""Requests for more quota, and what became of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.schema.quotas import LIMITS
from funkhaus.storage.walls import Access


class QuotaRequestRow(Table):
    """A request; the limit columns are what comes on top."""

    __tablename__ = "quota_requests"
    access = Access(tenant="SELECT, INSERT, UPDATE, DELETE", platform="SELECT")
    __table_args__ = (
        CheckConstraint(f"least({LIMITS}) >= 0", name="not_below_zero"),
        CheckConstraint("least(namespaces, tokens) >= 0", name="counts_not_below_zero"),
        Index("ix_quota_requests_tenant_id_requested_at", "tenant_id", "requested_at"),
        Index("ix_quota_requests_state_expires_at", "state", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"))
    namespace: Mapped[str]
    functions: Mapped[int]
    triggers: Mapped[int]
    replicas: Mapped[int]
    cpu_millis: Mapped[int]
    memory_bytes: Mapped[int]
    hosts: Mapped[int]
    requests_per_second: Mapped[int]
    builds_per_day: Mapped[int]
    reason: Mapped[str]
    days: Mapped[int]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    state: Mapped[str]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime | None]
    note: Mapped[str]
    expires_at: Mapped[datetime | None]
    behind: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """The people who had issued the requester's tokens."""
    namespaces: Mapped[int] = mapped_column(server_default="0")
    tokens: Mapped[int] = mapped_column(server_default="0")
