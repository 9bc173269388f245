"""`PodActivity`: the port `funkhaus.ports.Activity` over http, to the pods' own addresses.

What answers is the tenant's process, so nothing it says is believed further than its own function: no redirect is followed,
no proxy asked, time and size are bounded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.function import OPS_PORT
from funkhaus.domain.load import Work
from funkhaus.ports import Calls

if TYPE_CHECKING:
    from collections.abc import Iterable

SECONDS, CONNECT_SECONDS = 2.0, 1.0
ANSWER_LIMIT = 256 * 1024
CONNECTIONS = 64
_OK = 200
_SAMPLE = re.compile(r"([a-z_]+)(?:\{[^}]*\})? ([0-9]{1,18})(?:\.0*)?", re.ASCII)
_BUCKET = re.compile(
    r'function_duration_seconds_bucket\{[^}]*le="([0-9.]{1,12}|\+Inf)"[^}]*\} ([0-9]{1,18})',
    re.ASCII,
)
BUCKETS = 100
"""Bounds of a histogram that are read: what answers is the tenant's."""
_ENDED, _FAILED, _RUNNING = (
    "function_calls_total",
    "function_failures_total",
    ("function_calls_in_flight", "function_calls_queued"),
)


class PodActivity:
    """Asks one pod at a time; `port` is the pods' operations port."""

    def __init__(self, session: aiohttp.ClientSession, port: int = OPS_PORT) -> None:
        self._session, self._port = session, port

    @classmethod
    def open(cls, port: int = OPS_PORT) -> PodActivity:
        """With a session of its own; close it at the end. Call inside a running event loop."""
        return cls(
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, force_close=True),
                timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=CONNECT_SECONDS),
            ),
            port,
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()

    async def calls(self, host: str) -> Calls:
        """By the counters of its ``/metrics``."""
        work = await self.work(host)
        return Calls(work.ended, work.running)

    async def work(self, host: str) -> Work:
        """Likewise, with its histogram."""
        try:
            async with self._session.get(
                self._url(host, "/metrics"), allow_redirects=False
            ) as answer:
                body = await answer.content.read(ANSWER_LIMIT)
                while len(body) < ANSWER_LIMIT and (
                    more := await answer.content.read(ANSWER_LIMIT)
                ):
                    body += more
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise UnavailableError(
                f"the replica does not answer: {type(error).__name__}"
            ) from error
        if answer.status != _OK:
            raise UnavailableError(f"the replica answers {answer.status} for its metrics")
        return _read(body.decode("utf-8", "replace").splitlines())

    async def ready(self, host: str) -> bool:
        """By its ``/healthz``."""
        try:
            async with self._session.get(
                self._url(host, "/healthz"), allow_redirects=False
            ) as answer:
                return answer.status == _OK
        except (TimeoutError, aiohttp.ClientError, OSError):
            return False

    def _url(self, host: str, path: str) -> str:
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{self._port}{path}"


def _read(lines: Iterable[str]) -> Work:
    """Raises `UnavailableError` where there is no gauge of what runs: a counter without a call has no sample yet."""
    ended, failed, running, known = 0, 0, 0, False
    buckets: dict[float, int] = {}
    for line in lines:
        if bucket := _BUCKET.fullmatch(line):
            bound = float(bucket[1])
            if bound in buckets or len(buckets) < BUCKETS:
                buckets[bound] = buckets.get(bound, 0) + int(bucket[2])  # one sample a method
            continue
        if not (found := _SAMPLE.fullmatch(line)):
            continue
        if found[1] == _ENDED:
            ended += int(found[2])
        elif found[1] == _FAILED:
            failed += int(found[2])
        elif found[1] in _RUNNING:
            known, running = True, running + int(found[2])
    if not known:
        raise UnavailableError("the replica does not count its calls")
    return Work(ended, failed, running, tuple(sorted(buckets.items())))
