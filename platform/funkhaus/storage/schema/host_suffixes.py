"""Host suffixes granted to tenants beside their default one; each belongs to one tenant."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class HostSuffix(Table):
    """A suffix below which a tenant may claim hosts."""

    __tablename__ = "host_suffixes"
    access = Access(tenant="SELECT, INSERT, DELETE", platform="SELECT")

    suffix: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), index=True)
