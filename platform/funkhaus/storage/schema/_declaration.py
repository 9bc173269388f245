"""What all tables share: constraint names that migrations can rely on, and the types columns map to."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, LargeBinary, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from funkhaus.storage.walls import Access  # noqa: TC001 - read when a table's class is made

REVISION = "b7e4"
"""The newest `pre` migration this code was written against; the database says where it works (`compatibility`)."""


class Table(DeclarativeBase):
    """Declarative base. All times are aware, all integers 64 bits wide, all texts unbounded (limits are the domain's)."""

    access: ClassVar[Access]
    """What the two roles of `funkhaus.storage.walls` may do with the table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        int: BigInteger(),
        str: Text(),
        bytes: LargeBinary(),
        dict[str, Any]: JSONB(),
    }
