"""Policy sets and when each was put in force. Rows are only ever appended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, func
from sqlalchemy.orm import Mapped, mapped_column

from funkhaus.storage.schema._declaration import Table
from funkhaus.storage.walls import Access


class PolicySetRow(Table):
    """A set, by the digest of what decides in it; `files` maps paths to texts, tests included."""

    __tablename__ = "policy_sets"
    access = Access(platform="SELECT, INSERT")

    revision: Mapped[str] = mapped_column(primary_key=True)
    files: Mapped[dict[str, Any]]
    added_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class PolicyActivationRow(Table):
    """A set put in force; the highest sequence holds."""

    __tablename__ = "policy_activations"
    access = Access(platform="SELECT, INSERT")

    sequence: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    revision: Mapped[str] = mapped_column(ForeignKey("policy_sets.revision"))
    at: Mapped[datetime]
    by: Mapped[str]
    reason: Mapped[str]
