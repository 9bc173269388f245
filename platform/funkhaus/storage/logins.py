"""Sign-ins under way on Postgres."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from funkhaus.domain.login import UNANSWERED, Login, Stage
from funkhaus.storage import rows
from funkhaus.storage.schema import LoginRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement

_FIELDS = tuple(field.name for field in dataclasses.fields(Login))
_COLUMNS = tuple(LoginRow.__table__.c[name] for name in _FIELDS)
_KEYS = ("user_id", "session_id")
"""Uuids in the table, texts (empty for none) in the domain."""


class PostgresLogins(rows.Statements):
    """`funkhaus.ports.Logins`."""

    async def add(self, login: Login) -> None:
        """Insert; raises `ConflictError` when a code is in use."""
        await self._insert(
            insert(LoginRow).values(_values(login)), "one of its codes is in use already"
        )

    async def save(self, login: Login) -> None:
        """Replace the one with its id."""
        await self._run(
            update(LoginRow).where(LoginRow.id == UUID(login.id)).values(_values(login))
        )

    async def by_state(self, digest: bytes) -> Login | None:
        """The one whose state at the provider has this digest."""
        return await self._one(LoginRow.state_digest == digest)

    async def by_code(self, digest: bytes) -> Login | None:
        """The one whose code has this digest."""
        return await self._one(LoginRow.code_digest == digest)

    async def by_device(self, digest: bytes) -> Login | None:
        """The one a device waits for with a code of this digest."""
        return await self._one(LoginRow.device_digest == digest)

    async def by_user_code(self, code: str) -> Login | None:
        """The one a person typed the code of."""
        return await self._one(LoginRow.user_code == code)

    async def _one(self, condition: ColumnElement[bool]) -> Login | None:
        statement = select(*_COLUMNS).where(condition).with_for_update()
        if (row := (await self._run(statement)).one_or_none()) is None:
            return None
        values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
        values |= {
            "id": str(values["id"]),
            "stage": Stage(values["stage"]),
            "groups": tuple(values["groups"]),
            **{name: str(values[name] or "") for name in _KEYS},
        }
        return Login(**values)

    async def waiting(self, now: datetime, home: str | None = None) -> int:
        """How many are under way, in all or of one home address."""
        statement = select(func.count()).where(
            LoginRow.expires_at > now, LoginRow.stage != Stage.REDEEMED.value
        )
        if home is not None:
            statement = statement.where(LoginRow.home == home)
        return int((await self._run(statement)).scalar_one())

    async def let_go(self, now: datetime) -> bool:
        """Forget the oldest of the home address that most wait of; whether there was one."""
        unanswered = (
            LoginRow.expires_at > now,
            LoginRow.stage.in_([stage.value for stage in UNANSWERED]),
        )
        largest = (
            select(LoginRow.home)
            .where(*unanswered)
            .group_by(LoginRow.home)
            .order_by(func.count().desc(), func.min(LoginRow.created_at))
            .limit(1)
        )
        oldest = (
            select(LoginRow.id)
            .where(*unanswered, LoginRow.home == largest.scalar_subquery())
            .order_by(LoginRow.created_at, LoginRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        return bool((await self._run(delete(LoginRow).where(LoginRow.id.in_(oldest)))).rowcount)

    async def sweep(self, before: datetime) -> int:
        """Forget those that expired before; how many."""
        return (await self._run(delete(LoginRow).where(LoginRow.expires_at < before))).rowcount


def _values(login: Login) -> dict[str, Any]:
    values = {name: getattr(login, name) for name in _FIELDS}
    return values | {
        "id": UUID(login.id),
        "stage": login.stage.value,
        "groups": list(login.groups),
        **{name: UUID(values[name]) if values[name] else None for name in _KEYS},
    }
