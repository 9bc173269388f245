"""A worker process: takes one call at a time from its socket, runs the handler, replies. Forked by the nursery."""

from __future__ import annotations

import contextlib
import faulthandler
import inspect
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import bottle

from funkhaus_runtime import answer, event, wire
from funkhaus_runtime.loading import Handler, LoadError, load, trace
from funkhaus_runtime.output import end_lines
from funkhaus_runtime.wire import Kind

if TYPE_CHECKING:
    import socket

    from funkhaus_runtime.call import Call
    from funkhaus_runtime.settings import Settings

_OOM_PREFERENCE = 100
"""Thousandths of the memory limit a worker seems bigger by to the kernel, so that it goes before the server does."""


def run(sock: socket.socket, dump: int, handler: Handler | None, settings: Settings) -> None:
    """Serve calls until the server closes its end or the function ends the process.

    With no `handler` the module is imported here first. `dump` is a file descriptor the interpreter writes the stacks
    of all threads to when the process is aborted or crashes.
    """
    faulthandler.enable(file=dump, all_threads=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # not every kernel or container shows it writable
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(min(1000, int(score.read_text()) + _OOM_PREFERENCE)))
    if handler is None:
        try:
            handler = load(settings)
        except LoadError as error:
            sock.sendall(
                wire.pack_reply(
                    Kind.UNLOADABLE, head=error.reason.encode(), body=error.trace.encode()
                )
            )
            return
    sock.sendall(wire.pack_reply(Kind.READY))
    pid = os.getpid()
    while (received := wire.receive_request(sock)) is not None:
        kind, reply = _one(handler, *received, settings.answer_limit)
        if (
            os.getpid() != pid
        ):  # the handler forked and let the child return: that call is the parent's to answer
            os._exit(0)
        end_lines()
        sock.sendall(reply)
        if kind == Kind.EXITED:
            return


def _one(handler: Handler, call: Call, body: bytes, limit: int) -> tuple[Kind, bytes]:
    try:
        given = event.build(call, body)
    except event.BadBodyError as error:
        return Kind.BAD_BODY, wire.pack_reply(Kind.BAD_BODY, head=str(error).encode())
    response = given["extensions"]["response"]
    kind = Kind.RAISED
    try:
        try:
            value = handler.run(given, dict(handler.context))
        except (
            bottle.HTTPResponse
        ) as raised:  # bottle.abort() and the like: an answer, not a failure
            value = raised
        if inspect.iscoroutine(value):
            value.close()
            return _unanswerable("it returned a coroutine: declare the handler itself `async def`")
        status, headers, content = answer.build(value, response, limit)
    except answer.AnswerError as error:
        return _unanswerable(str(error))
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises
        failed: BaseException = error
    except BaseException as error:  # noqa: BLE001 - SystemExit, KeyboardInterrupt
        failed, kind = error, Kind.EXITED
    else:
        return Kind.ANSWER, wire.pack_reply(
            Kind.ANSWER, status, wire.pack_headers(headers), content
        )
    text = trace(failed, skip=__file__).encode("utf-8", "backslashreplace")
    return kind, wire.pack_reply(
        kind, head=type(failed).__qualname__.encode("utf-8", "replace"), body=text
    )


def _unanswerable(reason: str) -> tuple[Kind, bytes]:
    return Kind.UNANSWERABLE, wire.pack_reply(
        Kind.UNANSWERABLE, head=reason.encode("utf-8", "backslashreplace")
    )
