"""Which code works on this schema (`funkhaus.storage.compatibility`). Migrations write it."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class CompatibleRevisionRow(Table):
    """A revision that code is written against."""

    __tablename__ = "compatible_revisions"
    access = Access(tenant="SELECT", platform="SELECT")

    revision: Mapped[str] = mapped_column(primary_key=True)
