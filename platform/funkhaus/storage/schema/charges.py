"""What each object in the cluster is charged; the accounts are sums over these rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class ChargeRow(Table):
    """One object's charge, as `funkhaus.domain.charge.Charge` has it; CPU in millicores, memory in bytes."""

    __tablename__ = "charges"
    access = Access(tenant="SELECT, INSERT, UPDATE, DELETE", platform="SELECT")
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "namespace"], ["quotas.tenant_id", "quotas.namespace"]),
        Index("ix_charges_checked_at", "checked_at"),
        Index("ix_charges_asked_at", "asked_at"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    namespace: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    used_functions: Mapped[int]
    used_triggers: Mapped[int]
    used_replicas: Mapped[int]
    used_cpu_millis: Mapped[int]
    used_memory_bytes: Mapped[int]
    used_hosts: Mapped[int]
    asked_functions: Mapped[int]
    asked_triggers: Mapped[int]
    asked_replicas: Mapped[int]
    asked_cpu_millis: Mapped[int]
    asked_memory_bytes: Mapped[int]
    asked_hosts: Mapped[int]
    asked_at: Mapped[datetime | None]
    base: Mapped[int]
    creates: Mapped[int]
    version: Mapped[int]
    checked_at: Mapped[datetime]
    serial: Mapped[int]
