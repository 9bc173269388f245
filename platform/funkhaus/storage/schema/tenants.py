"""Tenants. A deleted one keeps its row, so that its id is never given out again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, false, func
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class TenantRow(Table):
    """A tenant."""

    __tablename__ = "tenants"
    access = Access(
        tenant="SELECT, UPDATE (plan_id, display_name, suspended_at, suspended_for, suspended_by, delete_after, "
        "delete_asked_at, delete_asked_by, delete_reason, delete_by_platform, deleted_at)",
        platform="SELECT, INSERT, UPDATE (founded_by)",
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
    suspended_by: Mapped[str] = mapped_column(server_default="")
    """The name of who said so."""
    delete_after: Mapped[datetime | None] = mapped_column(index=True)
    """When everything of it is taken away, unless it is taken back before."""
    delete_asked_at: Mapped[datetime | None]
    delete_asked_by: Mapped[str] = mapped_column(server_default="")
    delete_reason: Mapped[str] = mapped_column(server_default="")
    delete_by_platform: Mapped[bool] = mapped_column(server_default=false())
    deleted_at: Mapped[datetime | None]
