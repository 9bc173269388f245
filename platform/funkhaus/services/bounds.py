"""The data of the rules in force, kept in the cluster for kube-apiserver's own policies (`funkhaus.manifests.backstop`).

Compared and repaired, not sent once: whoever changes or deletes the ConfigMap sees it come back, and a cluster made anew
gets it. Namespaces from before they said their plan are told of it, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.crd import catalogue_files
from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.kinds import CONFIG_MAP, TENANT_NAMESPACE
from funkhaus.manifests import backstop
from funkhaus.services.telling import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus.ports import Cluster, Manifest, Stores

COMPARED_EVERY = 30
"""Rounds without news between two looks at what the cluster has."""
NAMESPACES_LIMIT = 20_000
_LOG = logs.logger(__name__)


class Bounds:
    """Any number of processes may keep them: each says the same. `wake` is called when something went into the outbox."""

    def __init__(
        self,
        stores: Stores,
        cluster: Cluster,
        wake: Callable[[], None],
        *,
        domain: str,
        system_namespace: str,
    ) -> None:
        self._stores, self._cluster, self._wake = stores, cluster, wake
        self._domain, self._place = domain, system_namespace
        self._wanted: Manifest | None = None
        self._silent = 0
        self._told = False

    async def round(self) -> bool:
        """One look at what is in force; whether the cluster was changed. Raises `UnavailableError`, `ForbiddenError`."""
        if not self._told:
            await self._tell_who_was_not()
        wanted = await self._in_force()
        if wanted is None:
            return False
        news = wanted is not self._wanted
        self._silent = 0 if news else self._silent + 1
        if not news and self._silent % COMPARED_EVERY:
            return False
        live = await self._cluster.get(CONFIG_MAP, self._place, backstop.NAME)
        changed = live is None or live.get("data") != wanted["data"]
        if changed and live is not None:
            # What is no longer said has to go, whoever wrote it: an apply leaves others' keys alone.
            gone = dict.fromkeys(live.get("data") or {}) | wanted["data"]
            await self._cluster.merge_patch(CONFIG_MAP, self._place, backstop.NAME, {"data": gone})
        elif changed:
            await self._cluster.apply(wanted, force=True)
        self._wanted = wanted
        if changed:
            _LOG.info("bounds written", revision=wanted["data"]["revision"])
        return changed

    async def _in_force(self) -> Manifest | None:
        async with self._stores.begin_platform() as work:
            active = await work.policies.active()
            if active is None:
                return None
            if self._wanted and self._wanted["data"]["revision"] == active.revision:
                return self._wanted
            policies = await work.policies.find(active.revision)
        return backstop.bounds(
            policies.files,
            catalogue_files.by_name(policies.deciding),
            revision=active.revision,
            domain=self._domain,
            namespace=self._place,
        )

    async def _tell_who_was_not(self) -> None:
        """Namespaces made before the cluster was told of plans; a tenant or namespace that is gone meanwhile has none."""
        told = 0
        for manifest in await self._cluster.list(TENANT_NAMESPACE, limit=NAMESPACES_LIMIT):
            spec, meta = manifest.get("spec") or {}, manifest["metadata"]
            if spec.get("plan") or meta.get("deletionTimestamp"):
                continue
            try:
                async with self._stores.begin(str(spec.get("tenant"))) as work:
                    await work.ledger.lock()
                    await tell(work, await work.namespace(str(spec.get("name"))))
                told += 1
            except NotFoundError:
                continue
        self._told = True
        if told:
            self._wake()
            _LOG.info("plans told", namespaces=told)
