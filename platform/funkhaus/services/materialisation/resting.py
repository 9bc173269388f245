"""What belongs to a tenant that rests: everything stays where it is, and nothing runs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from funkhaus.crd.conditions import DEGRADED, READY, Condition
from funkhaus.domain.kinds import DEPLOYMENT
from funkhaus.manifests import function as builders
from funkhaus.services.materialisation.appraisal import urls
from funkhaus.services.materialisation.upkeep import remove

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.function import Function
    from funkhaus.domain.verdict import Finding
    from funkhaus.ports import Cluster, Manifest
    from funkhaus.services.materialisation.observed import Observed

REASONS = {"tenant-suspended": "TenantSuspended", "tenant-deleting": "TenantDeleting"}


async def lay(cluster: Cluster, function: Function, seen: Observed) -> Observed:
    """Take the autoscalers away, which would keep one replica at least, and the waker; then every replica.

    What is left comes back.
    """
    for autoscaler in seen.autoscalers.values():
        await remove(cluster, autoscaler, builders.owner(function))
    await remove(cluster, seen.waker, builders.owner(function))
    deployments = dict(seen.deployments)
    for name, live in seen.deployments.items():
        if live["spec"].get("replicas", 1):
            deployments[name] = await cluster.merge_patch(
                DEPLOYMENT, live["metadata"]["namespace"], name, {"spec": {"replicas": 0}}
            )
    return dataclasses.replace(seen, autoscalers={}, waker=None, deployments=deployments)


def conditions(objections: Sequence[Finding], what: str) -> list[Condition]:
    """Not ready, and nothing is wrong with it; `what` that means for this object, in a half-sentence."""
    reason = REASONS[objections[0].code]
    said = "; ".join(item.sentence for item in objections)
    return [
        Condition(READY, status=False, reason=reason, message=f"{what}: {said}"),
        Condition(DEGRADED, status=False, reason=reason, message="it rests with its tenant"),
    ]


def fields(function: Function, seen: Observed, before: Manifest) -> Manifest:
    """The rest of the status; which revision was wanted last is remembered."""
    found: Manifest = {
        "urls": urls(seen.triggers),
        "replicas": {"desired": 0, "ready": 0, "summary": "0/0"},
    }
    if active := seen.active(function.name):
        found["revision"] = active
    if latest := before.get("latestRevision"):
        found["latestRevision"] = latest
    return found
