"""A function's revisions: looked at, and gone back to.

Going back is a change of the Function like any other: what the revision was made of becomes the spec again, written as the
user, judged by today's rules. The content names the revision, so nothing is built, and the image is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.crd import conditions
from funkhaus.crd import revision as revision_crd
from funkhaus.domain import revision as revisions
from funkhaus.domain.errors import ConflictError, InvalidError, NotFoundError
from funkhaus.domain.kinds import FUNCTION_REVISION
from funkhaus.domain.member import MEMBERS_LIMIT
from funkhaus.domain.permission import Permission, powers
from funkhaus.domain.question import CREATED_BY
from funkhaus.domain.revision import Kept
from funkhaus.domain.subject import PREFIX
from funkhaus.domain.verdict import Finding
from funkhaus.manifests import labels
from funkhaus.services.resources import difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus.domain.tenant import Namespace
    from funkhaus.ports import Cluster, Manifest, Stores
    from funkhaus.services.acts import Asker
    from funkhaus.services.functions import FunctionService
    from funkhaus.services.resources import Place

REVISIONS = 200
"""Read at most; the controller keeps far fewer."""
PEOPLE = 100
"""Tokens and service accounts whose names are read, each."""
OF_REVISIONS = (
    "runtime", "handler", "source", "dependencies", "env", "resources", "timeout", "concurrency",
)  # fmt: skip
"""The fields of a Function's spec that make a revision; the others stay as they are when one is gone back to."""


class RevisionService:
    """Use cases on the revisions of one function."""

    def __init__(self, functions: FunctionService, cluster: Cluster, stores: Stores) -> None:
        self._functions, self._cluster, self._stores = functions, cluster, stores

    async def all(self, asker: Asker, place: Place, name: str) -> Sequence[Kept]:
        """All that are kept, oldest first; raises `NotFoundError`, `ForbiddenError`."""
        async with self._functions.reading(asker, place, Permission.FUNCTION_READ, name) as where:
            _, found = await self.read(asker, where, name)
        return found

    async def names(self, asker: Asker, place: Place) -> Mapping[str, str]:
        """What people read for cluster users of the tenant; empty for who may not know its members."""
        known = {asker.subject.username: asker.subject.name}
        if Permission.MEMBER_READ not in powers(asker.subject, place.tenant):
            return known
        async with self._stores.begin(place.tenant) as work:
            members = await work.members.page(limit=MEMBERS_LIMIT)
            accounts = await work.service_accounts.page(limit=PEOPLE)
            tokens = await work.tokens.page(limit=PEOPLE)
        known |= {f"{PREFIX}{item.subject_id}": item.subject_name for item in tokens}
        known |= {f"{PREFIX}{item.id}": item.name for item in accounts}
        known |= {
            f"{PREFIX}{item.user_id}": item.display_name or item.email
            for item in members
            if item.display_name or item.email
        }
        return known

    async def rollback(
        self,
        asker: Asker,
        place: Place,
        name: str,
        to: str = "",
        *,
        dry_run: bool = False,
        verb: str = "rollback",
    ) -> Manifest:
        """The Function, asking for revision `to` again, or for the one before this without one; `verb` is the audit log's.

        Raises `NotFoundError` for a revision there isn't, `ConflictError` when there is none to go back to or its source
        was not kept, and as `ResourceService.update` does: today's rules judge it.
        """
        async with self._functions.reading(asker, place, Permission.FUNCTION_WRITE, name) as where:
            function, found = await self.read(asker, where, name)
        target = named(found, name, to) if to else revisions.before_this(found)
        if target is None:
            raise ConflictError(
                f"function {name!r} has no revision that served before this one; "
                f"`funkhaus function history {name}` lists what is kept, --to names one"
            )
        asked = revision_crd.asked_for(target.spec)
        if asked is None:
            raise ConflictError(
                f"revision {target.name!r} was made before sources were kept with revisions; deploy its source again"
            )
        spec = function.get("spec") or {}
        wanted = {key: value for key, value in spec.items() if key not in OF_REVISIONS} | asked
        return await self._functions.update(
            asker, place, name, difference(spec, wanted),
            dry_run=dry_run, verb=verb, detail={"revision": target.name},
        )  # fmt: skip

    async def read(
        self, asker: Asker, where: Namespace, name: str
    ) -> tuple[Manifest, Sequence[Kept]]:
        """A function and what it keeps, oldest first, inside a `reading` block."""
        function = await self._functions.one(asker, where, name)
        items = await self._cluster.list(
            FUNCTION_REVISION,
            where.cluster_name,
            labels={labels.FUNCTION: name},
            limit=REVISIONS,
            subject=asker.subject,
        )
        uid = function["metadata"].get("uid")
        own = [item for item in items if _owned(item, uid)]
        found = [_kept(item, function) for item in own]
        return function, sorted(found, key=lambda item: (item.created_at, item.name))


def _owned(manifest: Manifest, uid: str | None) -> bool:
    references = manifest["metadata"].get("ownerReferences") or []
    return any(reference.get("uid") == uid for reference in references)


def _kept(manifest: Manifest, function: Manifest) -> Kept:
    meta = manifest["metadata"]
    return Kept(
        name=meta["name"],
        spec=revision_crd.parse(manifest),
        created_at=str(meta.get("creationTimestamp") or ""),
        served_at=revision_crd.served_at(manifest),
        author=str((meta.get("annotations") or {}).get(CREATED_BY) or ""),
        state=state_of(manifest, function),
    )


def state_of(manifest: Manifest, function: Manifest) -> revisions.RevisionState:
    """Where a stored revision of a function stands."""
    status = function.get("status") or {}
    ready = conditions.find(function, conditions.READY) or {}
    return revisions.state(
        manifest["metadata"]["name"],
        revision_crd.served_at(manifest),
        active=str(status.get("revision") or ""),
        latest=str(status.get("latestRevision") or ""),
        failing=ready.get("status") == "False",
        pinned=status.get("pinnedRevisions") or (),
    )


def named(found: Sequence[Kept], function: str, text: str) -> Kept:
    """The revision of that name, or whose digits begin so; raises `NotFoundError`, `InvalidError` for several."""
    full = f"{function}-{text.removeprefix(f'{function}-')}"
    fits = [item for item in found if item.name.startswith(full)]
    exact = [item for item in fits if item.name == full]
    if len(exact or fits) == 1:
        return (exact or fits)[0]
    if fits:
        names = ", ".join(item.name for item in fits)
        raise InvalidError.at(
            Finding("revision-ambiguous", f"{text!r} begins several: {names}", "revision")
        )
    there = ", ".join(item.name for item in reversed(found)) or "none"
    raise NotFoundError(f"function {function!r} keeps no revision {text!r}; there are: {there}")
