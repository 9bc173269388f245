"""The decision log on Postgres."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, text, tuple_

from funkhaus.domain.decision import Decision
from funkhaus.domain.verdict import Finding
from funkhaus.storage import rows
from funkhaus.storage.schema import DecisionRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.storage.rows import Row

_FIELDS = (
    *("tenant_id", "id", "revision", "namespace", "kind", "name", "review", "subject", "operation"),
    *("outcome", "input", "digest"),
)
_NAMES = ", ".join([*_FIELDS, "findings", "at", "dry_run"])
_ADD = text(
    f"INSERT INTO decisions ({_NAMES}) SELECT {_NAMES} FROM json_to_recordset(CAST(:rows AS json)) AS r("  # noqa: S608 - our names
    + "".join(f"{name} text, " for name in _FIELDS)
    + "findings jsonb, at timestamptz, dry_run boolean)"
)
_TRIM_TENANTS = 50
"""Tenants with too many that are looked at in one go."""


class PostgresDecisions(rows.Statements):
    """`funkhaus.ports.Decisions`."""

    async def add(self, decisions: Sequence[Decision]) -> None:
        """Append all of them in one statement, which costs the caller one JSON document."""
        facts = [decision.facts() for decision in decisions]
        await self._run(_ADD, {"rows": json.dumps(facts, ensure_ascii=False)})

    async def page(
        self, since: datetime, after: tuple[str, int] = ("", 0), *, limit: int
    ) -> Sequence[Decision]:
        """By tenant and sequence."""
        place = tuple_(DecisionRow.tenant_id, DecisionRow.sequence)
        statement = (
            select(DecisionRow.__table__)
            .where(DecisionRow.at >= since, ~DecisionRow.dry_run, place > after)
            .order_by(DecisionRow.tenant_id, DecisionRow.sequence)
            .limit(limit)
        )
        return [_decision(row) for row in await self._run(statement)]

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Delete some that are older."""
        key = (DecisionRow.tenant_id, DecisionRow.sequence)
        old = select(*key).where(DecisionRow.at < before).order_by(DecisionRow.at).limit(limit)
        return (await self._run(delete(DecisionRow).where(tuple_(*key).in_(old)))).rowcount

    async def trim(self, keep: int, *, limit: int) -> int:
        """Delete the oldest of tenants that have too many."""
        many = (
            select(DecisionRow.tenant_id, func.count().label("number"))
            .group_by(DecisionRow.tenant_id)
            .having(func.count() > keep)
            .limit(_TRIM_TENANTS)
        )
        gone = 0
        for row in list(await self._run(many)):
            some = min(row.number - keep, limit - gone)
            if some <= 0:
                break
            oldest = (
                select(DecisionRow.sequence)
                .where(DecisionRow.tenant_id == row.tenant_id)
                .order_by(DecisionRow.sequence)
                .limit(some)
            )
            statement = delete(DecisionRow).where(
                DecisionRow.tenant_id == row.tenant_id, DecisionRow.sequence.in_(oldest)
            )
            gone += (await self._run(statement)).rowcount
        return gone


def _decision(row: Row) -> Decision:
    return Decision(
        id=row.id,
        revision=row.revision,
        tenant=row.tenant_id,
        namespace=row.namespace,
        kind=row.kind,
        name=row.name,
        review=row.review,
        subject=row.subject,
        operation=row.operation,
        outcome=row.outcome,
        findings=tuple(Finding.of_json(item) for item in row.findings),
        at=row.at,
        dry_run=row.dry_run,
        input=row.input,
        digest=row.digest,
        sequence=row.sequence,
    )
