"""A function's revisions on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from funkhaus.crd.function import env_manifest, source_manifest
from funkhaus.domain.function import Source
from funkhaus.domain.revision import changes
from funkhaus_api.wire.reading import Body
from funkhaus_api.wire.resources import resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.domain.revision import Kept
    from funkhaus.services.promotion import Promotion
    from funkhaus.services.resources import Place


class Rollback(Body):
    """Which revision to go back to; none: the one before this."""

    revision: str = Field(default="", max_length=64)


class Promote(Body):
    """Which revision is to get all calls; none: the one that was asked for last."""

    revision: str = Field(default="", max_length=64)


def promotion(place: Place, found: Promotion) -> dict[str, Any]:
    """How far it is."""
    return {
        "revision": found.revision,
        "done": found.done,
        "triggers": list(found.triggers),
        "function": resource(place, found.function),
    }


def revision(item: Kept, before: Kept | None, names: Mapping[str, str]) -> dict[str, Any]:
    """One of a list; `before` is the one made before it."""
    return {
        "name": item.name,
        "function": item.spec.function,
        "state": item.state.value,
        "author": {"id": item.author, "name": names.get(item.author, item.author)},
        "createdAt": item.created_at,
        "servedAt": item.served_at or None,
        "image": item.spec.image,
        "runtimeImage": item.spec.runtime_image,
        "sourceDigest": item.spec.source_digest,
        "commit": item.spec.commit or None,
        "previous": before.name if before else None,
        "changes": list(changes(before.spec if before else None, item.spec)),
    }


def whole(item: Kept, before: Kept | None, names: Mapping[str, str]) -> dict[str, Any]:
    """One alone, with everything it was made of."""
    spec = item.spec
    return {
        **revision(item, before, names),
        "spec": {
            "runtime": spec.runtime,
            "handler": spec.handler,
            "source": source_manifest(spec.source) if spec.source != Source() else None,
            "env": env_manifest(spec.env),
            "resources": {"cpu": spec.resources.cpu, "memory": spec.resources.memory},
            "timeout": spec.timeout,
            "concurrency": spec.concurrency,
        },
    }
