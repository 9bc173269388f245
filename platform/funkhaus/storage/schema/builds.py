"""Builds that began: what builds a day are counted by, kept a little longer than a day."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class BuildRow(Table):
    """A build, by the uid of its Job. A tenant's end takes its rows along."""

    __tablename__ = "builds"
    access = Access(tenant="SELECT, INSERT, DELETE", platform="SELECT")
    __table_args__ = (Index("ix_builds_tenant_id_began_at", "tenant_id", "began_at"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(primary_key=True)
    namespace: Mapped[str]
    began_at: Mapped[datetime]
