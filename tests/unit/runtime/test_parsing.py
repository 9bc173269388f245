"""Bytes in, requests out: whole, in any pieces, within limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funkhaus_runtime.parsing import FIELDS, HEAD, LINE, MalformedError, Parsing

if TYPE_CHECKING:
    from funkhaus_runtime.parsing import Head


class Ear:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.begun = 0
        self.found: list[tuple[Head, bytearray, bool]] = []

    def head_began(self) -> None:
        self.begun += 1

    def head_read(self, head: Head) -> None:
        self.found.append((head, bytearray(), False))

    def body_came(self, data: bytes) -> None:
        self.found[-1][1].extend(data)

    def body_ended(self) -> None:
        head, body, _ = self.found[-1]
        self.found[-1] = (head, body, True)

    def said(self) -> list[tuple[str, bytes, bytes, bool]]:
        return [(head.method, head.target, bytes(body), end) for head, body, end in self.found]


def heard(data: bytes, size: int = 0) -> Ear:
    ear = Ear()
    parsing = Parsing(ear)
    for start in range(0, len(data), size or len(data)):
        parsing.feed(data[start : start + (size or len(data))])
    return ear


PIPELINE = (
    b"GET /first?x=1 HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Wide: \t spread \t\r\n\r\n"
    b"POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    b"PUT /third HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: no header\r\n\r\n"
    b"DELETE /fourth HTTP/1.1\r\nHost: a\r\n\r\n"
)
REQUESTS = [
    ("GET", b"/first?x=1", b"", True),
    ("POST", b"/second", b"hello", True),
    ("PUT", b"/third", b"abcde", True),
    ("DELETE", b"/fourth", b"", True),
]


@given(st.integers(1, len(PIPELINE)))
def test_pieces_make_no_difference(size: int) -> None:
    ear = heard(PIPELINE, size)
    assert ear.said() == REQUESTS
    assert ear.begun == len(REQUESTS)
    first, third = ear.found[0][0], ear.found[2][0]
    assert first.headers == ((b"Host", b"a"), (b"X-Empty", b""), (b"X-Wide", b"spread"))
    assert first.found[b"x-empty"] == b""
    assert b"x-trailer" not in third.found


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", False),
    ],
)
def test_whether_the_connection_is_kept(sent: bytes, *, kept: bool) -> None:
    assert heard(sent).found[0][0].keep_alive is kept


H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize(
    ("framing", "sent", "body"),
    [
        (b"", b"", b""),
        (b"Content-Length: 0\r\n", b"", b""),
        (b"Content-Length: 5\r\n", b"hello", b"hello"),
        (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    ],
)
def test_who_asks_for_another_protocol_is_served_with_this_one(
    framing: bytes, sent: bytes, body: bytes, size: int
) -> None:
    more = b"GET /next HTTP/1.1\r\n\r\n"
    ear = heard(b"POST /h2c HTTP/1.1\r\n" + H2C + framing + b"\r\n" + sent + more, size)
    assert ear.said() == [("POST", b"/h2c", body, True), ("GET", b"/next", b"", True)]
    assert ear.begun == 2


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"\x16\x03\x01\x02", "method"),
        (b"BREW / HTTP/1.1\r\n\r\n", "method"),
        (b"GET / HTTP/2.0\r\n\r\n", "HTTP/2.0"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI"),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", "header"),
        (b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", ""),
        (b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n", "header value"),
        (b"GET / HTTP/1.1\nHost: x\n\n", "CR"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "Content-Length"),
        (b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na", "Content-Length"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Content-Length",
        ),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "Transfer-Encoding"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", "chunk size"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "chunk data"),
        (b"GET /" + b"a" * LINE + b" HTTP/1.1\r\n\r\n", f"over {LINE} bytes"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * LINE + b"\r\n\r\n", f"over {LINE} bytes"),
        (
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (FIELDS + 1) + b"\r\n",
            f"more than {FIELDS} headers",
        ),
    ],
)
def test_what_is_not_http_is_told_apart(sent: bytes, words: str) -> None:
    with pytest.raises(MalformedError, match=re.compile(re.escape(words), re.IGNORECASE)):
        heard(sent)


CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET / HTTP/1.1\r\nX: ", b"a" * 4096),
        (b"GET /", b"a" * 4096),
        (CHUNKED + b"1;x=", b"a" * 4096),
        (CHUNKED + b"0\r\nX: ", b"a" * 4096),
        (CHUNKED + b"0\r\n", b"X: y\r\n" * 700),
    ],
    ids=["header", "target", "extension", "trailer", "trailers"],
)
def test_nothing_grows_without_an_end(begin: bytes, more: bytes) -> None:
    parsing = Parsing(Ear())
    parsing.feed(begin)

    def go_on() -> None:
        for _ in range(100):
            parsing.feed(more)

    with pytest.raises(MalformedError, match=f"{HEAD}|{LINE}"):
        go_on()


def test_small_chunks_are_no_abuse() -> None:
    ear = heard(CHUNKED + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n", 1400)
    assert ear.said() == [("POST", b"/", b"a" * 100_000, True)]


def test_what_came_before_the_defect_is_heard() -> None:
    ear = Ear()
    with pytest.raises(MalformedError):
        Parsing(ear).feed(b"GET /good HTTP/1.1\r\n\r\nnonsense\r\n\r\n")
    assert ear.said() == [("GET", b"/good", b"", True)]
