"""Who did what. Rows are only ever appended; chaining them comes later and does not touch the writers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class AuditEntry(Table):
    """One act or denial. Without a tenant it concerns the whole platform."""

    __tablename__ = "audit"
    access = Access(tenant="SELECT, INSERT", platform="SELECT, INSERT")
    __table_args__ = (Index("ix_audit_tenant_id_sequence", "tenant_id", "sequence"),)

    sequence: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.tenant_id"))
    subject: Mapped[str]
    token_id: Mapped[str]
    action: Mapped[str]
    target: Mapped[str]
    outcome: Mapped[str]
    request_id: Mapped[str]
    detail: Mapped[dict[str, Any]]
