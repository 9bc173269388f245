"""Cluster changes that were decided together with database rows and still have to be made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class OutboxEntry(Table):
    """A manifest to apply, or with `gone` to delete.

    `object` is its kind and name: one object's entries keep their order.
    `not_before` is set by a delivery that failed.
    """

    __tablename__ = "outbox"
    access = Access(
        tenant="INSERT, SELECT (sequence, tenant_id)",
        platform="SELECT, DELETE, UPDATE (attempts, last_error, not_before)",
    )
    __table_args__ = (Index("ix_outbox_object_sequence", "object", "sequence"),)

    sequence: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"))
    object: Mapped[str]
    manifest: Mapped[dict[str, Any]]
    gone: Mapped[bool]
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    not_before: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str] = mapped_column(server_default="")
