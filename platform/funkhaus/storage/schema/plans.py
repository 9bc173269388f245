"""Plans: what a tenant and each of its namespaces may hold. Ceilings of one function are policy data."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class PlanRow(Table):
    """A plan. The quota columns are what a namespace gets, the ``tenant_`` ones what all of a tenant's hold together.

    CPU in millicores, memory in bytes.
    """

    __tablename__ = "plans"
    access = Access(tenant="SELECT", platform="SELECT")

    id: Mapped[str] = mapped_column(primary_key=True)
    namespaces: Mapped[int]
    functions: Mapped[int]
    triggers: Mapped[int]
    replicas: Mapped[int]
    cpu_millis: Mapped[int]
    memory_bytes: Mapped[int]
    hosts: Mapped[int]
    requests_per_second: Mapped[int]
    builds_per_day: Mapped[int]
    tenant_functions: Mapped[int]
    tenant_triggers: Mapped[int]
    tenant_replicas: Mapped[int]
    tenant_cpu_millis: Mapped[int]
    tenant_memory_bytes: Mapped[int]
    tenant_hosts: Mapped[int]
    tenant_requests_per_second: Mapped[int]
    tenant_builds_per_day: Mapped[int]
    tokens: Mapped[int] = mapped_column(server_default="100")
