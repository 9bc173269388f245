"""Which of the platform's own labels and annotations an object may carry (`funkhaus.domain.question.Marks`).

A tenant's change may bring what the object had already, what says whose it is, and who created it; everything else below
``funkhaus.dev/`` is the platform's own processes' to write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.crd.fields import field, metadata
from funkhaus.domain.question import CHANGED_BY, CREATED_BY, Marks, is_mark
from funkhaus.manifests import labels

if TYPE_CHECKING:
    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.ports import Manifest


def marks_of(manifest: Manifest) -> Marks:
    """The platform's labels and annotations on an object; raises `InvalidError` when they are no objects of texts."""
    meta = metadata(manifest)
    found = {}
    for name in ("labels", "annotations"):
        items = field(meta, name, dict, "metadata", {})
        found[name] = {
            key: field(items, key, str, f"metadata.{name}", "") for key in items if is_mark(key)
        }
    return Marks(**found)


def other_annotations(manifest: Manifest) -> tuple[str, ...]:
    """The names of the annotations that are not the platform's; raises `InvalidError` when there is no object of them."""
    items = field(metadata(manifest), "annotations", dict, "metadata", {})
    return tuple(sorted(key for key in items if not is_mark(key)))


def place_labels(facts: TenantFacts) -> dict[str, str]:
    """The labels that say whose an object is."""
    return {labels.TENANT: facts.tenant, labels.NAMESPACE: facts.namespace}


def owned_by_tenant(
    old: Marks | None, facts: TenantFacts, requester: str, *, author: str = ""
) -> Marks:
    """What a tenant's change may carry; `old` is what the object had, ``None`` when it is new.

    `author` is whom the object may name as the one who last changed what it asks for.
    """
    if old is None:
        return Marks(place_labels(facts), {CREATED_BY: requester, CHANGED_BY: requester})
    named = {CHANGED_BY: author} if author else {}
    return Marks({**old.labels, **place_labels(facts)}, {**old.annotations, **named})


def owned_by_platform(marks: Marks, facts: TenantFacts) -> Marks:
    """What a change of the platform's own may carry: anything, except that an object is never another tenant's."""
    return Marks({**marks.labels, **place_labels(facts)}, marks.annotations)
