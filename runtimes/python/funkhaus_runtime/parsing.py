"""The bytes of a connection, taken apart by llhttp (`httptools`), within limits: heads, bodies, and what is neither.

llhttp is strict: two lengths, a length beside chunks, a header that is none, end the parsing. What it does not bound is
how long lines and heads are, and how much of a chunked body is no body; that is done here.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

LINE = 8190
"""Bytes of a request's target, and of one header's name and value together."""
FIELDS = 128
"""Headers of one request."""
HEAD = 64 * 1024
"""Bytes of a request before its body, about: what has arrived together is looked at together."""
WRAPPING = 8
"""Bytes that may come for one byte of a chunked body: the smallest chunk takes six."""
_VERSIONS = frozenset({"1.0", "1.1"})


class Head(NamedTuple):
    """A request line and headers, names and values as sent; `found` has the first of each name in small letters."""

    method: str
    target: bytes
    version: str
    headers: tuple[tuple[bytes, bytes], ...]
    found: dict[bytes, bytes]
    keep_alive: bool


class Listener(Protocol):
    """Who is told what was found, in the order it was sent."""

    def head_began(self) -> None:
        """The first byte of a request."""

    def head_read(self, head: Head) -> None:
        """A request's head; its body follows, and `body_ended` in any case."""

    def body_came(self, data: bytes) -> None:
        """More of the body."""

    def body_ended(self) -> None:
        """The request is complete."""


class MalformedError(ValueError):
    """What came is not HTTP, or more of it than is read; the message says what."""


class Parsing:
    """One connection's parser. After a `MalformedError` it is not to be used again."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._parser = HttpRequestParser(self)
        self._fed = self._body = 0  # bytes since the last request's end
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._found: dict[bytes, bytes] = {}
        self._in_head = True
        self._resumed = False  # a head is repeated for the parser's sake, and nobody else's
        self._unasked = (
            False  # the body of a request that asked for another protocol is still to come
        )

    def feed(self, data: bytes) -> None:
        """Take in what has arrived; raises `MalformedError`, after the listener was told of all that came before."""
        self._fed += len(data)
        try:
            while True:
                try:
                    self._parser.feed_data(data)
                    break
                except HttpParserUpgrade as error:
                    data = self._stay(data[error.args[0] :])
        except HttpParserCallbackError as error:
            raise (
                error.__context__
                if isinstance(error.__context__, MalformedError)
                else MalformedError(str(error))
            ) from None
        except HttpParserError as error:
            raise MalformedError(str(error) or "it can't be parsed") from None
        if self._fed - self._body > HEAD + WRAPPING * self._body:
            raise MalformedError(
                f"more than {HEAD} bytes are head, trailers or the wrapping of chunks"
            )

    def _stay(self, rest: bytes) -> bytes:
        """A request asked for another protocol: as none is spoken here it counts as if it had not (RFC 9110, 7.8).

        The parser would take what follows for that protocol's. So a new one goes on, in the body if there is one.
        """
        self._parser = HttpRequestParser(self)
        if not self._unasked:
            return rest
        length, coding = self._found.get(b"content-length"), self._found.get(b"transfer-encoding")
        framing = (
            b"Content-Length: " + length
            if length is not None
            else b"Transfer-Encoding: " + (coding or b"")
        )
        self._resumed, self._unasked = True, False
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
        self._resumed = False
        return rest

    # httptools calls these.

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._resumed:
            return
        self._in_head = True
        self._target, self._headers, self._found = b"", [], {}
        self._listener.head_began()

    def on_url(self, part: bytes) -> None:
        """More of the request's target."""
        if self._resumed:
            return
        self._target += part
        if len(self._target) > LINE:
            raise MalformedError(f"the request's target is over {LINE} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or trailer."""
        if not self._in_head or self._resumed:
            return  # trailers are nobody's
        headers = self._headers
        if len(name) + len(value) > LINE:
            raise MalformedError(f"header {name[:64]!r} is over {LINE} bytes")
        if len(headers) == FIELDS:
            raise MalformedError(f"there are more than {FIELDS} headers")
        value = value.rstrip(b" \t")
        headers.append((name, value))
        self._found.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._resumed:
            return
        self._in_head = False
        parser, found = self._parser, self._found
        version = parser.get_http_version()
        if version not in _VERSIONS:
            raise MalformedError(f"HTTP/{version} is not spoken here; 1.0 and 1.1 are")
        method = parser.get_method().decode("ascii")
        if parser.should_upgrade():
            bodiless = not found.keys() & {b"content-length", b"transfer-encoding"}
            self._unasked = not bodiless and method != "CONNECT"
        self._listener.head_read(
            Head(
                method,
                self._target,
                version,
                tuple(self._headers),
                found,
                parser.should_keep_alive() and method != "CONNECT",
            )
        )

    def on_body(self, data: bytes) -> None:
        """More of the body."""
        self._body += len(data)
        self._listener.body_came(data)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._unasked:
            return
        self._fed = self._body = 0
        self._listener.body_ended()
