"""Requests for tenants. What they ask for is nobody's tenant yet, so they stand behind no tenant's wall."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class TenantRequestRow(Table):
    """One request; see `funkhaus.domain.tenant_request`. `wanted` is the id the tenant is to have."""

    __tablename__ = "tenant_requests"
    access = Access(platform="SELECT, INSERT, UPDATE (state, decided_by, decided_at, note)")
    __table_args__ = (
        Index("ix_tenant_requests_user_id_requested_at", "user_id", "requested_at"),
        Index("ix_tenant_requests_state_requested_at", "state", "requested_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    wanted: Mapped[str]
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"))
    display_name: Mapped[str]
    reason: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    requested_at: Mapped[datetime]
    state: Mapped[str]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime | None]
    note: Mapped[str]
