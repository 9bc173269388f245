"""Ways to ask a part whether it is ready. A probe returns an empty string, or what is still wrong."""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROBE_SECONDS = 3.0


class Probe(Protocol):
    """Anything that can say whether a part is ready."""

    def __call__(self) -> str:
        """Empty when ready, else a few words on what is missing."""


@dataclass(frozen=True)
class HttpProbe:
    """Ready when ``url`` answers ``status``; over https with ``authority`` and, where asked, a client certificate."""

    url: str
    status: int = 200
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __call__(self) -> str:
        """Send one GET."""
        parts = urlsplit(self.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = self._connection(parts.scheme, parts.hostname or "", parts.port or 0)
        try:
            connection.request("GET", target or "/")
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"{self.url}: {error}"
        finally:
            connection.close()
        return "" if answer.status == self.status else f"{self.url} answered {answer.status}"

    def _connection(self, scheme: str, host: str, port: int) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=PROBE_SECONDS)
        context = ssl.create_default_context(cafile=str(self.authority) if self.authority else None)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return http.client.HTTPSConnection(host, port, timeout=PROBE_SECONDS, context=context)


@dataclass(frozen=True)
class TcpProbe:
    """Ready when something accepts connections there."""

    host: str
    port: int

    def __call__(self) -> str:
        """Connect once."""
        try:
            socket.create_connection((self.host, self.port), timeout=PROBE_SECONDS).close()
        except OSError as error:
            return f"{self.host}:{self.port}: {error}"
        return ""


@dataclass(frozen=True)
class UnixProbe:
    """Ready when something accepts connections on the socket."""

    path: Path

    def __call__(self) -> str:
        """Connect once."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PROBE_SECONDS)
            try:
                connection.connect(str(self.path))
            except OSError as error:
                return f"{self.path}: {error}"
        return ""


@dataclass(frozen=True)
class AllProbes:
    """Ready when every one of ``probes`` is."""

    probes: tuple[Callable[[], str], ...]

    def __call__(self) -> str:
        """Ask each, in order, up to the first that is not ready."""
        return next((wrong for probe in self.probes if (wrong := probe())), "")
