"""Custom resources in a tenant's namespace, written and read as the user: what functions and triggers have in common.

Nothing here judges an object. Its schema and admission do, in kube-apiserver, in the words every door shows.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from funkhaus.crd import conditions
from funkhaus.domain.audit import digest_of
from funkhaus.domain.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    PolicyError,
    UnavailableError,
)
from funkhaus.domain.kinds import TENANT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.permission import Permission
    from funkhaus.domain.tenant import Namespace
    from funkhaus.ports import Cluster, Manifest, ObjectPage, Stores
    from funkhaus.services.acts import Act, Acts, Asker

TRIES = 3
"""Of an update that somebody else's change came in between."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lies, in the user's words."""

    tenant: str
    namespace: str

    @property
    def text(self) -> str:
        """``tenant/namespace``, for the audit log."""
        return f"{self.tenant}/{self.namespace}"


class ResourceService:
    """Use cases on one kind. `noun` is its word in messages and the audit log's actions."""

    def __init__(
        self,
        kind: Kind,
        noun: str,
        read: Permission,
        write: Permission,
        stores: Stores,
        acts: Acts,
        cluster: Cluster,
    ) -> None:
        self._kind, self._noun = kind, noun
        self._read, self._write = read, write
        self._stores, self._acts, self._cluster = stores, acts, cluster

    async def create(
        self,
        asker: Asker,
        place: Place,
        name: str,
        spec: Manifest,
        labels: Mapping[str, str],
        *,
        dry_run: bool = False,
    ) -> Manifest:
        """A new object, as stored.

        Raises `ConflictError` when there is one of that name, `PolicyError`/`InvalidError` with the findings of
        admission and schema, `NotFoundError`/`ForbiddenError`.
        """
        async with self._writing(asker, place, name, "create", dry_run=dry_run) as (namespace, act):
            exists = ConflictError(
                f"{self._noun} {name!r} exists already in namespace {place.namespace!r}"
            )
            if await self._live(asker, namespace, name) is not None:
                raise exists
            manifest = self._manifest(namespace, name, spec, labels)
            try:
                stored = await self._cluster.apply(
                    manifest, new=True, dry_run=dry_run, subject=asker.subject
                )
            except ConflictError as error:  # somebody else's came in between
                if await self._live(asker, namespace, name) is None:
                    raise
                raise exists from error
            _note(act, None, stored)
            return stored

    async def apply(
        self,
        asker: Asker,
        place: Place,
        name: str,
        spec: Manifest,
        labels: Mapping[str, str],
        *,
        force: bool = False,
        dry_run: bool = False,
    ) -> Manifest:
        """Create or replace: what was applied before and is not in `spec` any more is gone.

        Raises as `create` does; `ConflictError` is for fields that another manager owns, unless `force` takes them over.
        """
        async with self._writing(asker, place, name, "apply", dry_run=dry_run) as (namespace, act):
            before = await self._live(asker, namespace, name)
            manifest = self._manifest(namespace, name, spec, labels)
            stored = await self._apply(asker, manifest, force=force, dry_run=dry_run)
            _note(act, before, stored)
            return stored

    async def update(
        self,
        asker: Asker,
        place: Place,
        name: str,
        patch: Manifest,
        *,
        dry_run: bool = False,
        verb: str = "update",
        detail: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Change what `patch` names (RFC 7396, below ``spec``); raises `NotFoundError` and as `create` does.

        `verb` and `detail` are how the audit log calls it.

        It is a server-side apply of the whole, merged spec, so that a later `apply` finds one owner of every field; what
        the patch removes and another manager owns is removed after it.
        """
        async with self._writing(asker, place, name, verb, dry_run=dry_run, detail=detail) as (
            namespace,
            act,
        ):
            for attempt in range(1, TRIES + 1):
                live = await self.one(asker, namespace, name)
                spec = merged(live.get("spec") or {}, patch)
                manifest = self._manifest(
                    namespace, name, spec, live["metadata"].get("labels") or {}
                )
                manifest["metadata"] |= {
                    key: live["metadata"][key] for key in ("uid", "resourceVersion")
                }
                try:
                    stored = await self._apply(asker, manifest, force=True, dry_run=dry_run)
                except ConflictError:
                    if attempt == TRIES:
                        raise
                    continue
                break
            kept = leftover(patch, live.get("spec") or {}, stored.get("spec") or {})
            if kept and not dry_run:
                stored = await self._cluster.merge_patch(
                    self._kind, namespace.cluster_name, name, {"spec": kept}, subject=asker.subject
                )
            _note(act, live, stored)
            return stored

    async def page(self, asker: Asker, place: Place, *, limit: int, after: str) -> ObjectPage:
        """A page of the namespace's objects, by name; raises `CursorError` when `after` is too old."""
        async with self.reading(asker, place, self._read) as namespace:
            return await self._cluster.page(
                self._kind, namespace.cluster_name, limit=limit, after=after, subject=asker.subject
            )

    async def get(self, asker: Asker, place: Place, name: str) -> Manifest:
        """One object; raises `NotFoundError`."""
        async with self.reading(asker, place, self._read, name) as namespace:
            return await self.one(asker, namespace, name)

    async def delete(self, asker: Asker, place: Place, name: str) -> None:
        """Delete it; what was made for it follows. Raises `NotFoundError`."""
        async with self._writing(asker, place, name, "delete") as (namespace, act):
            _note(act, await self._live(asker, namespace, name), None)
            gone = await self._cluster.delete(
                self._kind, namespace.cluster_name, name, subject=asker.subject
            )
            if not gone:
                raise self._absent(name)

    @asynccontextmanager
    async def reading(
        self, asker: Asker, place: Place, permission: Permission, target: str = ""
    ) -> AsyncIterator[Namespace]:
        """A block that reads in a namespace of a tenant the asker may read in."""
        where = f"{place.text}/{target}".rstrip("/")
        async with self._acts.reading(
            asker, permission, place.tenant, where, namespace=place.namespace
        ):
            namespace = await self._namespace(place)
            async with self._settled(namespace):
                yield namespace

    @asynccontextmanager
    async def _writing(
        self,
        asker: Asker,
        place: Place,
        name: str,
        verb: str,
        *,
        dry_run: bool = False,
        detail: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[tuple[Namespace, Act]]:
        action, target = f"{self._noun}:{verb}", f"{place.text}/{name}"
        async with self._acts.doing(
            asker,
            self._write,
            place.tenant,
            target,
            action=action,
            namespace=place.namespace,
            takes_away=verb == "delete",
        ) as act:
            act.detail |= detail or {}
            if dry_run:
                act.detail["dryRun"] = True
            namespace = await self._namespace(place)
            async with self._settled(namespace):
                yield namespace, act

    async def _namespace(self, place: Place) -> Namespace:
        async with self._stores.begin(place.tenant) as work:
            return await work.namespace(place.namespace)

    @asynccontextmanager
    async def _settled(self, namespace: Namespace) -> AsyncIterator[None]:
        """Tell "not there yet" from "not for you": a namespace is in the database before it is in the cluster.

        One that stands and is told of something new, as after an upgrade, is there; who may what may still change.
        """
        try:
            yield
        except PolicyError:
            raise
        except (ForbiddenError, NotFoundError) as error:
            found = await self._cluster.get(TENANT_NAMESPACE, "", namespace.cluster_name)
            there = conditions.was_true if isinstance(error, NotFoundError) else conditions.is_true
            if found is None or not there(found, conditions.READY):
                raise UnavailableError(
                    f"namespace {namespace.name!r} is still being set up; try again in a few seconds"
                ) from error
            raise

    async def _live(self, asker: Asker, namespace: Namespace, name: str) -> Manifest | None:
        return await self._cluster.get(
            self._kind, namespace.cluster_name, name, subject=asker.subject
        )

    async def one(self, asker: Asker, namespace: Namespace, name: str) -> Manifest:
        """One object inside a `reading` block; raises `NotFoundError`."""
        if (live := await self._live(asker, namespace, name)) is None:
            raise self._absent(name)
        return live

    def _absent(self, name: str) -> NotFoundError:
        return NotFoundError(f"there is no {self._noun} {name!r} in this namespace")

    def _manifest(
        self, namespace: Namespace, name: str, spec: Manifest, labels: Mapping[str, str]
    ) -> Manifest:
        meta: Manifest = {"namespace": namespace.cluster_name, "name": name}
        if labels:
            meta["labels"] = dict(labels)
        return {
            "apiVersion": self._kind.api_version,
            "kind": self._kind.name,
            "metadata": meta,
            "spec": spec,
        }

    async def _apply(
        self, asker: Asker, manifest: Manifest, *, force: bool, dry_run: bool
    ) -> Manifest:
        return await self._cluster.apply(
            manifest, force=force, dry_run=dry_run, subject=asker.subject
        )


def _note(act: Act, before: Manifest | None, after: Manifest | None) -> None:
    """Which object it was, and what was in it."""
    for manifest in (before, after):
        act.uid = str(((manifest or {}).get("metadata") or {}).get("uid") or act.uid)
    act.before = digest_of(before.get("spec")) if before else ""
    act.after = digest_of(after.get("spec")) if after else ""


def merged(target: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON
    """RFC 7396: `target` changed by `patch`; neither is touched."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def difference(before: Manifest, after: Manifest) -> Manifest:
    """The patch (RFC 7396) that makes `after` of `before`; neither holds a null."""
    patch: Manifest = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := difference(old, value):
                patch[key] = inner
        elif key not in before or old != value:
            patch[key] = value
    return patch


def leftover(patch: Manifest, before: Manifest, after: Manifest) -> Manifest:
    """The part of a patch that removes, as far as the value of before is there unchanged."""
    kept: Manifest = {}
    for key, value in patch.items():
        if value is None and key in before and key in after and after[key] == before[key]:
            kept[key] = None
        elif isinstance(value, dict):
            inner = leftover(value, _object(before.get(key)), _object(after.get(key)))
            if inner:
                kept[key] = inner
    return kept


def _object(value: object) -> Manifest:
    return value if isinstance(value, dict) else {}
