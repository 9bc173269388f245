"""Tenants' service accounts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class ServiceAccountRow(Table):
    """A service account; tokens name its id as their subject."""

    __tablename__ = "service_accounts"
    access = Access(tenant="SELECT, INSERT, DELETE", platform="SELECT")
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"))
    name: Mapped[str]
    role: Mapped[str]
    created_at: Mapped[datetime]
