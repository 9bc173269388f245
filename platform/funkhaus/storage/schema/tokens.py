"""API tokens, by keyed digest; the text is nowhere."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table


class TokenRow(Table):
    """A token. Without a tenant it is a platform admin's; `role` is then empty."""

    __tablename__ = "tokens"
    __table_args__ = (
        CheckConstraint("(tenant_id IS NULL) = (role = '')", name="role_within_tenant"),
        Index("ix_tokens_tenant_id_created_at", "tenant_id", "created_at"),
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
