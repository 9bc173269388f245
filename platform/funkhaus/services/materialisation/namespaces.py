"""A TenantNamespace: the Kubernetes Namespace with what belongs in it, and its end.

Postgres is the truth and the API server writes the object; here the cluster follows.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from funkhaus.crd import tenant_namespace as tenant_namespace_crd
from funkhaus.crd.conditions import DEGRADED, READY, Condition
from funkhaus.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from funkhaus.domain.kinds import (
    CRON_JOB_TRIGGER,
    FUNCTION,
    HTTP_TRIGGER,
    NAMESPACE,
    TENANT_NAMESPACE,
)
from funkhaus.domain.question import is_mark
from funkhaus.manifests import network
from funkhaus.manifests import tenant as builders
from funkhaus.services.materialisation.parts import GONE, Next
from funkhaus.services.materialisation.upkeep import ForeignError, remove

if TYPE_CHECKING:
    from funkhaus.domain.tenant import Namespace
    from funkhaus.manifests.labels import Owner
    from funkhaus.ports import Cluster, Manifest
    from funkhaus.services.materialisation.parts import Surroundings
    from funkhaus.services.materialisation.standing import Standing
    from funkhaus.services.materialisation.upkeep import Upkeep

AGAIN = 2.0
"""Seconds between looks at a Namespace that is ending."""
HELD = 500
"""Objects of one kind whose finalizers are looked at in one go."""
_KUBERNETES = {"foregroundDeletion", "orphan"}
_CONTENT, _FINALIZERS = "NamespaceContentRemaining", "NamespaceFinalizersRemaining"


class NamespaceMaterialiser:
    """The one `reconcile` of TenantNamespaces."""

    def __init__(
        self, *, cluster: Cluster, standing: Standing, upkeep: Upkeep, surroundings: Surroundings
    ) -> None:
        self._cluster, self._standing, self._around = cluster, standing, surroundings
        self._upkeep = upkeep

    async def reconcile(self, namespace: str, name: str) -> Next:
        """Make or end the Namespace. Raises `UnavailableError` and `ConflictError`: try again."""
        del namespace  # cluster-scoped
        manifest = await self._cluster.get(TENANT_NAMESPACE, "", name)
        if manifest is None:
            return GONE
        try:
            wanted = tenant_namespace_crd.parse(manifest)
            owner = builders.owner(wanted, manifest["metadata"]["uid"])
            if manifest["metadata"].get("deletionTimestamp"):
                return await self._end(manifest, owner)
            return await self._make(manifest, wanted, owner)
        except (InvalidError, ForbiddenError, ForeignError) as error:
            reason = "Conflict" if isinstance(error, ForeignError) else "Refused"
            not_ready = Condition(READY, status=False, reason=reason, message=error.message)
            await self._standing.write(manifest, [not_ready])
            return Next("refused")
        except UnavailableError as error:
            message = f"{error.message}; it is tried again"
            waiting = Condition(DEGRADED, status=True, reason="Unavailable", message=message)
            await self._standing.write(manifest, [waiting])
            raise

    async def _make(self, manifest: Manifest, wanted: Namespace, owner: Owner) -> Next:
        await self._hold(manifest, held=True)
        place = builders.site(wanted)
        live = await self._namespace(wanted, owner)
        if live["metadata"].get("deletionTimestamp"):
            message = (
                "the Namespace is being deleted by somebody else; it is made anew when it is gone"
            )
            gone = Condition(READY, status=False, reason="Ending", message=message)
            await self._standing.write(manifest, [gone])
            return Next("held", AGAIN)
        around = self._around
        # What guards the namespace comes before what lets people in.
        for part in (
            *network.policies(
                place,
                owner,
                ingress_namespace=around.ingress_namespace,
                system_namespace=around.system_namespace,
                dns_cidrs=around.dns_cidrs,
                index=around.builds.index,
                upstream=around.builds.upstream,
                waker_cidrs=around.waker_cidrs,
                waker_port=around.waker_port,
            ),
            builders.resource_quota(wanted, owner),
            builders.limit_range(place, owner),
            *builders.role_bindings(place, owner),
        ):
            await self._upkeep.ensure(part, owner)
        message = f"namespace {place.namespace} stands with its quota, network policies and roles"
        ready = Condition(READY, status=True, reason="Made", message=message)
        fine = Condition(DEGRADED, status=False, reason="AsExpected", message="nothing is wrong")
        await self._standing.write(manifest, [ready, fine])
        return Next("done")

    async def _namespace(self, wanted: Namespace, owner: Owner) -> Manifest:
        """The Namespace; one that is to be adopted becomes ours with what is in it, if nobody else's by now."""
        asked = builders.kubernetes_namespace(wanted, owner)
        if wanted.adopted:
            live = await self._cluster.get(NAMESPACE, "", wanted.cluster_name)
            if live is not None and not owner.owns(live):
                if any(
                    item.get("controller") for item in live["metadata"].get("ownerReferences") or []
                ):
                    raise ForeignError.of(NAMESPACE, wanted.cluster_name)
                return await self._upkeep.take_over(asked, live)
        return await self._upkeep.ensure(asked, owner)

    async def _end(self, manifest: Manifest, owner: Owner) -> Next:
        """Delete the Namespace, and let the TenantNamespace go when it is gone; a stranger's is left alone."""
        live = await self._cluster.get(NAMESPACE, "", manifest["metadata"]["name"])
        if live is None or not owner.owns(live):
            await self._hold(manifest, held=False)
            return GONE
        if not live["metadata"].get("deletionTimestamp"):
            await remove(self._cluster, live, owner)
        else:
            await self._release(live["metadata"]["name"])
        message = "the Namespace and all in it are being deleted"
        if kept := _kept(live):
            message = f"{message}; Kubernetes says what is left: {kept}"
        ending = Condition(READY, status=False, reason="Ending", message=message)
        await self._standing.write(manifest, [ending])
        return Next("ending", AGAIN)

    async def _release(self, namespace: str) -> None:
        """Take foreign finalizers off what is being deleted there of our kinds.

        Admission lets members add none; these are from before it did. What else members write, Secrets and ConfigMaps, the
        controller may not even read: of those the condition tells.
        """
        for kind in (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER):
            for held in await self._cluster.list(kind, namespace, limit=HELD):
                meta = held["metadata"]
                finalizers = meta.get("finalizers") or []
                ours = [one for one in finalizers if one in _KUBERNETES or is_mark(one)]
                if ours == finalizers or not meta.get("deletionTimestamp"):
                    continue
                patch = {
                    "metadata": {
                        "finalizers": ours or None,
                        "resourceVersion": meta["resourceVersion"],
                    }
                }
                with suppress(NotFoundError, ConflictError):  # looked at again, if it is there yet
                    await self._cluster.merge_patch(kind, namespace, meta["name"], patch)

    async def _hold(self, manifest: Manifest, *, held: bool) -> None:
        """Set or drop our finalizer, on exactly this object."""
        meta = manifest["metadata"]
        if (builders.FINALIZER in (meta.get("finalizers") or [])) == held:
            return
        head = {"name": meta["name"], "uid": meta["uid"]}
        if held:
            head["finalizers"] = [builders.FINALIZER]
        try:
            await self._cluster.apply(
                {
                    "apiVersion": TENANT_NAMESPACE.api_version,
                    "kind": TENANT_NAMESPACE.name,
                    "metadata": head,
                }
            )
        except ConflictError:
            if held:
                raise


def _kept(live: Manifest) -> str:
    """What Kubernetes says is held in a Namespace by finalizers; "" where it says nothing of the kind."""
    said = {
        str(item.get("type")): str(item.get("message") or "")
        for item in (live.get("status") or {}).get("conditions") or []
        if item.get("status") == "True"
    }
    if _FINALIZERS not in said:
        return ""
    return "; ".join(filter(None, (said.get(_CONTENT), said[_FINALIZERS])))
