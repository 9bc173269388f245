"""kopf, for what it does best: keeping watches alive. It sees events and hands them on; it writes nothing.

It runs in a thread with an event loop of its own: an operator of kopf's takes over the signal handlers and, when it ends,
cancels every task of the loop it runs in.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import kopf

from funkhaus import logs
from funkhaus.domain.kinds import RUNTIME, Kind
from funkhaus.kube import Connection
from funkhaus.manifests.labels import MANAGED_BY, MANAGER
from funkhaus_controller import schedule
from funkhaus_controller.owners import OWNED, PRIMARY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Sink = Callable[[Mapping[str, Any], bool, bool], None]
    """Called with an object, whether it is deleted, and whether it is only listed."""

PREFIX = "funkhaus.dev"
EVENT_WORKERS = 64
_LOG = logs.logger(__name__)


class Watching:
    """Watches all our kinds in all namespaces; `sink` is called in the loop that made this object.

    `also` are kinds watched for their owners' sake beside `OWNED`.
    """

    def __init__(self, kubeconfig: str, sink: Sink, *, also: Sequence[Kind] = ()) -> None:
        self._kubeconfig, self._sink, self._owned = kubeconfig, sink, (*OWNED, *also)
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        """Begin watching."""
        # It warns that signals don't reach it: they reach us.
        logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
        self._thread.start()

    async def ended(self) -> None:
        """Wait until watching ends; raises what ended it."""
        await asyncio.shield(self._ended)

    async def stop(self) -> None:
        """End watching; returns when the thread has ended."""
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, schedule.DRAIN)

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            asyncio.run(
                kopf.operator(
                    registry=self._registry(),
                    settings=settings(self._owned),
                    clusterwide=True,
                    standalone=True,
                    stop_flag=self._stop,
                )
            )
        except BaseException as error:  # noqa: BLE001 - handed to the loop that waits for us
            failure = error
        self._loop.call_soon_threadsafe(self._finish, failure)

    def _finish(self, failure: BaseException | None) -> None:
        if self._ended.done():
            return
        if failure:
            self._ended.set_exception(RuntimeError(f"watching ended: {failure!r}"))
        else:
            self._ended.set_result(None)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        async def login(**_: object) -> kopf.ConnectionInfo:
            found = await Connection.of(self._kubeconfig)
            return kopf.ConnectionInfo(
                server=found.server,
                ca_path=found.ca_path,
                scheme="Bearer" if found.token else None,
                token=found.token,
                certificate_path=found.certificate_path,
                private_key_path=found.private_key_path,
            )

        kopf.on.login(registry=registry, id="login")(login)
        for kind in (*PRIMARY, RUNTIME, *self._owned):
            kopf.on.event(*_resource(kind), registry=registry, id="seen")(self._handler(kind))
        return registry

    def _handler(self, kind: Kind) -> Callable[..., Any]:
        async def seen(event: Mapping[str, Any], **_: object) -> None:
            manifest = {"apiVersion": kind.api_version, "kind": kind.name, **event["object"]}
            happened = event["type"]
            self._loop.call_soon_threadsafe(
                self._sink, manifest, happened == "DELETED", happened is None
            )

        return seen


def settings(owned: Sequence[Kind]) -> kopf.OperatorSettings:
    """Kopf with everything off that writes, and with bounds on what it reads; of `owned` kinds only what has our label."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.scanning.disabled = True  # our kinds are there before we start; nobody adds others
    made.queueing.worker_limit = EVENT_WORKERS
    made.watching.chunk_size = 500
    made.watching.inactivity_timeout = schedule.WATCH_QUIET
    made.networking.request_timeout = 30
    made.networking.connect_timeout = 5
    # Neither is ever written with handlers like ours; should that change, it is under a name of our own.
    made.persistence.finalizer = f"{PREFIX}/controller"
    made.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=PREFIX)
    made.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=PREFIX)
    for kind in owned:
        made.watching.label_selectors[_resource(kind)] = f"{MANAGED_BY}={MANAGER}"
    return made


def _resource(kind: Kind) -> tuple[str, str, str]:
    group, _, version = kind.api_version.rpartition("/")
    return group, version, kind.plural
