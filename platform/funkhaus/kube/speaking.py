"""Pieces of what is said to kube-apiserver and heard from it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from funkhaus.domain.errors import InvalidError, TimedOutError, UnavailableError
from funkhaus.domain.subject import SUBJECT_EXTRA, TOKEN_EXTRA
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.subject import Subject

EVENT_BYTES = 16 * 1024 * 1024
"""Of one event of a watch; etcd keeps no object that comes near it."""


def url_path(kind: Kind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The URL path; a name that would lead elsewhere in the API is refused, whoever let it come this far."""
    for part in (namespace, name):
        if part in {".", ".."} or not part.isprintable() or set(part) & set("/%?#\\"):
            raise InvalidError.at(
                Finding("name-malformed", f"{part!r} is not a name", "metadata.name", value=part)
            )
    return kind.path(namespace, name, subresource)


def impersonation(subject: Subject) -> list[tuple[str, str]]:
    """The headers that make a call as `subject`; kube-apiserver adds the group system:authenticated."""
    headers = [("Impersonate-User", subject.username)]
    headers += [("Impersonate-Group", group) for group in subject.groups]
    extras = {TOKEN_EXTRA: subject.token_id, SUBJECT_EXTRA: subject.name}
    return headers + [
        (f"Impersonate-Extra-{quote(key, safe='')}", quote(value, safe=" @.:/+-_"))
        for key, value in extras.items()
        if value
    ]


async def lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Lines of any length up to a limit; aiohttp's own reader gives up on an object of 128 KiB."""
    rest = bytearray()
    async for chunk in answer.content.iter_any():
        rest += chunk
        while (end := rest.find(b"\n")) >= 0:
            yield bytes(rest[:end])
            del rest[: end + 1]
        if len(rest) > EVENT_BYTES:
            raise ValueError("an event is too large")


def unreachable(error: Exception, seconds: float) -> UnavailableError:
    """What a connection's failure is to whoever asked."""
    if isinstance(error, TimeoutError):
        return TimedOutError(f"kube-apiserver did not answer within {seconds:g} s")
    return UnavailableError(f"kube-apiserver can't be reached: {type(error).__name__}")
