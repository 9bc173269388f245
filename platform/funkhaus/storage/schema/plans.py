"""Plans: what a tenant and each of its namespaces may hold. Ceilings of one function are policy data."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table


class PlanRow(Table):
    """A plan. The quota columns are what a namespace gets; CPU in millicores, memory in bytes."""

    __tablename__ = "plans"

    id: Mapped[str] = mapped_column(primary_key=True)
    namespaces: Mapped[int]
    functions: Mapped[int]
    triggers: Mapped[int]
    replicas: Mapped[int]
    cpu_millis: Mapped[int]
    memory_bytes: Mapped[int]
