"""Who did what, the chains those rows are links of, and the checkpoints that say where a chain stood.

Rows are appended, given their place once, and never changed or deleted: no role may, and triggers hold the owner to it
as well (`funkhaus.storage.walls.kept`). Without a tenant a row, chain or checkpoint is the platform's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access

_WRITTEN = (
    "INSERT (tenant_id, issuer, sub, subject, token_id, action, target, uid, before, after, outcome,"
    " request_id, detail)"
)
"""Not the time and not the place: writers can't choose those."""


class AuditEntry(Table):
    """One act or denial."""

    __tablename__ = "audit"
    access = Access(
        tenant=f"SELECT, {_WRITTEN}",
        platform=f"SELECT, {_WRITTEN}, UPDATE (position, previous, hash)",
    )
    __table_args__ = (
        Index("ix_audit_tenant_id_sequence", "tenant_id", "sequence"),
        Index("ix_audit_waiting", "sequence", postgresql_where=text("position IS NULL")),
        Index(
            "ix_audit_waiting_of",
            "tenant_id",
            "sequence",
            postgresql_where=text("position IS NULL"),
        ),
        Index(
            "uq_audit_place",
            "tenant_id",
            "position",
            unique=True,
            postgresql_where=text("tenant_id IS NOT NULL"),
        ),
        Index(
            "uq_audit_platform_place",
            "position",
            unique=True,
            postgresql_where=text("tenant_id IS NULL"),
        ),
    )

    sequence: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.tenant_id"))
    issuer: Mapped[str] = mapped_column(server_default="")
    sub: Mapped[str] = mapped_column(server_default="")
    subject: Mapped[str]
    token_id: Mapped[str]
    action: Mapped[str]
    target: Mapped[str]
    uid: Mapped[str] = mapped_column(server_default="")
    before: Mapped[str] = mapped_column(server_default="")
    after: Mapped[str] = mapped_column(server_default="")
    outcome: Mapped[str]
    request_id: Mapped[str]
    detail: Mapped[dict[str, Any]]
    position: Mapped[int | None]
    previous: Mapped[str | None]
    hash: Mapped[str | None]


class AuditChainRow(Table):
    """Where a chain stands. `chain` is the tenant's id, empty for the platform's; `due_at` when the next checkpoint is."""

    __tablename__ = "audit_chains"
    access = Access(
        tenant="SELECT",
        platform="SELECT, INSERT, UPDATE (position, hash, signed_position, signed_digest, due_at)",
    )
    __table_args__ = (
        Index("ix_audit_chains_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_audit_chains_tenant_id", "tenant_id"),
    )

    chain: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.tenant_id"))
    position: Mapped[int] = mapped_column(server_default="0")
    hash: Mapped[str]
    signed_position: Mapped[int] = mapped_column(server_default="0")
    signed_digest: Mapped[str] = mapped_column(server_default="")
    due_at: Mapped[datetime | None]


class AuditCheckpointRow(Table):
    """A signed statement that a chain stood at `position` with `hash`."""

    __tablename__ = "audit_checkpoints"
    access = Access(tenant="SELECT", platform="SELECT, INSERT")
    __table_args__ = (Index("ix_audit_checkpoints_tenant_id_position", "tenant_id", "position"),)

    number: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.tenant_id"))
    position: Mapped[int]
    hash: Mapped[str]
    at: Mapped[datetime]
    previous: Mapped[str]
    key_id: Mapped[str]
    signature: Mapped[str]
