"""Tenants' namespaces. A deleted one keeps its row: what still lies about in the cluster must never get a new owner."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, false, func
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class NamespaceRow(Table):
    """A namespace; `cluster_name` is the Kubernetes namespace, the key of every admission review."""

    __tablename__ = "namespaces"
    access = Access(tenant="SELECT, INSERT, UPDATE (deleted_at)", platform="SELECT")

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    cluster_name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    adopted: Mapped[bool] = mapped_column(server_default=false())
    """Whether the Kubernetes namespace was there before it."""
    deleted_at: Mapped[datetime | None]
