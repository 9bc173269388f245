"""The quota ledger: reserve at admission, settle what is seen, release what is gone. Both levels move together.

No admission raises what is held above a quota. A lowered quota takes nothing from anybody; it refuses growth.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus.crd import cron_job_trigger as cron_job_trigger_crd
from funkhaus.crd import function as function_crd
from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.domain import names
from funkhaus.domain.charge import Charge, Key
from funkhaus.domain.errors import ConflictError, UnavailableError
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, HTTP_TRIGGER
from funkhaus.domain.quota import NOTHING, Amounts, asked_by, excess
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from funkhaus.domain.kinds import Kind
    from funkhaus.ports import AuditRow, Clock, Manifest, Stores, TenantWork

    Also = Callable[[TenantWork], Awaitable[None]]

ATTEMPTS = 8
"""How often a move is tried while others change the same charge, or room comes and goes."""
QUARANTINE = timedelta(hours=24)
"""How long a host stays its tenant's after the last trigger let go of it."""


class _HostTakenError(Exception):
    """Gives the transaction up that found a host to be another's."""


class _DryError(Exception):
    """Gives up the transaction of a dry run that would have gone well."""


class LedgerService:
    """Use cases of admission, controller and sweeper."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores, self._clock = stores, clock

    async def reserve(
        self,
        tenant: str,
        key: Key,
        amounts: Amounts,
        base: int,
        *,
        host: str = "",
        row: AuditRow | None = None,
        also: Also | None = None,
        dry_run: bool = False,
    ) -> tuple[Finding, ...]:
        """Hold room for an object that asks for `amounts`, and its `host`, both or neither; what is in the way if so.

        `base` is the resource version the ask was made against, 0 for a create. What `also` does in the same transaction
        stands with what is held, or not at all, and so does `row`, which is written last; `also` is called once more when
        the transaction is tried again, and what it raises but `ConflictError` is raised. A dry run writes nothing.

        Raises `UnavailableError` when the books can't be had, `NotFoundError` for a namespace that is gone.
        """
        if dry_run:
            return await self._tried(tenant, key, amounts, host)
        for attempt in range(ATTEMPTS):
            # A create is most likely of something nobody knows: that is tried before it is looked up.
            unknown = base == 0 and attempt == 0
            try:
                async with self._stores.begin(tenant) as work:
                    before = None if unknown else await work.ledger.charge(key)
                    now = self._clock.now()
                    after = (before or Charge(key, now)).ask(amounts, base, now)
                    await work.ledger.move(key, before, after, guarded=True)
                    await self._claim(work, key, host)
                    if also is not None:
                        await also(work)
                    if row is not None:
                        await work.audit(row)
            except _HostTakenError:
                return (taken(host),)
            except ConflictError:
                pass
            else:
                return ()
            if found := await self._objections(tenant, key, amounts):
                return found
        raise UnavailableError("the quota ledger is busy with this object; try again")

    async def _tried(
        self, tenant: str, key: Key, amounts: Amounts, host: str
    ) -> tuple[Finding, ...]:
        """What would be in the way. A neighbour's hosts are seen by nobody: whether one is free is found out by a claim
        that is given up.
        """
        try:
            async with self._stores.begin(tenant) as work:
                if (found := await _in_the_way(work, key, amounts)) or not host:
                    return found
                await self._claim(work, key, host)
                raise _DryError  # noqa: TRY301 - what ends a transaction without a commit
        except _HostTakenError:
            return (taken(host),)
        except _DryError:
            return ()

    async def _claim(self, work: TenantWork, key: Key, host: str) -> None:
        if host and not await work.hosts.claim(key.namespace, key.name, host, self._clock.now()):
            raise _HostTakenError

    async def _objections(self, tenant: str, key: Key, amounts: Amounts) -> tuple[Finding, ...]:
        async with self._stores.begin(tenant) as work:
            return await _in_the_way(work, key, amounts)

    async def seen(
        self,
        kind: Kind,
        manifest: Manifest,
        running: Amounts = NOTHING,
        beside: Amounts = NOTHING,
    ) -> tuple[Finding, ...]:
        """Settle an object that is there: reserved becomes used, with the amounts of its spec and what it is charged
        `beside` them (`funkhaus.services.splits`) or, where that is more, of what is `running` for it. What runs is counted
        whatever the quota says.

        One that asks for more than was ever reserved for it got past admission: it takes the room if there is room, and if
        not, what is in the way is returned and nothing is settled. Raises `InvalidError` for a wrong shape.
        """
        tenant, key = whose(kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        asked, version = amounts_of(kind, manifest) + beside, version_of(manifest)
        amounts = asked.most(running)
        host = host_of(kind, manifest)
        for _ in range(ATTEMPTS):
            try:
                async with self._stores.begin(tenant) as work:
                    before, now = await work.ledger.charge(key), self._clock.now()
                    after = (before or Charge(key, now)).see(amounts, version, now)
                    known = before and not before.asked_at and after.used == before.used
                    if known and (not host or await _holds_just(work, key, host)):
                        return ()  # nothing outstanding, nothing new: no write, whatever the status does
                    held = before.held if before else NOTHING
                    covered = held.most(running).covers(asked)
                    await work.ledger.move(key, before, after, guarded=not covered)
                    await self._claim(work, key, host)
                    if host and not after.asked_at:
                        await work.hosts.keep(key.namespace, key.name, (host,), now)
            except _HostTakenError:
                return (taken(host),)
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
                    await let_go(work, before, before.gone(self._clock.now()), self._clock.now())
            except ConflictError:
                continue
            return
        raise UnavailableError("the quota ledger is busy with this object; try again")


async def _in_the_way(work: TenantWork, key: Key, amounts: Amounts) -> tuple[Finding, ...]:
    charge, *accounts = await work.ledger.standing(key)
    before = charge.held if charge else NOTHING
    return tuple(
        finding for account in accounts for finding in excess(account, before, before.most(amounts))
    )


async def let_go(
    work: TenantWork, before: Charge, after: Charge | None, now: datetime, host: str = ""
) -> None:
    """Have an object charged `after` that was looked for: what it does not hold any more is given back, hosts too.

    `host` is the one it was seen with. Raises `ConflictError` when the charge is no longer `before`.
    """
    key = before.key
    await work.ledger.move(key, before, after, guarded=False)
    if key.kind == HTTP_TRIGGER.name and (after is None or not after.asked_at):
        await work.hosts.keep(key.namespace, key.name, (host,) if host else (), now)


async def _holds_just(work: TenantWork, key: Key, host: str) -> bool:
    return await work.hosts.of(key.namespace, key.name) == {host}


def taken(host: str) -> Finding:
    """That a host is somebody else's."""
    hours = int(QUARANTINE.total_seconds() // 3600)
    message = f"host {host} is another tenant's, or was until less than {hours} hours ago; another name passes"
    return Finding("hostname-taken", message, "spec.host", value=host)


def host_of(kind: Kind, manifest: Manifest) -> str:
    """The host a trigger asks for, "" for none; raises `InvalidError` for a wrong shape."""
    return http_trigger_crd.parse(manifest).spec.host if kind == HTTP_TRIGGER else ""


def whose(kind: Kind, namespace: str, name: str) -> tuple[str, Key]:
    """The tenant and the key of an object in a Kubernetes namespace of ours."""
    tenant, _, short = namespace.partition("--")
    return tenant, Key(kind.name, short, name)


def amounts_of(kind: Kind, manifest: Manifest) -> Amounts:
    """What a Function or trigger asks for by itself; raises `InvalidError` for a wrong shape."""
    if kind == FUNCTION:
        return asked_by(function_crd.parse(manifest))
    if kind == CRON_JOB_TRIGGER:
        return asked_by(cron_job_trigger_crd.parse(manifest))
    return asked_by(http_trigger_crd.parse(manifest))


def version_of(manifest: Manifest) -> int:
    """The resource version, which grows with every change in the cluster (Kubernetes compares them as numbers itself)."""
    text = str((manifest.get("metadata") or {}).get("resourceVersion") or "")
    return int(text) if text.isdecimal() else 0
