"""`MemoryCluster`: kube-apiserver as far as the platform relies on it, in a dictionary.

What it keeps to: server-side apply with field ownership and conflicts, generations and resource versions that move only
with a change, uid preconditions, finalizers, the status subresource, and collection of what is owned. What it
doesn't know: schemas, RBAC, and the controllers of Kubernetes, whose part `write_status` plays by hand.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import ConflictError, FunkhausError, NotFoundError
from funkhaus.domain.kinds import NAMESPACE, SECRET, SERVICE_ACCOUNT, Kind, kind_of
from funkhaus.ports import Minted, ObjectPage

from . import ownership

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from funkhaus.domain.subject import Subject

Manifest = dict[str, Any]
_Key = tuple[str, str, str]
_Watcher = tuple[str, str, dict[str, str], "asyncio.Queue[tuple[Manifest, bool]]"]


class MemoryCluster:
    """The port `Cluster`, in memory, for one field manager; `twin` gives another one on the same objects."""

    def __init__(self, manager: str = "funkhaus-controller") -> None:
        self.manager = manager
        self.objects: dict[_Key, Manifest] = {}
        self.owned: dict[_Key, dict[str, set[ownership.Path]]] = {}
        self.writes: list[tuple[str, str, str]] = []
        """What really changed something: (verb, kind, name)."""
        self.subjects: list[Subject] = []
        self.log_lines: dict[tuple[str, str], list[bytes]] = {}
        self.failure: Callable[[str, Kind, str, str], FunkhausError | None] = lambda *_: None
        """Asked before every call with (verb, kind, namespace, name); what it returns is raised."""
        self.admission: Callable[[Manifest], None] = lambda _: None
        """Called with every object about to be stored; raises to refuse it."""
        self.minted: dict[str, tuple[Manifest, Manifest]] = {}
        self.now: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC)
        """The time that tokens' lives are told by."""
        self.watchers: list[_Watcher] = []
        self._versions = itertools.count(1)
        for name in ("default", "kube-system"):
            self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def twin(self, manager: str) -> MemoryCluster:
        """The same cluster for another field manager."""
        other = copy.copy(self)
        other.manager = manager
        return other

    # ── the port ──

    async def get(
        self, kind: Kind, namespace: str, name: str, *, subject: Subject | None = None
    ) -> Manifest | None:
        self._asked("get", kind, namespace, name, subject)
        found = self.objects.get(_key(kind, namespace, name))
        return copy.deepcopy(found)

    async def list(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        limit: int = 500,
        subject: Subject | None = None,
    ) -> list[Manifest]:
        self._asked("list", kind, namespace, "", subject)
        wanted = (labels or {}).items()
        asked = (fields or {}).items()
        found = [
            manifest
            for (kind_name, _, _), manifest in sorted(self.objects.items())
            if kind_name == kind.name
            and (not namespace or manifest["metadata"].get("namespace") == namespace)
            and wanted <= (manifest["metadata"].get("labels") or {}).items()
            and all(_field(manifest, path) == value for path, value in asked)
        ]
        return copy.deepcopy(found[:limit])

    async def page(
        self,
        kind: Kind,
        namespace: str,
        *,
        limit: int,
        after: str = "",
        subject: Subject | None = None,
    ) -> ObjectPage:
        found = [
            manifest
            for manifest in await self.list(kind, namespace, limit=100_000, subject=subject)
            if not after or manifest["metadata"]["name"] > after
        ]
        more = len(found) > limit
        return ObjectPage(found[:limit], found[limit - 1]["metadata"]["name"] if more else "")

    async def keys(self, kind: Kind, namespace: str = "") -> Sequence[tuple[str, str]]:
        self._asked("list", kind, namespace, "", None)
        return [
            (key[1], key[2])
            for key in sorted(self.objects)
            if key[0] == kind.name and (not namespace or key[1] == namespace)
        ]

    async def apply(
        self,
        manifest: Manifest,
        *,
        force: bool = False,
        new: bool = False,
        dry_run: bool = False,
        manager: str = "",
        subject: Subject | None = None,
    ) -> Manifest:
        if manager:
            applying = self.twin(manager).apply
            return await applying(manifest, force=force, new=new, dry_run=dry_run, subject=subject)
        kind, namespace, name = _address(manifest)
        self._asked("apply", kind, namespace, name, subject)
        if new and _key(kind, namespace, name) in self.objects:
            raise ConflictError("the object has been modified")
        body = {key: value for key, value in manifest.items() if key != "status"}
        return self._apply(kind, namespace, name, body, force=force, dry_run=dry_run)

    async def replace(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        kind, namespace, name = _address(manifest)
        self._asked("replace", kind, namespace, name, None)
        key = _key(kind, namespace, name)
        live = self.objects.get(key)
        if live is None:
            raise NotFoundError(f'{kind.plural} "{name}" not found')
        if manifest["metadata"].get("resourceVersion") != live["metadata"]["resourceVersion"]:
            raise ConflictError("the object has been modified")
        changed = copy.deepcopy(manifest)
        served = ("uid", "generation", "creationTimestamp", "resourceVersion")
        changed["metadata"] |= {name: live["metadata"][name] for name in served}
        self.admission(changed)
        return changed if dry_run else self._store("replace", kind, key, changed)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        kind, namespace, name = _address(manifest)
        self._asked("apply_status", kind, namespace, name, None)
        if _key(kind, namespace, name) not in self.objects:
            raise NotFoundError(f'{kind.plural} "{name}" not found')
        return self._apply(kind, namespace, name, manifest, force=True, status=True)

    async def merge_patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Manifest,
        *,
        subject: Subject | None = None,
    ) -> Manifest:
        self._asked("merge_patch", kind, namespace, name, subject)
        key = _key(kind, namespace, name)
        live = self.objects.get(key)
        if live is None:
            raise NotFoundError(f'{kind.plural} "{name}" not found')
        version = (patch.get("metadata") or {}).get("resourceVersion")
        if version is not None and version != live["metadata"]["resourceVersion"]:
            raise ConflictError("the object has been modified")
        changed = ownership.merge_patch(live, patch)
        owned = self.owned[key].setdefault(f"{self.manager}/update", set())
        owned |= set(ownership.leaves(ownership.body(patch)))
        return self._store("merge_patch", kind, key, changed)

    async def rescale(self, kind: Kind, namespace: str, name: str, *, was: int, to: int) -> bool:
        self._asked("rescale", kind, namespace, name, None)
        key = _key(kind, namespace, name)
        live = self.objects.get(key)
        if live is None:
            raise NotFoundError(f'{kind.plural} "{name}" not found')
        if live["spec"].get("replicas", 1) != was:
            return False
        self._store("rescale", kind, key, {**live, "spec": {**live["spec"], "replicas": to}})
        return True

    async def watch(
        self, kind: Kind, namespace: str, *, labels: Mapping[str, str], seconds: float
    ) -> AsyncIterator[tuple[Manifest, bool]]:
        self._asked("watch", kind, namespace, "", None)
        news: asyncio.Queue[tuple[Manifest, bool]] = asyncio.Queue()
        for manifest in await self.list(kind, namespace, labels=labels):
            news.put_nowait((manifest, False))
        watcher = (kind.name, namespace, dict(labels), news)
        self.watchers.append(watcher)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    yield await news.get()
        except TimeoutError:
            return
        finally:
            self.watchers.remove(watcher)

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        subject: Subject | None = None,
    ) -> bool:
        self._asked("delete", kind, namespace, name, subject)
        key = _key(kind, namespace, name)
        live = self.objects.get(key)
        if live is None or (uid and live["metadata"]["uid"] != uid):
            return False
        self.writes.append(("delete", kind.name, name))
        if live["metadata"].get("finalizers"):
            live["metadata"].setdefault("deletionTimestamp", "2026-01-01T00:00:00Z")
        else:
            self._drop(key)
        return True

    async def mint(self, account: Manifest, secret: Manifest, seconds: int) -> Minted:
        meta, bound = account["metadata"], secret["metadata"]
        self._asked("mint", SERVICE_ACCOUNT, meta["namespace"], meta["name"], None)
        live = self.objects.get(_key(SERVICE_ACCOUNT, meta["namespace"], meta["name"]))
        if live is None:
            raise NotFoundError(f'serviceaccounts "{meta["name"]}" not found')
        held = self.objects.get(_key(SECRET, meta["namespace"], bound["name"]))
        if held is None:
            raise NotFoundError(f'secrets "{bound["name"]}" not found')
        if held["metadata"]["uid"] != bound["uid"]:
            raise ConflictError("the UID in the bound object reference does not match")
        text = f"minted-{uuid.uuid4()}"
        self.minted[text] = (live, held)
        return Minted(text, self.now() + timedelta(seconds=seconds))

    async def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str,
        tail: int | None = None,
        previous: bool = False,
        follow: bool = False,
        subject: Subject | None = None,
    ) -> AsyncIterator[bytes]:
        del container, previous, follow, subject
        lines = self.log_lines.get((namespace, pod))
        if lines is None:
            raise NotFoundError(f'pods "{pod}" not found')
        for line in lines[-tail:] if tail else lines:
            yield line

    # ── playing the rest of Kubernetes ──

    def put(self, manifest: Manifest, manager: str = "kubectl") -> Manifest:
        """Store an object as somebody else would, without asking anyone."""
        kind, namespace, name = _address(manifest)
        return self.twin(manager)._apply(kind, namespace, name, manifest, force=True)

    def write_status(self, kind: Kind, namespace: str, name: str, status: Manifest) -> None:
        """Replace a status, as the controllers of Kubernetes do."""
        key = _key(kind, namespace, name)
        self._store("status", kind, key, {**self.objects[key], "status": status})

    def find(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """The stored object; fails when there is none."""
        return self.objects[_key(kind, namespace, name)]

    def named(self, kind: Kind, namespace: str) -> tuple[str, ...]:
        """Names of all objects of a kind in a namespace."""
        return tuple(sorted(key[2] for key in self.objects if key[:2] == (kind.name, namespace)))

    def speaks_for(self, text: str) -> str:
        """The username of a minted token, empty once its account or its Secret is gone; tokens here don't expire."""
        for manifest in (bound := self.minted.get(text, ())):
            kind, namespace, name = _address(manifest)
            found = self.objects.get(_key(kind, namespace, name), {"metadata": {}})
            if found["metadata"].get("uid") != manifest["metadata"]["uid"]:
                return ""
        meta = bound[0]["metadata"] if bound else {}
        return f"system:serviceaccount:{meta['namespace']}:{meta['name']}" if meta else ""

    # ── inside ──

    def _asked(
        self, verb: str, kind: Kind, namespace: str, name: str, subject: Subject | None
    ) -> None:
        if subject:
            self.subjects.append(subject)
        if error := self.failure(verb, kind, namespace, name):
            raise error

    def _apply(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        manifest: Manifest,
        *,
        force: bool,
        dry_run: bool = False,
        status: bool = False,
    ) -> Manifest:
        key = _key(kind, namespace, name)
        live = self.objects.get(key)
        uid = manifest["metadata"].get("uid")
        if uid and uid != (live or {}).get("metadata", {}).get("uid"):
            raise ConflictError("the object was deleted and made anew in the meantime")
        version = manifest["metadata"].get("resourceVersion")
        if version and live and version != live["metadata"]["resourceVersion"]:
            raise ConflictError("the object has been modified")
        if live is None and namespace and _key(NAMESPACE, "", namespace) not in self.objects:
            raise NotFoundError(f'namespaces "{namespace}" not found')
        body = ownership.body(manifest)
        if status and live is not None:
            body = {"status": manifest.get("status") or {}}
        owned = copy.deepcopy(self.owned.get(key, {}))
        manager = f"{self.manager}/status" if status else self.manager
        changed = ownership.apply(
            live or _bare(kind, namespace, name), body, owned, manager, force=force
        )
        self.admission(changed)
        if dry_run:
            if live is None:
                changed["metadata"] |= _born(len(self.objects))
            return changed
        self.owned[key] = owned
        return self._store("apply_status" if status else "apply", kind, key, changed)

    def _store(self, verb: str, kind: Kind, key: _Key, changed: Manifest) -> Manifest:
        live = self.objects.get(key)
        meta = changed["metadata"]
        if live is None:
            meta |= _born(len(self.objects))
        elif changed == live:
            return copy.deepcopy(live)
        elif changed.get("spec") != live.get("spec"):
            meta["generation"] = int(live["metadata"].get("generation", 0)) + 1
        meta["resourceVersion"] = str(next(self._versions))
        self.objects[key] = changed
        self._tell(key, changed, deleted=False)
        self.writes.append((verb, kind.name, key[2]))
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            self._drop(key)
        return copy.deepcopy(changed)

    def _tell(self, key: _Key, manifest: Manifest, *, deleted: bool) -> None:
        carried = (manifest["metadata"].get("labels") or {}).items()
        for kind, namespace, labels, news in self.watchers:
            if kind == key[0] and namespace in {"", key[1]} and labels.items() <= carried:
                news.put_nowait((copy.deepcopy(manifest), deleted))

    def _drop(self, key: _Key) -> None:
        gone = self.objects.pop(key, None)
        if gone is None:
            return
        self._tell(key, gone, deleted=True)
        self.owned.pop(key, None)
        uid = gone["metadata"]["uid"]
        for other, manifest in list(self.objects.items()):
            references = manifest["metadata"].get("ownerReferences") or []
            inside = key[0] == NAMESPACE.name and other[1] == key[2]
            if inside or any(reference["uid"] == uid for reference in references):
                self._drop(other)


def _born(number: int) -> Manifest:
    """What a new object gets, in a dry run too."""
    created = f"2026-01-01T00:00:{number % 60:02}Z"
    return {"uid": str(uuid.uuid4()), "generation": 1, "creationTimestamp": created}


def _field(manifest: Manifest, path: str) -> object:
    found: Any = manifest
    for part in path.split("."):
        found = (found or {}).get(part)
    return found


def _key(kind: Kind, namespace: str, name: str) -> _Key:
    return kind.name, namespace if kind.namespaced else "", name


def _address(manifest: Manifest) -> tuple[Kind, str, str]:
    meta = manifest["metadata"]
    return kind_of(manifest), meta.get("namespace", ""), meta["name"]


def _bare(kind: Kind, namespace: str, name: str) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if kind.namespaced else {})}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
