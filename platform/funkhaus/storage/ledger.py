"""`funkhaus.ports.Ledger` on Postgres: one guarded statement moves both levels and the charge.

The statement takes the tenant's row first, then the namespace's, then the charge: no two of them can wait for each other.
A guard is judged against the newest row, also after waiting for it (READ COMMITTED looks again), and the tenant's row is
held from this statement to the commit that follows it, not longer.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from funkhaus.domain.charge import Charge, Key
from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.quota import AMOUNTS, COUNTS, LIMITS, NOTHING, Account, Amounts
from funkhaus.ports import Override
from funkhaus.storage import rows
from funkhaus.storage.fixed import fixed
from funkhaus.storage.schema import (
    ChargeRow,
    NamespaceRow,
    OverrideRow,
    QuotaRow,
    TenantQuotaRow,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.domain.quota import Quota
    from funkhaus.storage.rows import Row

_CHECK_VIOLATION = "23514"
_MOVED_ON = "there is no room, or the charge was changed meanwhile"
_STATES = ("used", "asked")
_COLUMNS = [f"{state}_{name}" for state in _STATES for name in AMOUNTS]
_FACTS = ("asked_at", "base", "creates", "version", "checked_at", "serial")


def _account(table: str, where: str) -> str:
    sets = ", ".join(
        f"{state}_{name} = {state}_{name} + CAST(:{state}_{name}_by AS bigint)"
        for state in ("used", "reserved")
        for name in AMOUNTS
    )
    fits = " AND ".join(
        f"(CAST(:{name}_by AS bigint) <= 0 OR used_{name} + reserved_{name} + :{name}_by <= {name})"
        for name in AMOUNTS
    )
    return (
        f"UPDATE {table} SET {sets} WHERE tenant_id = :tenant AND {where} "  # noqa: S608 - constants of this module
        f"AND (NOT CAST(:guarded AS boolean) OR ({fits})) RETURNING 1"
    )


_KEY = "tenant_id = :tenant AND namespace = :namespace AND kind = :kind AND name = :name"
_WRITTEN = ", ".join((*_COLUMNS, *_FACTS))
_GIVEN = ", ".join(
    (
        *(f"CAST(:{name} AS bigint)" for name in _COLUMNS),
        *(
            f"CAST(:{name} AS {'timestamptz' if name.endswith('_at') else 'bigint'})"
            for name in _FACTS
        ),
    )
)
_SETS = ", ".join(f"{name} = excluded.{name}" for name in (*_COLUMNS, *_FACTS))
_IN_NAMESPACE = (
    "namespace = :namespace AND EXISTS (SELECT 1 FROM tenant) "
    # What is let in is let into a namespace that is there; what goes may go from one that is not any more.
    "AND (NOT CAST(:guarded AS boolean) OR EXISTS (SELECT 1 FROM namespaces "
    "WHERE tenant_id = :tenant AND name = :namespace AND deleted_at IS NULL))"
)
_TENANT, _NAMESPACE = _account("tenant_quotas", "true"), _account("quotas", _IN_NAMESPACE)
_ACCOUNTS = f"WITH tenant AS ({_TENANT}), namespace AS ({_NAMESPACE}), "
_READ = fixed(f"SELECT {_WRITTEN}, kind, namespace, name FROM charges WHERE {_KEY}")  # noqa: S608 - likewise
_STORE = fixed(
    f"{_ACCOUNTS} charge AS (INSERT INTO charges (tenant_id, namespace, kind, name, {_WRITTEN}) "  # noqa: S608 - likewise
    f"SELECT :tenant, :namespace, :kind, :name, {_GIVEN} FROM namespace "
    f"ON CONFLICT (tenant_id, namespace, kind, name) DO UPDATE SET {_SETS} "
    "WHERE charges.serial = :before RETURNING 1) SELECT count(*) AS moved FROM charge"
)
_FORGET = fixed(
    f"{_ACCOUNTS} charge AS (DELETE FROM charges WHERE {_KEY} AND serial = :before "  # noqa: S608 - likewise
    "AND EXISTS (SELECT 1 FROM namespace) RETURNING 1) SELECT count(*) AS moved FROM charge"
)


_SUMS = ", ".join(
    [f"coalesce(sum(c.used_{name}), 0)::bigint AS used_{name}" for name in AMOUNTS]
    + [
        f"coalesce(sum(greatest(c.asked_{name} - c.used_{name}, 0)), 0)::bigint AS reserved_{name}"
        for name in AMOUNTS
    ]
)
_HELD = [f"{state}_{name}" for state in ("used", "reserved") for name in AMOUNTS]
_BOTH = ", ".join(
    f"{level}.{name} AS {level}_{name}" for level in ("part", "whole") for name in (*LIMITS, *_HELD)
)
_CHARGED = ", ".join(f"c.{name}" for name in ("kind", "namespace", "name", *_COLUMNS, *_FACTS))
_STANDING = fixed(
    f"SELECT {_BOTH}, {_CHARGED} FROM namespaces n "  # noqa: S608 - likewise
    "JOIN quotas part ON part.tenant_id = n.tenant_id AND part.namespace = n.name "
    "JOIN tenant_quotas whole ON whole.tenant_id = n.tenant_id "
    "LEFT JOIN charges c ON c.tenant_id = n.tenant_id AND c.namespace = n.name AND c.kind = :kind AND c.name = :name "
    "WHERE n.tenant_id = :tenant AND n.name = :namespace AND n.deleted_at IS NULL"
)
_BALANCE = """
UPDATE {table} AS account SET ({columns}) = ROW({sums}) FROM
 (SELECT q.tenant_id, {by} {of} FROM {table} q LEFT JOIN charges c ON c.tenant_id = q.tenant_id {on}
  WHERE q.tenant_id = :tenant GROUP BY q.tenant_id {group}) AS found
 WHERE account.tenant_id = found.tenant_id {match} AND ({columns_of}) IS DISTINCT FROM ({sums})
"""


def _balance(table: str, *, by_namespace: bool) -> str:
    columns = ", ".join(_HELD)
    return _BALANCE.format(
        table=table,
        columns=columns,
        columns_of=", ".join(f"account.{name}" for name in _HELD),
        sums=", ".join(f"found.{name}" for name in _HELD),
        of=_SUMS,
        by="q.namespace," if by_namespace else "",
        on="AND c.namespace = q.namespace" if by_namespace else "",
        group=", q.namespace" if by_namespace else "",
        match="AND account.namespace = found.namespace" if by_namespace else "",
    )


class PostgresLedger(rows.Statements):
    """The books of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant

    async def charge(self, key: Key) -> Charge | None:
        """What an object is charged, if it is."""
        row = await self._row(_READ, self._named(key))
        return _charge(row) if row else None

    async def standing(self, key: Key) -> tuple[Charge | None, Account, Account]:
        """An object's charge, its namespace's account and the tenant's; raises `NotFoundError`."""
        if (row := await self._row(_STANDING, self._named(key))) is None:
            raise NotFoundError(f"there is no namespace {key.namespace!r}")
        charge = _charge(row) if row.kind else None
        part = self._account(row, key.namespace, "part_")
        return charge, part, self._account(row, "", "whole_")

    def _named(self, key: Key) -> dict[str, object]:
        return {
            "tenant": self._tenant,
            "namespace": key.namespace,
            "kind": key.kind,
            "name": key.name,
        }

    async def account(self, namespace: str = "") -> Account:
        """A namespace's account, or the tenant's own; raises `NotFoundError`."""
        if namespace:
            statement = (
                select(QuotaRow.__table__)
                .join(
                    NamespaceRow,
                    (NamespaceRow.tenant_id == QuotaRow.tenant_id)
                    & (NamespaceRow.name == QuotaRow.namespace),
                )
                .where(QuotaRow.tenant_id == self._tenant, QuotaRow.namespace == namespace)
                .where(NamespaceRow.deleted_at.is_(None))
            )
        else:
            statement = select(TenantQuotaRow.__table__).where(
                TenantQuotaRow.tenant_id == self._tenant
            )
        if (row := (await self._run(statement)).one_or_none()) is None:
            what = f"namespace {namespace!r}" if namespace else f"tenant {self._tenant!r}"
            raise NotFoundError(f"there is no {what}")
        return self._account(row, namespace)

    async def accounts(self) -> Sequence[Account]:
        """The tenant's account, then those of its namespaces that are there, by name."""
        statement = (
            select(QuotaRow.__table__)
            .join(
                NamespaceRow,
                (NamespaceRow.tenant_id == QuotaRow.tenant_id)
                & (NamespaceRow.name == QuotaRow.namespace),
            )
            .where(QuotaRow.tenant_id == self._tenant, NamespaceRow.deleted_at.is_(None))
            .order_by(QuotaRow.namespace)
        )
        own = await self.account()
        return [own, *(self._account(row, row.namespace) for row in await self._run(statement))]

    def _account(self, row: Row, namespace: str, prefix: str = "") -> Account:
        return Account(
            self._tenant,
            namespace,
            rows.quota(row, prefix),
            _amounts(row, f"{prefix}used"),
            _amounts(row, f"{prefix}reserved"),
        )

    async def largest(self, *, namespace: str = "", limit: int = 20) -> Sequence[Charge]:
        """The charges that hold most CPU, then memory, from the top."""
        statement = select(ChargeRow.__table__).where(ChargeRow.tenant_id == self._tenant)
        if namespace:
            statement = statement.where(ChargeRow.namespace == namespace)
        columns = ChargeRow.__table__.c
        for name in ("cpu_millis", "memory_bytes"):
            held = func.greatest(columns[f"used_{name}"], columns[f"asked_{name}"])
            statement = statement.order_by(held.desc())
        statement = statement.order_by(columns.namespace, columns.kind, columns.name).limit(limit)
        return [_charge(row) for row in await self._run(statement)]

    async def move(
        self, key: Key, before: Charge | None, after: Charge | None, *, guarded: bool
    ) -> None:
        """Have an object charged `after` instead of `before`; raises `ConflictError`."""
        if before is None and after is None:
            return
        used = (after.used if after else NOTHING) - (before.used if before else NOTHING)
        reserved = (after.reserved if after else NOTHING) - (before.reserved if before else NOTHING)
        growth = used + reserved
        values = self._named(key)
        values |= {"guarded": guarded, "before": before.serial if before else 0}
        for name in AMOUNTS:
            values[f"used_{name}_by"] = getattr(used, name)
            values[f"reserved_{name}_by"] = getattr(reserved, name)
            values[f"{name}_by"] = getattr(growth, name)
        if after:
            values |= {
                f"{state}_{name}": getattr(getattr(after, state), name)
                for state in _STATES
                for name in AMOUNTS
            }
            values |= {name: getattr(after, name) for name in _FACTS}
            # By chance and not by counting: a charge that was deleted and made anew would count the same again.
            values["serial"] = 1 + secrets.randbits(62)
        # The accounts come before the charge: what a charge no longer holds may take them below zero.
        known = {_CHECK_VIOLATION: (ConflictError, _MOVED_ON)}
        moved = await self._row(_STORE if after else _FORGET, values, known)
        if not (moved and moved.moved):
            raise ConflictError(_MOVED_ON)

    async def set_namespace_quota(self, namespace: str, quota: Quota) -> None:
        """What a namespace may hold from now on; raises `NotFoundError`."""
        await self.account(namespace)
        await self._run(
            update(QuotaRow)
            .where(QuotaRow.tenant_id == self._tenant, QuotaRow.namespace == namespace)
            .values(**rows.limits(quota))
        )

    async def set_tenant_quota(self, quota: Quota) -> None:
        """What the tenant may hold from now on."""
        await self._run(
            update(TenantQuotaRow)
            .where(TenantQuotaRow.tenant_id == self._tenant)
            .values(**rows.limits(quota))
        )

    async def override(self) -> Override | None:
        """The admin's override, whether expired or not."""
        statement = select(OverrideRow.__table__).where(OverrideRow.tenant_id == self._tenant)
        if (row := (await self._run(statement)).one_or_none()) is None:
            return None
        counts = {name: getattr(row, name) for name in COUNTS}
        return Override(rows.quota(row), row.reason, row.by, row.expires_at, **counts)

    async def set_override(self, override: Override | None) -> None:
        """Note an override, or that there is none."""
        if override is None:
            await self._run(delete(OverrideRow).where(OverrideRow.tenant_id == self._tenant))
            return
        facts = {
            **rows.limits(override.quota),
            **{name: getattr(override, name) for name in COUNTS},
            "reason": override.reason,
            "by": override.by,
            "expires_at": override.expires_at,
        }
        await self._run(
            insert(OverrideRow)
            .values(tenant_id=self._tenant, **facts)
            .on_conflict_do_update(index_elements=["tenant_id"], set_=facts)
        )

    async def balance(self) -> int:
        """Have the accounts be the sums of the charges; how many were not."""
        await self.lock()  # no charge moves without this row
        wrong = 0
        for table, by_namespace in (("tenant_quotas", False), ("quotas", True)):
            statement = text(_balance(table, by_namespace=by_namespace))
            wrong += (await self._run(statement.bindparams(tenant=self._tenant))).rowcount
        return wrong

    async def lock(self) -> None:
        """Be the only one to change the tenant's accounts until the transaction ends."""
        await self._run(
            select(TenantQuotaRow.tenant_id)
            .where(TenantQuotaRow.tenant_id == self._tenant)
            .with_for_update()
        )


class PostgresPlatformLedger(rows.Statements):
    """The books of all tenants."""

    async def due(
        self, asked_before: datetime, checked_before: datetime, *, limit: int = 50
    ) -> Sequence[tuple[str, Charge]]:
        """What the sweeper has to look at, longest unchecked first."""
        statement = (
            select(ChargeRow.__table__)
            .where(
                or_(
                    ChargeRow.asked_at < asked_before,
                    ChargeRow.asked_at.is_(None) & (ChargeRow.checked_at < checked_before),
                )
            )
            .order_by(ChargeRow.checked_at)
            .limit(limit)
        )
        return [(row.tenant_id, _charge(row)) for row in await self._run(statement)]

    async def expired_overrides(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[str]:
        """Tenants whose override has expired, by id."""
        statement = (
            select(OverrideRow.tenant_id)
            .where(OverrideRow.expires_at <= now, OverrideRow.tenant_id > after)
            .order_by(OverrideRow.tenant_id)
            .limit(limit)
        )
        return list((await self._run(statement)).scalars())


def _amounts(row: Row, state: str) -> Amounts:
    return Amounts(*(getattr(row, f"{state}_{name}") for name in AMOUNTS))


def _charge(row: Row) -> Charge:
    return Charge(
        key=Key(row.kind, row.namespace, row.name),
        used=_amounts(row, "used"),
        asked=_amounts(row, "asked"),
        **{name: getattr(row, name) for name in _FACTS},
    )
