"""What goes to a function and what comes from it, on the way between server and worker. Both load it first: it is light."""

from __future__ import annotations

from typing import NamedTuple

Header = tuple[str, str]


class Call(NamedTuple):
    """One request as it travels to the function: only kinds that `marshal` writes, so that it may cross a process."""

    id: str
    method: str
    target: str
    """Request target as sent: path and query, or an absolute URL."""
    http: str
    """Protocol version, such as ``HTTP/1.1``."""
    remote: str
    """The peer's address."""
    content_type: str
    event_id: str | None
    event_type: str | None
    event_time: str | None
    event_namespace: str | None
    headers: tuple[tuple[bytes, bytes], ...]
    """Names and values as sent."""


class Answer(NamedTuple):
    """A whole response; `headers` are without those the server writes."""

    status: int
    headers: tuple[Header, ...]
    body: bytes
