"""Sign-ins under way. Rows live minutes; what comes back from outside is here as a digest."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class LoginRow(Table):
    """One sign-in; see `funkhaus.domain.login`."""

    __tablename__ = "logins"
    access = Access(platform="SELECT, INSERT, UPDATE, DELETE")
    __table_args__ = (
        Index("ix_logins_expires_at", "expires_at"),
        Index("ix_logins_home_expires_at", "home", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    stage: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    issuer: Mapped[str]
    state_digest: Mapped[bytes | None] = mapped_column(unique=True)
    nonce: Mapped[str]
    verifier: Mapped[str]
    redirect_uri: Mapped[str]
    client_state: Mapped[str]
    challenge: Mapped[str]
    device_digest: Mapped[bytes | None] = mapped_column(unique=True)
    user_code: Mapped[str | None] = mapped_column(unique=True)
    polled_at: Mapped[datetime | None]
    poll_seconds: Mapped[int]
    code_digest: Mapped[bytes | None] = mapped_column(unique=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    groups: Mapped[list[str]] = mapped_column(ARRAY(Text))
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("sessions.id"))
    home: Mapped[str] = mapped_column(server_default="")
