"""Which function a call is for.

A pod of a tenant's calls a function of its own namespace by the Service's name, and nothing else: who calls is told by its
address, not by what it says. Everybody else comes by way of the ingress controller and is led by host, path and method, as
Ingresses and HTTPRoutes say it; or by way of the platform's own API, which calls the Service's address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from funkhaus.domain.errors import ForbiddenError, NotFoundError
from funkhaus.domain.kinds import HTTP_ROUTE, INGRESS, SERVICE
from funkhaus.manifests import labels
from funkhaus.manifests.trigger import host_mark

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from funkhaus.ports import Cluster, Manifest
    from funkhaus.services.waking.callers import Callers

REMEMBERED, ANSWERS = 2.0, 10_000
"""Seconds an answer of kube-apiserver's is good for, and how many are kept."""
SEEN = 100
"""Ingresses and routes of one host, and Services of one address, that are looked at."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """A function, by its Kubernetes namespace and name."""

    namespace: str
    function: str

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.namespace.partition("--")[0]


class Remembered(Generic[T]):
    """Answers for a moment: a burst of calls asks once. A failure is nobody's but those who waited for it."""

    def __init__(
        self, seconds: float = REMEMBERED, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._now = seconds, now
        self._kept: OrderedDict[str, tuple[float, asyncio.Task[T]]] = OrderedDict()

    async def get(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to `ask`, or one of a moment ago."""
        kept = self._kept.get(key)
        if kept is None or kept[0] <= self._now():

            async def asked() -> T:
                return await ask()

            task = asyncio.create_task(asked())
            task.add_done_callback(lambda done: self._forget(key, done))
            self._kept[key] = kept = (self._now() + self._seconds, task)
            self._kept.move_to_end(key)
            while len(self._kept) > ANSWERS:
                self._kept.popitem(last=False)
        return await asyncio.shield(kept[1])

    def _forget(self, key: str, done: asyncio.Task[T]) -> None:
        failed = done.cancelled() or done.exception() is not None
        if failed and (kept := self._kept.get(key)) and kept[1] is done:
            del self._kept[key]


class Finder:
    """Asks kube-apiserver; nothing a tenant writes is asked."""

    def __init__(self, cluster: Cluster, callers: Callers) -> None:
        self._cluster, self._who = cluster, callers
        self._callers: Remembered[str] = Remembered()
        self._routes: Remembered[list[Manifest]] = Remembered()
        self._services: Remembered[list[Manifest]] = Remembered()

    async def find(self, caller: str, host: str, path: str, method: str) -> Target:
        """The function that a call from the address `caller` is for.

        Raises `NotFoundError` where there is none, or none that caller may wake; `UnknownCallerError`, `UnavailableError`.
        """
        name = _bare(host)
        inside = await self._callers.get(caller, lambda: self._who.namespace(caller))
        if inside:
            return _neighbour(inside, name)
        if _is_address(name):
            return await self._by_address(name)
        routes = await self._routes.get(name, lambda: self._of_host(name))
        found = max(
            (
                (len(prefix), target)
                for prefix, methods, target in _ways(routes, name)
                if _below(path, prefix) and (not methods or method in methods)
            ),
            key=lambda item: item[0],
            default=None,
        )
        if found is None:
            raise NotFoundError(f"no function answers at host {name!r} and this path")
        return found[1]

    async def _of_host(self, host: str) -> list[Manifest]:
        marked = {**labels.MANAGED, labels.HOST: host_mark(host)}
        ingresses, routes = await asyncio.gather(
            self._cluster.list(INGRESS, labels=marked, limit=SEEN), self._http_routes(marked)
        )
        return [*ingresses, *routes]

    async def _http_routes(self, marked: Mapping[str, str]) -> list[Manifest]:
        """Where there is no Gateway there is no such kind, or no right to read it."""
        try:
            return await self._cluster.list(HTTP_ROUTE, labels=marked, limit=SEEN)
        except (NotFoundError, ForbiddenError):
            return []

    async def _by_address(self, address: str) -> Target:
        async def ask() -> list[Manifest]:
            return await self._cluster.list(
                SERVICE, labels=labels.MANAGED, fields={"spec.clusterIP": address}, limit=SEEN
            )

        for service in await self._services.get(address, ask):
            meta = service["metadata"]
            if (meta.get("labels") or {}).get(labels.FUNCTION) == meta["name"]:
                return Target(meta["namespace"], meta["name"])
        raise NotFoundError(f"no function has the address {address}")


def _neighbour(namespace: str, name: str) -> Target:
    """``hello``, ``hello.NAMESPACE``, ``hello.NAMESPACE.svc`` and what may follow: of the caller's own namespace alone."""
    function, _, rest = name.partition(".")
    there = rest.partition(".")[0]
    after = rest.removeprefix(there)
    if (
        not function
        or (there and there != namespace)
        or not (not after or after.startswith(".svc"))
    ):
        raise NotFoundError(f"no function of namespace {namespace} is called {name!r}")
    return Target(namespace, function)


def _ways(found: list[Manifest], host: str) -> Iterator[tuple[str, set[str], Target]]:
    """Prefix of the path, methods (none: all) and function of what leads somewhere from `host`."""
    for item in found:
        yield from (_of_route if item["kind"] == HTTP_ROUTE.name else _of_ingress)(item, host)


def _of_route(item: Manifest, host: str) -> Iterator[tuple[str, set[str], Target]]:
    """Of what a route leads to only the function's own Service may sleep: revisions it names beside that don't."""
    meta = item["metadata"]
    function = (meta.get("labels") or {}).get(labels.FUNCTION)
    if not function or host not in (item["spec"].get("hostnames") or []):
        return
    for rule in item["spec"].get("rules") or []:
        for match in rule.get("matches") or [{}]:
            path = str((match.get("path") or {}).get("value") or "/")
            methods = {str(match["method"])} if match.get("method") else set()
            yield path, methods, Target(meta["namespace"], function)


def _of_ingress(item: Manifest, host: str) -> Iterator[tuple[str, set[str], Target]]:
    namespace = item["metadata"]["namespace"]
    for rule in item["spec"].get("rules") or []:
        if rule.get("host") != host:
            continue
        for path in (rule.get("http") or {}).get("paths") or []:
            service = path["backend"]["service"]["name"]
            yield str(path.get("path") or "/"), set(), Target(namespace, service)


def _below(path: str, prefix: str) -> bool:
    """Whether an Ingress of type Prefix leads there: by whole elements of the path."""
    wanted = prefix.rstrip("/")
    return path == wanted or path.startswith(f"{wanted}/")


def _bare(host: str) -> str:
    """Lower case, without a port and without the dot at the end."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    if name.count(":") == 1:
        name = name.partition(":")[0]
    return name.rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
