"""`Decisions` without a database."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from funkhaus.domain.audit import storable
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.decision import Decision


class MemoryDecisions:
    """`Decisions`."""

    def __init__(self, rows: dict[tuple[str, int], Decision]) -> None:
        self._rows = rows

    async def add(self, decisions: Sequence[Decision]) -> None:
        for decision in decisions:
            sequence = max((number for _, number in self._rows), default=0) + 1
            found = tuple(
                Finding.of_json(storable(finding.as_json())) for finding in decision.findings
            )
            kept = replace(
                decision, sequence=sequence, findings=found, name=storable(decision.name)
            )
            self._rows[decision.tenant, sequence] = kept

    async def page(
        self, since: datetime, after: tuple[str, int] = ("", 0), *, limit: int
    ) -> Sequence[Decision]:
        found = [
            row
            for key, row in sorted(self._rows.items())
            if key > after and row.at >= since and not row.dry_run
        ]
        return found[:limit]

    async def forget(self, before: datetime, *, limit: int) -> int:
        return self._drop([key for key, row in self._rows.items() if row.at < before][:limit])

    async def trim(self, keep: int, *, limit: int) -> int:
        counts = Counter(tenant for tenant, _ in self._rows)
        gone = 0
        for tenant, count in counts.items():
            own = sorted(key for key in self._rows if key[0] == tenant)
            gone += self._drop(own[: max(0, min(count - keep, limit - gone))])
        return gone

    def _drop(self, keys: list[tuple[str, int]]) -> int:
        for key in keys:
            del self._rows[key]
        return len(keys)
