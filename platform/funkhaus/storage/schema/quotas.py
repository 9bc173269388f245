"""What each namespace may hold: one row per namespace, wide, so that a guarded update of it is one statement."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table


class QuotaRow(Table):
    """Sums over a namespace's functions at their largest scale; CPU in millicores, memory in bytes."""

    __tablename__ = "quotas"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "namespace"], ["namespaces.tenant_id", "namespaces.name"]
        ),
        CheckConstraint(
            "least(functions, triggers, replicas, cpu_millis, memory_bytes) >= 0",
            name="not_below_zero",
        ),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    namespace: Mapped[str] = mapped_column(primary_key=True)
    functions: Mapped[int]
    triggers: Mapped[int]
    replicas: Mapped[int]
    cpu_millis: Mapped[int]
    memory_bytes: Mapped[int]
