"""A Kubernetes namespace that is there already becomes a tenant's, with what is in it.

It is looked at first, and taken as a whole or not at all: its functions and triggers are charged in the transaction that
makes it the tenant's, or what is in the way is said and nothing happens. The controller then makes it its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from funkhaus.domain import names
from funkhaus.domain.charge import Charge, Key
from funkhaus.domain.errors import ConflictError, InvalidError, NotFoundError, PolicyError
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, HTTP_TRIGGER, NAMESPACE
from funkhaus.domain.permission import Permission
from funkhaus.domain.quota import NOTHING, Amounts, excess
from funkhaus.domain.tenant import Namespace
from funkhaus.domain.verdict import Finding
from funkhaus.manifests import labels
from funkhaus.services import states
from funkhaus.services.ledger import amounts_of, host_of, taken, version_of
from funkhaus.services.quotas import check_room, counts_of, share
from funkhaus.services.splits import charged_beside
from funkhaus.services.telling import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from funkhaus.domain.kinds import Kind
    from funkhaus.ports import Clock, Cluster, Manifest, Stores, TenantWork
    from funkhaus.services.acts import Acts, Asker

OBJECTS_LIMIT = 5000
"""Objects of one kind that are looked at; a namespace with more is refused by any plan's quota."""


class AdoptionService:
    """The use case. `wake` is called after a transaction that put something into the outbox."""

    def __init__(
        self,
        stores: Stores,
        acts: Acts,
        cluster: Cluster,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._stores, self._acts, self._cluster = stores, acts, cluster
        self._clock, self._wake = clock, wake

    async def adopt(self, asker: Asker, tenant: str, name: str) -> Namespace:
        """Make the Kubernetes namespace ``<tenant>--<name>`` the tenant's (platform admins).

        Raises `InvalidError` (name), `NotFoundError` (no such tenant or Kubernetes namespace), `ConflictError` (it is
        ending, somebody else's, or the name is or was taken), `PolicyError` (above the plan or the quota, or
        another tenant's host).
        """
        async with self._acts.doing(asker, Permission.NAMESPACE_ADOPT, tenant, name) as act:
            names.namespace_name(name)
            place = names.cluster_namespace(tenant, name)
            async with self._stores.begin(tenant) as work:
                await work.tenant()
            check_foreign(await self._cluster.get(NAMESPACE, "", place), place, tenant)
            charges = await self._charges(place, name)
            async with self._stores.begin(tenant) as work:
                await work.lock()
                await work.ledger.lock()
                hard = await counts_of(work, self._clock.now())
                used = len(await work.namespaces())
                check_room(tenant, "namespaces", hard.namespaces, used)
                rests = (await work.tenant()).suspended
                namespace = Namespace(tenant, name, await share(work), rests, adopted=True)
                await work.add_namespace(namespace)
                await _charge(work, name, charges, self._clock.now())
                await tell(work, namespace)
                act.detail["objects"] = len(charges)
                act.changed(None, states.namespace(namespace))
                await act.done_in(work)
        self._wake()
        return namespace

    async def _charges(self, place: str, name: str) -> list[tuple[Charge, str]]:
        """What the functions and triggers that are there are charged, and the host each answers for."""
        return [
            await self._charge_of(kind, manifest, name)
            for kind in (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER)
            for manifest in await self._cluster.list(kind, place, limit=OBJECTS_LIMIT)
        ]

    async def _charge_of(self, kind: Kind, manifest: Manifest, name: str) -> tuple[Charge, str]:
        key, now = Key(kind.name, name, manifest["metadata"]["name"]), self._clock.now()
        try:
            amounts, host = amounts_of(kind, manifest), host_of(kind, manifest)
            amounts += await charged_beside(self._cluster, kind, manifest)
        except InvalidError as error:
            raise ConflictError(
                f"{kind.name} {key.name!r} there is not of this schema: {error.message}",
                findings=error.findings,
            ) from error
        return Charge(key, now).see(amounts, version_of(manifest), now), host


async def _charge(
    work: TenantWork, name: str, charges: list[tuple[Charge, str]], now: datetime
) -> None:
    """Charge all of them, within both quotas, and claim their hosts; the books are locked."""
    total = sum((charge.used for charge, _ in charges), Amounts())
    accounts = (await work.ledger.account(name), await work.ledger.account())
    findings = [item for account in accounts for item in excess(account, NOTHING, total)]
    if findings:
        raise PolicyError("; ".join(item.sentence for item in findings), findings=findings)
    for charge, _ in charges:
        await work.ledger.move(charge.key, None, charge, guarded=True)
    # In one order, so that two adoptions never wait for each other.
    for host, key in sorted((host, charge.key) for charge, host in charges if host):
        if not await work.hosts.claim(name, key.name, host, now):
            raise PolicyError(
                taken(host).sentence,
                findings=[replace(taken(host), path=f"{key.kind} {key.name}: spec.host")],
            )


def check_foreign(live: Mapping[str, Any] | None, place: str, tenant: str) -> None:
    """Pass if it is a Kubernetes namespace that nobody owns; raises `NotFoundError`, `ConflictError`."""
    if live is None:
        raise NotFoundError(
            f"there is no Kubernetes namespace {place!r} to adopt; `funkhaus namespace create` makes one"
        )
    meta = live["metadata"]
    of = (meta.get("labels") or {}).get(labels.TENANT, tenant)
    wrong = ""
    if meta.get("deletionTimestamp"):
        wrong = "it is being deleted"
    elif of != tenant:
        wrong = f"its label {labels.TENANT} names tenant {of!r}"
    elif any(item.get("controller") for item in meta.get("ownerReferences") or []):
        wrong = "another object in the cluster owns it"
    if wrong:
        finding = Finding(
            "namespace-not-free",
            f"{place} can't be adopted: {wrong}",
            "metadata.name",
            value=place,
        )
        raise ConflictError(finding.message, findings=[finding])
