"""The sweeper: reservations that never arrived go back, and what the books say is compared with the cluster now and then.

An ask is given up only after kube-apiserver can't store it any more, and after a look at the live object. Between reading
a charge and correcting it the charge must not have changed, so an ask that comes in meanwhile is never lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain import names
from funkhaus.domain.charge import Charge
from funkhaus.domain.errors import ConflictError, FunkhausError, InvalidError
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, HTTP_TRIGGER
from funkhaus.domain.quota import NOTHING
from funkhaus.services.ledger import (
    QUARANTINE,
    amounts_of,
    host_of,
    let_go,
    version_of,
    whose,
)
from funkhaus.services.running import running
from funkhaus.services.splits import charged_beside

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.quota import Amounts
    from funkhaus.ports import Clock, Cluster, Manifest, Stores

ARRIVAL = timedelta(seconds=90)
"""After this an admitted request has been stored or never will be (kube-apiserver gives up after 60 s; clocks differ)."""
LOOK_AGAIN = timedelta(minutes=10)
"""How old a look at an object may get."""
ROUND = 50
_KINDS = {kind.name: kind for kind in (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER)}
_LOG = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a round looked at, and how many charges it found otherwise than the cluster has it."""

    looked: int = 0
    corrected: int = 0
    failed: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(
            self.looked + other.looked,
            self.corrected + other.corrected,
            self.failed + other.failed,
        )


class Sweep:
    """Compares charges with the cluster. Several processes may do so at once: it does no harm."""

    def __init__(self, stores: Stores, cluster: Cluster, clock: Clock) -> None:
        self._stores, self._cluster, self._clock = stores, cluster, clock

    async def round(self) -> Swept:
        """Look at what is due, `ROUND` objects at most, and give up hosts whose quarantine is over.

        Raises `UnavailableError` when the database does not answer.
        """
        async with self._stores.begin_platform() as platform:
            await platform.hosts.forget(self._clock.now() - QUARANTINE)
        return await self._look(self._clock.now() - LOOK_AGAIN)

    async def recount(self) -> Swept:
        """The books from what is in the cluster: every live object, then every charge nobody was seen for.

        Idempotent, and safe beside admissions. Holds no quota against anybody: what lives is counted. An ask that may
        still be under way stays. Raises `UnavailableError`.
        """
        begun, swept = self._clock.now(), Swept()
        for kind in _KINDS.values():
            for namespace, name in await self._cluster.keys(kind):
                if names.split_cluster_namespace(namespace):
                    swept += await self._count(kind, namespace, name)
        while True:
            more = await self._look(begun)
            swept += more
            if not more.looked or more.failed == more.looked:
                break
        after = ""
        while True:
            async with self._stores.begin_platform() as platform:
                page = await platform.tenants(after=after, limit=200)
            for tenant in page:
                async with self._stores.begin(tenant.id) as work:
                    swept += Swept(corrected=await work.ledger.balance())
            if not page:
                return swept
            after = page[-1].id

    async def _look(self, checked_before: datetime) -> Swept:
        asked_before, swept = self._clock.now() - ARRIVAL, Swept()
        async with self._stores.begin_platform() as platform:
            due = await platform.ledger.due(asked_before, checked_before, limit=ROUND)
        for tenant, charge in due:
            try:
                swept += await self._compare(tenant, charge)
            except FunkhausError as error:
                swept += Swept(looked=1, failed=1)
                _LOG.warning(
                    "charge not compared", tenant=tenant, key=charge.key, error=error.message
                )
        return swept

    async def _compare(self, tenant: str, charge: Charge) -> Swept:
        key, kind = charge.key, _KINDS[charge.key.kind]
        namespace = names.cluster_namespace(tenant, key.namespace)
        live = await self._cluster.get(kind, namespace, key.name)
        after = None if live is None else await self._as_seen(charge, kind, live)
        legible, host, asked = True, "", NOTHING
        try:
            if live:
                host, asked = host_of(kind, live), await self._asked(kind, live)
        except InvalidError:
            legible = False
        uncovered = not charge.held.covers(asked)
        try:
            async with self._stores.begin(tenant) as work:
                if uncovered or not legible:
                    await work.ledger.move(key, charge, after, guarded=uncovered)
                else:
                    await let_go(work, charge, after, self._clock.now(), host)
        except ConflictError:
            # Somebody changed it meanwhile and knows better; or it got past admission, which is the controller's to say.
            if uncovered:
                await self._put_off(tenant, charge)
            return Swept(looked=1)
        changed = after is None or after.held != charge.held
        if changed:
            _LOG.info("charge corrected", tenant=tenant, key=key, gone=after is None)
        return Swept(looked=1, corrected=int(changed))

    async def _put_off(self, tenant: str, charge: Charge) -> None:
        try:
            async with self._stores.begin(tenant) as work:
                later = replace(charge, checked_at=self._clock.now())
                await work.ledger.move(charge.key, charge, later, guarded=False)
        except ConflictError:
            return

    async def _asked(self, kind: Kind, live: Manifest) -> Amounts:
        return amounts_of(kind, live) + await charged_beside(self._cluster, kind, live)

    async def _used(self, kind: Kind, live: Manifest) -> Amounts:
        asked = await self._asked(kind, live)
        return asked.most(await running(self._cluster, kind, live))

    async def _as_seen(self, charge: Charge, kind: Kind, live: Manifest) -> Charge:
        now = self._clock.now()
        try:
            used = await self._used(kind, live)
        except InvalidError:  # stored by another version's schema: as it was, and looked at again
            return replace(charge, checked_at=now)
        return replace(charge, used=used, version=version_of(live), checked_at=now).settled()

    async def _count(self, kind: Kind, namespace: str, name: str) -> Swept:
        """Charge a live object what it asks for or still runs, whatever the quota says."""
        tenant, key = whose(kind, namespace, name)
        async with self._stores.begin(tenant) as work:
            before = await work.ledger.charge(key)
        live, now = await self._cluster.get(kind, namespace, name), self._clock.now()
        if live is None:
            return Swept()  # the second part sees to it
        asked = before.asked_at if before else None
        if before and asked and asked > now - ARRIVAL:
            used = await self._used(kind, live)
            after = before.see(used, version_of(live), now)
        else:
            after = await self._as_seen(before or Charge(key, now), kind, live)
        try:
            async with self._stores.begin(tenant) as work:
                await work.ledger.account(key.namespace)
                await work.ledger.move(key, before, after, guarded=False)
        except FunkhausError as error:
            _LOG.warning("object not counted", tenant=tenant, key=key, error=error.message)
            return Swept(looked=1, failed=1)
        return Swept(looked=1, corrected=int(before is None or after.held != before.held))
