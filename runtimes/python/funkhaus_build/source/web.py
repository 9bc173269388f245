"""One origin, asked over HTTP: no proxy, no credential, no redirect to another origin, no address that was not allowed."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from funkhaus_build.installing import BuildError
from funkhaus_build.source.away import AwayError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from funkhaus_build.source.networks import Networks

SECONDS = 20.0
"""Without a byte."""
REDIRECTS = 5
CHUNK = 256 * 1024
_ADDRESS = re.compile(
    r"(https?)://([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::([1-9][0-9]{0,4}))?(/[!$-~]*)"
)
_OK, _SLOW_DOWN, _BROKEN = 200, 429, 500
_LEADS_ON = {301, 302, 303, 307, 308}


@dataclass(frozen=True)
class Address:
    """An address in its parts."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What it is asked of."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """As it is written."""
        usual = self.port == (443 if self.scheme == "https" else 80)
        return f"{self.scheme}://{self.host}{'' if usual else f':{self.port}'}{self.path}"

    @property
    def shown(self) -> str:
        """Without what is behind a question mark, which may be a secret."""
        return self.url.partition("?")[0]


def address(url: str) -> Address:
    """The address a URL is; raises `BuildError`."""
    match = _ADDRESS.fullmatch(url)
    if match is None:
        raise BuildError(f"{url.partition('?')[0]!r:.200} is no address that is fetched from")
    scheme, host, port, path = match.groups()
    return Address(scheme, host, int(port or (443 if scheme == "https" else 80)), path)


class Web:
    """Asks. `ca` are PEM certificates to trust in place of the image's own."""

    def __init__(self, networks: Networks, ports: frozenset[int], ca: str = "") -> None:
        self._networks, self._ports = networks, ports
        self._tls = ssl.create_default_context(cadata=ca or None)

    @contextlib.contextmanager
    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Iterator[tuple[http.client.HTTPResponse, Address]]:
        """The answer 200 to a request, and the address that gave it, redirects within the origin followed.

        Raises `BuildError`, `AwayError`, also while the answer is read.
        """
        asked = address(url)
        for _ in range(REDIRECTS + 1):
            with self._asked(method, asked, headers or {}, body) as answer:
                if answer.status not in _LEADS_ON:
                    _check(asked, answer)
                    yield answer, asked
                    return
                asked = _led_on(asked, answer.headers.get("Location", ""))
        raise BuildError(f"{asked.shown} leads on more than {REDIRECTS} times")

    @contextlib.contextmanager
    def _asked(
        self, method: str, asked: Address, headers: Mapping[str, str], body: bytes | None
    ) -> Iterator[http.client.HTTPResponse]:
        if asked.port not in self._ports:
            ports = ", ".join(str(port) for port in sorted(self._ports))
            raise BuildError(
                f"{asked.shown} is on port {asked.port}, which is not open here: {ports} pass (FUNKHAUS_SOURCE_PORTS)"
            )
        connection = self._connection(asked)
        try:
            sent = {"Accept-Encoding": "identity", "User-Agent": "funkhaus", **headers}
            connection.request(method, asked.path, body=body, headers=sent)
            answer = connection.getresponse()
            sys.stdout.write(f"{method} {asked.shown}: {answer.status}\n")
            sys.stdout.flush()
            yield answer
        except ssl.SSLCertVerificationError as error:
            raise BuildError(
                f"{asked.host} shows a certificate nobody here vouches for: {error.verify_message}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            said = str(error) or type(error).__name__
            raise AwayError(f"{asked.shown} does not answer: {said}") from error
        finally:
            connection.close()

    def _connection(self, asked: Address) -> http.client.HTTPConnection:
        places = self._networks.addresses(asked.host, asked.port)
        if asked.scheme == "http":
            return _Plain(asked, places)
        return _Secure(asked, places, self._tls)


class _Plain(http.client.HTTPConnection):
    """A connection to one of the addresses a host was found at."""

    def __init__(self, asked: Address, places: list[str]) -> None:
        super().__init__(asked.host, asked.port, timeout=SECONDS)
        self._places = places

    def connect(self) -> None:
        """Try one after the other."""
        self.sock = _reached(self._places, self.port)


class _Secure(http.client.HTTPSConnection):
    """Likewise, with TLS in the host's name."""

    def __init__(self, asked: Address, places: list[str], tls: ssl.SSLContext) -> None:
        super().__init__(asked.host, asked.port, timeout=SECONDS, context=tls)
        self._places, self._tls = places, tls

    def connect(self) -> None:
        """Try one after the other."""
        self.sock = self._tls.wrap_socket(
            _reached(self._places, self.port), server_hostname=self.host
        )


def _reached(places: list[str], port: int) -> socket.socket:
    failure: OSError = OSError("has no address")
    for place in places:
        try:
            return socket.create_connection((place, port), SECONDS)
        except OSError as error:
            failure = error
    raise failure


def pieces(answer: http.client.HTTPResponse, asked: Address) -> Iterator[bytes]:
    """An answer's body as it comes. Raises `AwayError` for one that ends before what it announced."""
    while piece := answer.read(CHUNK):
        yield piece
    if answer.length:
        raise AwayError(f"{asked.shown} ended {answer.length} bytes before what it announced")


def _led_on(asked: Address, location: str) -> Address:
    found = address(urljoin(f"{asked.scheme}://{asked.host}:{asked.port}{asked.path}", location))
    if found.origin != asked.origin:
        raise BuildError(
            f"{asked.shown} leads on to {found.shown}, of another origin: name that address, where the rules let it pass"
        )
    return found


def _check(asked: Address, answer: http.client.HTTPResponse) -> None:
    if answer.status == _OK:
        return
    said = f"{asked.shown} answers {answer.status}"
    if answer.status == _SLOW_DOWN or answer.status >= _BROKEN:
        raise AwayError(said)
    raise BuildError(f"{said}; it has to be there, and readable without a credential")
