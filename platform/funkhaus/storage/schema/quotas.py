"""What each namespace, and each tenant over all of them, may hold and holds: one wide row each, so that a guarded update
of both is one statement.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access

HELD = """used_functions, used_triggers, used_replicas, used_cpu_millis, used_memory_bytes, used_hosts,
 reserved_functions, reserved_triggers, reserved_replicas, reserved_cpu_millis, reserved_memory_bytes,
 reserved_hosts"""
LIMITS = (
    "functions, triggers, replicas, cpu_millis, memory_bytes, hosts, requests_per_second,"
    " builds_per_day"
)


class _Account:
    """The columns of both levels: the limits, and sums over `charges`; CPU in millicores, memory in bytes."""

    functions: Mapped[int]
    triggers: Mapped[int]
    replicas: Mapped[int]
    cpu_millis: Mapped[int]
    memory_bytes: Mapped[int]
    hosts: Mapped[int] = mapped_column(server_default="20")
    requests_per_second: Mapped[int] = mapped_column(server_default="100")
    builds_per_day: Mapped[int] = mapped_column(server_default="100")
    used_functions: Mapped[int] = mapped_column(server_default="0")
    used_triggers: Mapped[int] = mapped_column(server_default="0")
    used_replicas: Mapped[int] = mapped_column(server_default="0")
    used_cpu_millis: Mapped[int] = mapped_column(server_default="0")
    used_memory_bytes: Mapped[int] = mapped_column(server_default="0")
    used_hosts: Mapped[int] = mapped_column(server_default="0")
    reserved_functions: Mapped[int] = mapped_column(server_default="0")
    reserved_triggers: Mapped[int] = mapped_column(server_default="0")
    reserved_replicas: Mapped[int] = mapped_column(server_default="0")
    reserved_cpu_millis: Mapped[int] = mapped_column(server_default="0")
    reserved_memory_bytes: Mapped[int] = mapped_column(server_default="0")
    reserved_hosts: Mapped[int] = mapped_column(server_default="0")


class QuotaRow(_Account, Table):
    """A namespace's account."""

    __tablename__ = "quotas"
    access = Access(tenant="SELECT, INSERT, UPDATE, DELETE")
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "namespace"], ["namespaces.tenant_id", "namespaces.name"]
        ),
        CheckConstraint(f"least({LIMITS}) >= 0", name="not_below_zero"),
        CheckConstraint(f"least({HELD}) >= 0", name="held_not_below_zero"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    namespace: Mapped[str] = mapped_column(primary_key=True)


class TenantQuotaRow(_Account, Table):
    """A tenant's account over all its namespaces: the row every admission of the tenant's goes through."""

    __tablename__ = "tenant_quotas"
    access = Access(tenant="SELECT, UPDATE, DELETE", platform="SELECT, INSERT")
    __table_args__ = (
        CheckConstraint(f"least({LIMITS}) >= 0", name="not_below_zero"),
        CheckConstraint(f"least({HELD}) >= 0", name="held_not_below_zero"),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
