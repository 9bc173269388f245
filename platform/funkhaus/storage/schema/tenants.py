"""Tenants. A deleted one keeps its row, so that its id is never given out again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class TenantRow(Table):
    """A tenant."""

    __tablename__ = "tenants"
    access = Access(
        tenant="SELECT, UPDATE (display_name)", platform="SELECT, INSERT, UPDATE (founded_by)"
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"))
    display_name: Mapped[str]
    founded_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    """Who made it by self-service; counts against what a user may found."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    suspended_at: Mapped[datetime | None]
    suspended_for: Mapped[str] = mapped_column(server_default="")
    """The reason that was given; for its members to read."""
    delete_after: Mapped[datetime | None]
    """When everything of it is taken away, unless it is taken back before."""
    deleted_at: Mapped[datetime | None]
