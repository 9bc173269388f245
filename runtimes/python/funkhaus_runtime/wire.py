"""Frames between the server and its workers, over a stream socket that carries one call at a time.

A request is a `Call` in marshal's form (both ends are the same interpreter, and the server is the one trusted end)
and the body. A reply is of fixed shape and its text is checked by whoever uses it: a worker runs the user's code.

::

    request   u32 length of the call   u32 length of the body   call   body
    reply     u8 kind  u16 status      u32 length of the head   u32 length of the body   head   body
"""

from __future__ import annotations

import marshal
import struct
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from funkhaus_runtime.call import Call

if TYPE_CHECKING:
    import socket

    from funkhaus_runtime.call import Header

REQUEST = struct.Struct("!II")
REPLY = struct.Struct("!BHII")


class Kind(IntEnum):
    """What a reply says."""

    READY = 0
    """The worker has the handler and waits for calls."""
    UNLOADABLE = 1
    """It could not be loaded: head is one sentence, body the traceback. The worker ends."""
    ANSWER = 2
    """The function answered: status, headers in the head, body."""
    RAISED = 3
    """It raised: head is the exception's name, body the traceback."""
    UNANSWERABLE = 4
    """It returned what can't be sent: head is the reason."""
    BAD_BODY = 5
    """It was not called: head tells the caller what is wrong with the body."""
    EXITED = 6
    """It called `sys.exit` or the like: as RAISED, and the worker ends."""


class Reply(NamedTuple):
    """A reply of a worker."""

    kind: int
    status: int
    head: bytes
    body: bytes


def pack_request(call: Call, body: bytes) -> bytes:
    """One request frame."""
    meta = marshal.dumps((*call,))
    return b"".join((REQUEST.pack(len(meta), len(body)), meta, body))


def pack_reply(kind: Kind, status: int = 0, head: bytes = b"", body: bytes = b"") -> bytes:
    """One reply frame."""
    return b"".join((REPLY.pack(kind, status, len(head), len(body)), head, body))


def receive_request(sock: socket.socket, size: int = 65_536) -> tuple[Call, bytes] | None:
    """The next request, or None when the server has closed its end. Blocks."""
    data = sock.recv(size)
    if not data:
        return None
    while len(data) < REQUEST.size:
        more = sock.recv(REQUEST.size - len(data))
        if not more:
            return None
        data += more
    meta_length, body_length = REQUEST.unpack_from(data)
    end = REQUEST.size + meta_length + body_length
    if len(data) < end:
        whole = bytearray(end)
        whole[: len(data)] = data
        rest = memoryview(whole)[len(data) :]
        while rest:
            count = sock.recv_into(rest)
            if not count:
                return None
            rest = rest[count:]
        view = memoryview(whole)
    else:
        view = memoryview(data)
    split = REQUEST.size + meta_length
    call = Call(*marshal.loads(view[REQUEST.size : split]))  # noqa: S302 - the server wrote it
    return call, bytes(view[split:end])


def reply_length(data: bytes | bytearray | memoryview) -> int:
    """How long the reply that begins here is, 0 while its header is incomplete."""
    if len(data) < REPLY.size:
        return 0
    _, _, head, body = REPLY.unpack_from(data)
    return REPLY.size + int(head) + int(body)


def unpack_reply(data: bytes | bytearray | memoryview) -> Reply:
    """The reply in a complete frame."""
    kind, status, head, body = REPLY.unpack_from(data)
    split = REPLY.size + head
    return Reply(kind, status, bytes(data[REPLY.size : split]), bytes(data[split : split + body]))


def pack_headers(headers: tuple[Header, ...]) -> bytes:
    """Headers as the head of an answer; neither names nor values hold line breaks."""
    return "\n".join([f"{name}:{value}" for name, value in headers]).encode()


def unpack_headers(head: bytes) -> tuple[Header, ...]:
    """Headers from the head of an answer."""
    pairs = (line.partition(":") for line in head.decode().split("\n") if line)
    return tuple((name, value) for name, _, value in pairs)
