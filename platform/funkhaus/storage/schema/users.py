"""Users, their sessions and the platform roles granted to them. They belong to no tenant."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class UserRow(Table):
    """A person; `iss` and `sub` are who they are at their provider and never change."""

    __tablename__ = "users"
    access = Access(
        tenant="SELECT",
        platform="SELECT, INSERT, UPDATE (email, display_name, last_login_at, disabled_at, disabled_for, disabled_by)",
    )
    __table_args__ = (
        UniqueConstraint("iss", "sub"),
        Index("ix_users_email", "email", postgresql_ops={"email": "text_pattern_ops"}),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    iss: Mapped[str]
    sub: Mapped[str]
    email: Mapped[str]
    display_name: Mapped[str]
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    """Since when the platform lets them in no more."""
    disabled_for: Mapped[str] = mapped_column(server_default="")
    disabled_by: Mapped[str] = mapped_column(server_default="")


class SessionRow(Table):
    """A signed-in user, by keyed digest of the token; `groups` are the provider's at that sign-in, `client` is what the
    program called itself.
    """

    __tablename__ = "sessions"
    access = Access(platform="SELECT, INSERT, UPDATE (revoked_at, last_used_at), DELETE")
    __table_args__ = (
        Index("ix_sessions_user_id", "user_id"),
        Index("ix_sessions_expires_at", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    digest: Mapped[bytes] = mapped_column(unique=True)
    groups: Mapped[list[str]] = mapped_column(ARRAY(Text))
    last_four: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    client: Mapped[str] = mapped_column(server_default="")
    last_used_at: Mapped[datetime | None]


class PlatformRoleRow(Table):
    """A platform role granted to a user; `granted_by` is a subject."""

    __tablename__ = "platform_roles"
    access = Access(platform="SELECT, INSERT, DELETE")

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    granted_by: Mapped[str]
    granted_at: Mapped[datetime]
