"""Whether kube-apiserver still asks, and its own policies still hold: what of admission is gone or was changed, put back.

Nobody of a tenant's may touch these objects. An admin of the cluster may, by mistake too, and nothing else here would
notice: what is not asked about looks like a quiet day. Each replica compares every field with what the chart installed.

What is wrong at two looks in a row is put back: whoever takes all of Funkhaus out of a cluster, or has `helm upgrade` write
one object after the other, is done by then.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.audit import digest_of
from funkhaus.domain.errors import ConflictError, FunkhausError, InvalidError
from funkhaus.domain.kinds import CONFIG_MAP, MUTATING_WEBHOOK, VALIDATING_WEBHOOK, Kind
from funkhaus.manifests.labels import Owner
from funkhaus.metrics import ADMISSION_GAPS, ADMISSION_RESTORED
from funkhaus.services.materialisation.happenings import Happenings
from funkhaus_webhook import certificates, wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from funkhaus.ports import Clock, Cluster, Manifest
    from funkhaus_webhook.wanted import Asked

LOOK_SECONDS = 20.0
"""Between two looks: what is wrong is counted within that time, and back within twice of it."""
MANAGER = "funkhaus-admission"
"""Field manager of what is made anew. Not the process's own: that one's applies say an authority and nothing else."""
_LOG = logs.logger(__name__)
_Key = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class _Open:
    """An object that is not as it has to be; `version` is the one that was looked at, "" where there is none."""

    version: str
    words: tuple[str, ...]


class Guard:
    """Looks after the objects of admission named in ConfigMap `funkhaus-admission` of `namespace`.

    `asked` is whom they may have kube-apiserver ask, `authority` what serves there (PEM, ``None`` until something does).
    Without `restore` it only counts.
    """

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        *,
        namespace: str,
        asked: Asked,
        authority: Callable[[], bytes | None],
        restore: bool = True,
    ) -> None:
        self._cluster, self._clock = cluster, clock
        self._namespace, self._asked = namespace, asked
        self._authority, self._restores = authority, restore
        self._happenings = Happenings(cluster, clock, "funkhaus-webhook")
        self._clean: dict[_Key, tuple[str, str]] = {}
        self._open: dict[_Key, _Open] = {}

    async def keep(self, ending: asyncio.Event, pause: float = LOOK_SECONDS) -> None:
        """Look for ever; not once more when the process is about to end."""
        while not ending.is_set():
            try:
                await self.look()
            except FunkhausError as error:
                _LOG.warning("admission not looked after", error=error.message)
            try:
                async with asyncio.timeout(pause):
                    await ending.wait()
            except TimeoutError:
                continue

    async def look(self) -> dict[_Key, tuple[str, ...]]:
        """Compare, count, and put back what was wrong at the look before; what is wrong now, in words.

        Raises `FunkhausError` where the cluster does not let us look.
        """
        try:
            objects = wanted.read(await self._cluster.get(CONFIG_MAP, self._namespace, wanted.NAME))
        except InvalidError as error:
            found = await self._blind(error)
        else:
            found = {}
            for key, manifest in objects.items():
                if words := await self._looked_at(key, manifest):
                    found[key] = words
        counted = Counter(kind for kind, _ in found)
        for kind in (*wanted.KINDS, CONFIG_MAP):
            ADMISSION_GAPS.labels(kind.name).set(counted[kind])
        return found

    async def _blind(self, error: InvalidError) -> dict[_Key, tuple[str, ...]]:
        """Nothing says what there has to be: what lets objects past is seen all the same, and nothing is put back."""
        _LOG.error("nothing says what admission has to be", error=error.message)
        found: dict[_Key, tuple[str, ...]] = {(CONFIG_MAP, wanted.NAME): (error.message,)}
        for kind in (MUTATING_WEBHOOK, VALIDATING_WEBHOOK):
            live = await self._cluster.get(kind, "", wanted.CONFIGURATION)
            if words := wanted.openings(kind, live, self._asked):
                _LOG.error("objects get past admission", kind=kind.name, why=words)
                found[kind, wanted.CONFIGURATION] = tuple(words)
        return found

    async def _looked_at(self, key: _Key, manifest: Manifest) -> tuple[str, ...]:
        kind, name = key
        live = await self._cluster.get(kind, "", name)
        version = str(live["metadata"]["resourceVersion"]) if live else ""
        known = (version, digest_of(manifest))
        if live and self._clean.get(key) == known:
            return ()
        whole = self._whole(kind, manifest, live)
        refused: tuple[str, ...] = ()
        if kind in {MUTATING_WEBHOOK, VALIDATING_WEBHOOK}:
            refused = tuple(wanted.openings(kind, manifest, self._asked))
        if refused:
            words = refused
            _LOG.error(
                "what admission has to be is open itself; nothing is put back", name=name, why=words
            )
        else:
            words = await self._wrong(kind, whole, live)
        if not words:
            self._clean[key] = known
            self._open.pop(key, None)
            return ()
        before, self._open[key] = self._open.get(key), _Open(version, words)
        if refused:
            return words
        _LOG.error("admission was changed", kind=kind.name, name=name, why=words)
        if self._restores and before and before.version == version:
            await self._put_back(key, whole, live, words)
        return words

    async def _wrong(self, kind: Kind, whole: Manifest, live: Manifest | None) -> tuple[str, ...]:
        """How it differs from what kube-apiserver would store of it, its defaults filled in."""
        if live is None:
            return ("it is gone",)
        field = wanted.body(kind)
        try:
            stored = await self._cluster.replace(whole, dry_run=True)
        except ConflictError:
            return ("it is being changed",)
        return tuple(wanted.differences(stored.get(field), live.get(field), field)[: wanted.SHOWN])

    async def _put_back(
        self, key: _Key, whole: Manifest, live: Manifest | None, words: tuple[str, ...]
    ) -> None:
        kind, name = key
        try:
            if live is None:
                stored = await self._cluster.apply(whole, force=True, new=True, manager=MANAGER)
            else:
                stored = await self._cluster.replace(whole)
        except ConflictError:
            return  # somebody else's hand, perhaps another replica's: the next look says
        self._open.pop(key, None)
        ADMISSION_RESTORED.labels(kind.name).inc()
        _LOG.warning("admission put back", kind=kind.name, name=name, why=words)
        owner = Owner(kind, name, str(stored["metadata"]["uid"]))
        said = "; ".join(words)
        await self._happenings.repaired(owner, "", f"{kind.name} {name} was put back: {said}")

    def _whole(self, kind: Kind, manifest: Manifest, live: Manifest | None) -> Manifest:
        """What has to be there: all the chart says, and the authorities, which are the webhook's to add."""
        meta = dict(live["metadata"] if live else manifest["metadata"])
        meta.pop("managedFields", None)
        field = wanted.body(kind)
        made = json.loads(json.dumps(manifest[field]))
        if field == "webhooks":
            there = {hook["name"]: hook for hook in (live or {}).get("webhooks") or []}
            for hook in made:
                if text := self._bundle(there.get(hook["name"]) or {}):
                    hook["clientConfig"]["caBundle"] = text
        return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta, field: made}

    def _bundle(self, hook: Mapping[str, Mapping[str, str]]) -> str:
        text = (hook.get("clientConfig") or {}).get("caBundle") or ""
        authority = self._authority()
        if authority is None:
            return text
        present = base64.b64decode(text)
        bundle = certificates.bundle(present, authority, self._clock.now())
        return text if bundle == present else base64.b64encode(bundle).decode()
