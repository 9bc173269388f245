"""Quotas of tenants as an admin set them in place of the plan's."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.schema.quotas import LIMITS
from funkhaus.storage.walls import Access


class OverrideRow(Table):
    """An override; the limit columns are the whole quota, not a difference. A count that is NULL is the plan's."""

    __tablename__ = "quota_overrides"
    access = Access(tenant="SELECT, INSERT, UPDATE, DELETE", platform="SELECT")
    __table_args__ = (
        CheckConstraint(f"least({LIMITS}) >= 0", name="not_below_zero"),
        CheckConstraint("least(namespaces, tokens) >= 0", name="counts_not_below_zero"),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    functions: Mapped[int]
    triggers: Mapped[int]
    replicas: Mapped[int]
    cpu_millis: Mapped[int]
    memory_bytes: Mapped[int]
    hosts: Mapped[int]
    requests_per_second: Mapped[int]
    builds_per_day: Mapped[int]
    reason: Mapped[str]
    by: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    namespaces: Mapped[int | None]
    tokens: Mapped[int | None]
