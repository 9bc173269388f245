"""Policy sets on Postgres."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.policy_set import Activation, PolicySet
from funkhaus.storage import rows
from funkhaus.storage.schema import PolicyActivationRow, PolicySetRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

LOCK = 0x706F6C69
"""Advisory lock of activations: sequences become visible in the order they were given out."""
_COLUMNS = (
    PolicyActivationRow.sequence,
    PolicyActivationRow.revision,
    PolicyActivationRow.at,
    PolicyActivationRow.by,
    PolicyActivationRow.reason,
)


class PostgresPolicies(rows.Statements):
    """`funkhaus.ports.Policies`."""

    async def add(self, policies: PolicySet) -> None:
        """Keep a set, unless it is there."""
        values = {"revision": policies.revision, "files": dict(policies.files)}
        await self._run(insert_or(PolicySetRow).values(**values).on_conflict_do_nothing())

    async def find(self, revision: str) -> PolicySet:
        """A set; raises `NotFoundError`."""
        statement = select(PolicySetRow.files).where(PolicySetRow.revision == revision)
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise NotFoundError(f"there is no policy revision {revision!r}")
        return PolicySet(row.files)

    async def activate(self, activation: Activation) -> Activation:
        """Append; raises `NotFoundError` for a revision that is not kept."""
        await self._lock()
        await self.find(activation.revision)
        statement = (
            insert(PolicyActivationRow)
            .values(
                revision=activation.revision,
                at=activation.at,
                by=activation.by,
                reason=activation.reason,
            )
            .returning(PolicyActivationRow.sequence)
        )
        return replace(activation, sequence=(await self._run(statement)).one().sequence)

    async def active(self) -> Activation | None:
        """The latest."""
        found = await self.history(limit=1)
        return found[0] if found else None

    async def held(self) -> Activation | None:
        """The latest, with the lock that activations take."""
        await self._lock()
        return await self.active()

    async def _lock(self) -> None:
        await self._run(select(func.pg_advisory_xact_lock(LOCK)))

    async def history(self, *, before: int = 0, limit: int = 100) -> Sequence[Activation]:
        """Latest first."""
        statement = select(*_COLUMNS).order_by(PolicyActivationRow.sequence.desc()).limit(limit)
        if before:
            statement = statement.where(PolicyActivationRow.sequence < before)
        return [_activation(row) for row in await self._run(statement)]


def _activation(row: Row[tuple[object, ...]]) -> Activation:
    return Activation(row.revision, row.at, row.by, row.reason, row.sequence)
