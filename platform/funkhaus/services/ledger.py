"""The quota ledger: reserve at admission, settle what is seen, release what is gone. Both levels move together.

No admission raises what is held above a quota. A lowered quota takes nothing from anybody; it refuses growth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.crd import cron_job_trigger as cron_job_trigger_crd
from funkhaus.crd import function as function_crd
from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.domain import names
from funkhaus.domain.charge import Charge, Key
from funkhaus.domain.errors import ConflictError, UnavailableError
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION
from funkhaus.domain.quota import NOTHING, Amounts, asked_by, excess

if TYPE_CHECKING:
    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.verdict import Finding
    from funkhaus.ports import Clock, Manifest, Stores

ATTEMPTS = 8
"""How often a move is tried while others change the same charge, or room comes and goes."""


class LedgerService:
    """Use cases of admission, controller and sweeper."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores, self._clock = stores, clock

    async def reserve(
        self, tenant: str, key: Key, amounts: Amounts, base: int, *, dry_run: bool = False
    ) -> tuple[Finding, ...]:
        """Hold room for an object that asks for `amounts`; what is in the way if there is none.

        `base` is the resource version the ask was made against, 0 for a create. A dry run writes nothing. Raises
        `UnavailableError` when the books can't be had, `NotFoundError` for a namespace that is gone.
        """
        for attempt in range(1 if dry_run else ATTEMPTS):
            if not dry_run:
                # A create is most likely of something nobody knows: that is tried before it is looked up.
                unknown = base == 0 and attempt == 0
                try:
                    async with self._stores.begin(tenant) as work:
                        before = None if unknown else await work.ledger.charge(key)
                        now = self._clock.now()
                        after = (before or Charge(key, now)).ask(amounts, base, now)
                        await work.ledger.move(key, before, after, guarded=True)
                except ConflictError:
                    pass
                else:
                    return ()
            if (found := await self._objections(tenant, key, amounts)) or dry_run:
                return found
        raise UnavailableError("the quota ledger is busy with this object; try again")

    async def _objections(self, tenant: str, key: Key, amounts: Amounts) -> tuple[Finding, ...]:
        async with self._stores.begin(tenant) as work:
            charge, *accounts = await work.ledger.standing(key)
        before = charge.held if charge else NOTHING
        return tuple(
            finding
            for account in accounts
            for finding in excess(account, before, before.most(amounts))
        )

    async def seen(self, kind: Kind, manifest: Manifest) -> tuple[Finding, ...]:
        """Settle an object that is there: reserved becomes used, with the amounts of its spec.

        One that holds more than was ever reserved for it got past admission: it takes the room if there is room, and if
        not, what is in the way is returned and nothing is settled. Raises `InvalidError` for a wrong shape.
        """
        tenant, key = whose(kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        amounts, version = amounts_of(kind, manifest), version_of(manifest)
        for _ in range(ATTEMPTS):
            try:
                async with self._stores.begin(tenant) as work:
                    before, now = await work.ledger.charge(key), self._clock.now()
                    after = (before or Charge(key, now)).see(amounts, version, now)
                    if before and not before.asked_at and after.used == before.used:
                        return ()  # nothing outstanding, nothing new: no write, whatever the status does
                    covered = before is not None and before.held.covers(amounts)
                    await work.ledger.move(key, before, after, guarded=not covered)
            except ConflictError:
                if found := await self._objections(tenant, key, amounts):
                    return found
            else:
                return ()
        raise UnavailableError("the quota ledger is busy with this object; try again")

    async def missing(self, kind: Kind, namespace: str, name: str) -> None:
        """Release what an object held that is not there any more; `namespace` is the Kubernetes one."""
        if names.split_cluster_namespace(namespace) is None:
            return
        tenant, key = whose(kind, namespace, name)
        for _ in range(ATTEMPTS):
            try:
                async with self._stores.begin(tenant) as work:
                    before = await work.ledger.charge(key)
                    if before is None:
                        return
                    after = before.gone(self._clock.now())
                    await work.ledger.move(key, before, after, guarded=False)
            except ConflictError:
                continue
            return
        raise UnavailableError("the quota ledger is busy with this object; try again")


def whose(kind: Kind, namespace: str, name: str) -> tuple[str, Key]:
    """The tenant and the key of an object in a Kubernetes namespace of ours."""
    tenant, _, short = namespace.partition("--")
    return tenant, Key(kind.name, short, name)


def amounts_of(kind: Kind, manifest: Manifest) -> Amounts:
    """What a Function or trigger asks for; raises `InvalidError` for a wrong shape."""
    if kind == FUNCTION:
        return asked_by(function_crd.parse(manifest))
    if kind == CRON_JOB_TRIGGER:
        return asked_by(cron_job_trigger_crd.parse(manifest))
    return asked_by(http_trigger_crd.parse(manifest))


def version_of(manifest: Manifest) -> int:
    """The resource version, which grows with every change in the cluster (Kubernetes compares them as numbers itself)."""
    text = str((manifest.get("metadata") or {}).get("resourceVersion") or "")
    return int(text) if text.isdecimal() else 0
