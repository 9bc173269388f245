"""The revisions that a trigger's split names, read where they lie: admission, controller and sweeper ask the same."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus.crd import function as function_crd
from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.crd import revision as revision_crd
from funkhaus.domain.kinds import FUNCTION, FUNCTION_REVISION, HTTP_TRIGGER
from funkhaus.domain.names import function_of
from funkhaus.domain.quota import NOTHING, Amounts
from funkhaus.domain.split import NO_SPLIT, Split
from funkhaus.domain.trigger import HTTPTrigger
from funkhaus.manifests import function as builders

if TYPE_CHECKING:
    from funkhaus.domain.function import Function
    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.trigger import Trigger
    from funkhaus.ports import Cluster, Manifest

SHOWN = 20
"""Names of revisions that are kept, at most."""


async def split_of(cluster: Cluster, subject: Function | Trigger) -> Split:
    """What is known of the revisions an object names; nothing is read for one that names none.

    Raises `InvalidError` for a stored object of another shape, `UnavailableError`.
    """
    if not isinstance(subject, HTTPTrigger) or not subject.spec.named:
        return NO_SPLIT
    namespace, named = subject.namespace, subject.spec.named
    function, *revisions = await asyncio.gather(
        cluster.get(FUNCTION, namespace, subject.spec.function),
        *(
            cluster.get(FUNCTION_REVISION, namespace, name)
            for name in named
            if function_of(name) == subject.spec.function
        ),
    )
    replicas, found = 0, {}
    if function is not None:
        parsed = function_crd.parse(function)
        replicas = max(1, parsed.spec.scaling.max)
        owner = builders.owner(parsed)
        found = {
            item["metadata"]["name"]: revision_crd.parse(item)
            for item in revisions
            if item and owner.owns(item)
        }
    kept: tuple[str, ...] = ()
    if len(found) < len(named):
        there = await cluster.keys(FUNCTION_REVISION, namespace)
        kept = tuple(
            sorted(name for _, name in there if function_of(name) == subject.spec.function)[:SHOWN]
        )
    return Split(found, replicas, kept)


async def charged_beside(cluster: Cluster, kind: Kind, manifest: Manifest) -> Amounts:
    """What a stored object is charged beside itself, for revisions it names. Raises as `split_of` does."""
    if kind != HTTP_TRIGGER:
        return NOTHING
    split = await split_of(cluster, http_trigger_crd.parse(manifest))
    return split.charge(split.promised(http_trigger_crd.pins(manifest)))
