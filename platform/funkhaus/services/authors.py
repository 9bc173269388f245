"""Who changed an object: admission writes it into the object's annotations, and nobody else may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.question import CHANGED_BY, CREATED_BY
from funkhaus.services.marks import marks_of

if TYPE_CHECKING:
    from funkhaus.services.reviews import Review


def asks_anew(review: Review) -> bool:
    """Whether it asks for something else than before."""
    return review.manifest.get("spec") != review.old.get("spec")


def people(review: Review) -> list[tuple[tuple[str, ...], str]]:
    """Who created the object and who last changed what it asks for, to be added where it does not say so."""
    named = marks_of(review.old).annotations
    creator = changer = review.requester
    if review.old:
        creator = named.get(CREATED_BY, "")
        changer = review.requester if asks_anew(review) else named.get(CHANGED_BY, "")
    people = {CREATED_BY: creator, CHANGED_BY: changer}
    return [(("metadata", "annotations", key), who) for key, who in people.items() if who]


def outdated(review: Review) -> tuple[dict[str, Any], ...]:
    """The operation that names the new author in place of the one before. What else stands there, somebody forged."""
    before = marks_of(review.old).annotations.get(CHANGED_BY)
    carried = marks_of(review.manifest).annotations.get(CHANGED_BY)
    if not before or carried != before or before == review.requester or not asks_anew(review):
        return ()
    path = f"/metadata/annotations/{CHANGED_BY.replace('/', '~1')}"
    return ({"op": "replace", "path": path, "value": review.requester},)


def may_name(review: Review) -> str:
    """Whom an update may name as its author; empty: whoever was named before.

    An author may also be named where nothing changes after all: what looked like a change before policy's defaults came in.
    """
    carried = marks_of(review.manifest).annotations.get(CHANGED_BY)
    return review.requester if asks_anew(review) or carried == review.requester else ""
