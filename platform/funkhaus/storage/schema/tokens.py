"""API tokens, by keyed digest; the text is nowhere."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access

_CHANGES = "SELECT, INSERT, UPDATE (revoked_at, digest, last_four, expires_at, previous_digest, previous_until, issued_by"


class TokenRow(Table):
    """A token. Without a tenant it is a platform admin's; `role` is then empty.

    `issued_by` is the person who issued it, empty where nobody wrote it down. `previous_digest` is of the text before the
    last rotation, which passes until `previous_until`.
    """

    __tablename__ = "tokens"
    access = Access(tenant=f"{_CHANGES})", platform=f"{_CHANGES}, last_used_at)")
    __table_args__ = (
        CheckConstraint("(tenant_id IS NULL) = (role = '')", name="role_within_tenant"),
        Index("ix_tokens_tenant_id_created_at", "tenant_id", "created_at"),
        Index("ix_tokens_subject_id", "subject_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.tenant_id"))
    digest: Mapped[bytes] = mapped_column(unique=True)
    kind: Mapped[str]
    role: Mapped[str]
    subject_id: Mapped[UUID]
    subject_name: Mapped[str]
    last_four: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    namespaces: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    cidrs: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    last_used_at: Mapped[datetime | None]
    previous_digest: Mapped[bytes | None] = mapped_column(unique=True)
    previous_until: Mapped[datetime | None]
    issued_by: Mapped[str] = mapped_column(server_default="")
