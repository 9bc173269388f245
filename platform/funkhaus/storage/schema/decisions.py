"""The decision log: what the policy engine answered to reviews. Kept for a while, so many per tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class DecisionRow(Table):
    """A decision; `input` is canonical JSON, the very text `digest` is of. A tenant's end takes its rows along."""

    __tablename__ = "decisions"
    access = Access(tenant="SELECT, DELETE", platform="SELECT, INSERT, DELETE")
    __table_args__ = (Index("ix_decisions_at", "at"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    id: Mapped[str]
    revision: Mapped[str]
    namespace: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    review: Mapped[str]
    subject: Mapped[str]
    operation: Mapped[str]
    outcome: Mapped[str]
    findings: Mapped[list[Any]] = mapped_column(JSONB)
    input: Mapped[str]
    digest: Mapped[str]
    at: Mapped[datetime]
    dry_run: Mapped[bool]
