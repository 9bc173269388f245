"""Calls through the API: for trying a function out, with or without a trigger. Callers in earnest use the trigger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit
from uuid import uuid4

from funkhaus.crd import conditions
from funkhaus.domain.errors import (
    InvalidError,
    TimedOutError,
    TooLargeError,
    UnavailableError,
)
from funkhaus.domain.function import DEFAULT_TIMEOUT
from funkhaus.domain.kinds import SERVICE
from funkhaus.domain.permission import Permission
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.ports import Answer, Clock, Cluster, Dialer, Manifest
    from funkhaus.services.acts import Asker
    from funkhaus.services.functions import FunctionService
    from funkhaus.services.resources import Place

SLACK = 10
"""Seconds beside the function's timeout: the runtime's own 408 has to win."""
ANSWER_LIMIT = 16 * 1024 * 1024
PATH_LIMIT = 8 * 1024
EVENT_NAMESPACE = "api.funkhaus.dev"
_HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "expect",
}  # fmt: skip
_OURS = {"authorization", "cookie", "host", "content-length", "x-request-id", "forwarded"}
"""What the caller told the platform, not the function; the credential above all."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the function is called with; `path` begins with a slash, `query` has no question mark."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes


class InvocationService:
    """Calls a function's public Service from inside the cluster's network."""

    def __init__(
        self, functions: FunctionService, cluster: Cluster, dialer: Dialer, clock: Clock
    ) -> None:
        self._functions, self._cluster = functions, cluster
        self._dialer, self._clock = dialer, clock

    async def call(self, asker: Asker, place: Place, name: str, invocation: Invocation) -> Answer:
        """The function's answer, whatever its status.

        Raises `NotFoundError`, `ForbiddenError`, `UnavailableError` with the reason the function gives for not being
        ready or for an answer that is too large, `TimedOutError` when not even its own time-out came back.
        """
        async with self._functions.reading(
            asker, place, Permission.FUNCTION_CALL, name
        ) as namespace:
            function = await self._functions.one(asker, namespace, name)
            # The asker may call functions; where a Service is, is the platform's to look up.
            service = await self._cluster.get(SERVICE, namespace.cluster_name, name)
        address = _address(service)
        if not address:
            raise UnavailableError(f"function {name!r} does not serve yet{_why(function)}")
        timeout = (function.get("spec") or {}).get("timeout", DEFAULT_TIMEOUT)
        try:
            return await self._dialer.send(
                invocation.method,
                address + _target(invocation),
                headers=[*passed_on(invocation.headers), *self._event(asker, invocation)],
                body=invocation.body,
                seconds=timeout + SLACK,
                limit=ANSWER_LIMIT,
            )
        except TooLargeError as error:
            raise UnavailableError(
                f"function {name!r} answered more than {ANSWER_LIMIT} bytes, which is what a call through the API passes "
                "on; its trigger has no such limit"
            ) from error
        except TimedOutError as error:
            raise TimedOutError(
                f"function {name!r} did not answer within {timeout + SLACK} s{_why(function)}"
            ) from error
        except UnavailableError as error:
            raise UnavailableError(
                f"no replica of function {name!r} answered: {error.message}{_why(function)}"
            ) from error

    def _event(self, asker: Asker, invocation: Invocation) -> list[tuple[str, str]]:
        media = next(
            (value for key, value in invocation.headers if key.lower() == "content-type"), ""
        )
        return [
            ("event-id", str(uuid4())),
            ("event-time", self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")),
            ("event-type", media or "application/x-www-form-urlencoded"),
            ("event-namespace", EVENT_NAMESPACE),
            ("x-request-id", asker.request_id),
        ]


def passed_on(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The caller's headers as the function may see them: no hop-by-hop, no credential, nothing that looks like ours."""
    named = {
        name.strip().lower()
        for key, value in headers
        if key.lower() == "connection"
        for name in value.split(",")
    }
    dropped = _HOP_BY_HOP | _OURS | named
    return [
        (key, value)
        for key, value in headers
        if key.lower() not in dropped and not key.lower().startswith(("event-", "x-forwarded-"))
    ]


def _address(service: Manifest | None) -> str:
    spec = (service or {}).get("spec") or {}
    ip = spec.get("clusterIP") or ""
    ports = spec.get("ports") or []
    if not ports or ip in {"", "None"}:
        return ""
    host = f"[{ip}]" if ":" in ip else ip
    return f"http://{host}:{ports[0]['port']}"


def _target(invocation: Invocation) -> str:
    """Path and query, escaped where need be; never another host."""
    path = quote(invocation.path, safe="/%:@!$&'()*+,;=~-._")
    query = quote(invocation.query, safe="/?%:@!$&'()*+,;=~-._")
    target = f"{path}?{query}" if query else path
    if not path.startswith("/") or urlsplit(target).netloc or len(target) > PATH_LIMIT:
        message = (
            f"a path begins with one slash and, with its query, has at most {PATH_LIMIT} characters"
        )
        raise InvalidError.at(
            Finding("path-malformed", message, "path", limit=PATH_LIMIT, value=path[:80])
        )
    return target


def _why(function: Manifest) -> str:
    ready = conditions.find(function, conditions.READY)
    if ready is None or ready.get("status") == "True":
        return ""
    return f"; {ready.get('reason')}: {ready.get('message')}"
