"""Short-lived credentials for kube-apiserver, by keyed digest. No tenant's: whose they are is their parent's to say."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class KubectlCredentialRow(Table):
    """A credential. `parent_id` is the id of a token or a session, as `parent_kind` says."""

    __tablename__ = "kubectl_credentials"
    access = Access(platform="SELECT, INSERT, DELETE")
    __table_args__ = (
        Index("ix_kubectl_credentials_parent_id", "parent_id", "expires_at"),
        Index("ix_kubectl_credentials_expires_at", "expires_at"),
    )

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    parent_id: Mapped[UUID]
    parent_kind: Mapped[str]
    expires_at: Mapped[datetime]
