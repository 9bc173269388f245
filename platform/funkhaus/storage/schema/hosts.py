"""Hosts: each is one tenant's, held by any number of its triggers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class HostRow(Table):
    """A host of a tenant's; `released_at` is when its last trigger let go of it. The key is what makes it one tenant's."""

    __tablename__ = "hosts"
    access = Access(
        tenant="SELECT, INSERT, UPDATE (released_at)",
        platform="SELECT, DELETE, UPDATE (released_at)",
    )
    __table_args__ = (Index("ix_hosts_released_at", "released_at"),)

    host: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), index=True)
    released_at: Mapped[datetime | None]


class HostUseRow(Table):
    """A trigger that answers for a host, or is about to, or did a moment ago."""

    __tablename__ = "host_uses"
    access = Access(tenant="SELECT, INSERT, DELETE", platform="SELECT")

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    namespace: Mapped[str] = mapped_column(primary_key=True)
    trigger: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(
        ForeignKey("hosts.host", ondelete="CASCADE"), primary_key=True, index=True
    )
