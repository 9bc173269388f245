"""Members of tenants, and invitations to become one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class MemberRow(Table):
    """A user's role in a tenant."""

    __tablename__ = "members"
    access = Access(tenant="SELECT, INSERT, UPDATE (role), DELETE", platform="SELECT, INSERT")
    __table_args__ = (Index("ix_members_user_id", "user_id"),)

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str]
    since: Mapped[datetime]


class InvitationRow(Table):
    """An offer of a role, taken at most once; `email` is empty for one that is a link only."""

    __tablename__ = "invitations"
    access = Access(
        tenant="SELECT, INSERT, UPDATE (accepted_by, accepted_at, revoked_at), DELETE",
        platform="SELECT",
    )
    __table_args__ = (
        Index("ix_invitations_tenant_id_created_at", "tenant_id", "created_at"),
        Index("ix_invitations_email", "email"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"))
    digest: Mapped[bytes] = mapped_column(unique=True)
    email: Mapped[str]
    role: Mapped[str]
    invited_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
