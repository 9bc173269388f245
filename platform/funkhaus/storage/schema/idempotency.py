"""Requests that came with an Idempotency-Key."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class IdempotencyRow(Table):
    """A claim, and with a `status` its answer. Across tenants: `key` digests the subject too, who alone can repeat it."""

    __tablename__ = "idempotency_keys"
    access = Access(platform="SELECT, INSERT, UPDATE, DELETE")

    key: Mapped[bytes] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    owner: Mapped[UUID]
    held_until: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int]
    content_type: Mapped[str]
    body: Mapped[bytes]
    withheld: Mapped[bool]
