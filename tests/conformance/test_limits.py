"""What a runtime takes in: sizes, numbers and forms."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from .test_failures import assert_problem

if TYPE_CHECKING:
    from .conftest import Running, Start
    from .process import RuntimeProcess


def raw(process: RuntimeProcess, data: bytes) -> bytes:
    """All a connection answers to these bytes until it is closed, or silent for two seconds."""
    with socket.create_connection(("127.0.0.1", process.port), timeout=2) as sock:
        sock.sendall(data)
        found = b""
        try:
            while chunk := sock.recv(65_536):
                found += chunk
        except TimeoutError:
            pass
        return found


def test_a_body_over_the_limit_is_413(start: Start) -> None:
    process = start("echo", FUNKHAUS_BODY_LIMIT="1000")
    assert process.calls.post("/", content=b"x" * 1000).status_code == 200
    declared = process.calls.post("/", content=b"x" * 1001)
    assert_problem(declared, 413, "body_too_large")
    assert "1000 would pass" in declared.json()["detail"]
    chunked = process.calls.post("/", content=iter([b"x" * 600] * 2))
    assert_problem(chunked, 413, "body_too_large")
    assert process.metric("function_rejected_total", code="body_too_large") == 2
    assert process.metric("function_calls_total", method="POST") == 1


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(start: Start) -> None:
    process = start("echo", FUNKHAUS_BODY_LIMIT="1000")
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n"
    assert raw(process, head).startswith(b"HTTP/1.1 413 ")


def test_a_caller_that_asks_is_told_to_continue(running: Running) -> None:
    process = running("echo")
    with socket.create_connection(("127.0.0.1", process.port), timeout=5) as sock:
        sock.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"ok")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_never_comes_is_408(start: Start) -> None:
    process = start("echo", FUNC_TIMEOUT="1")
    answer = raw(process, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body_timeout" in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n"
        + b"".join(b"x-%d: y\r\n" % n for n in range(300))
        + b"\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=[
        "tls",
        "header",
        "long header",
        "many headers",
        "long path",
        "two lengths",
        "length and chunks",
    ],
)
def test_what_is_not_http_is_400(running: Running, request_bytes: bytes) -> None:
    process = running("echo")
    answer = raw(process, request_bytes)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"application/problem+json" in answer
    assert b"Traceback" not in answer
    assert process.calls.get("/").status_code == 200


def test_an_old_client_is_served(running: Running) -> None:
    answer = raw(running("inspects"), b"GET /old HTTP/1.0\r\n\r\n")
    assert b" 200 OK\r\n" in answer
    assert b'"path": "/old"' in answer


def test_beyond_the_queue_calls_are_refused_at_once(start: Start) -> None:
    process = start("sleeps", FUNKHAUS_CONCURRENCY="1", FUNKHAUS_QUEUE="1")
    with ThreadPoolExecutor(2) as threads:
        taken = [threads.submit(process.calls.post, "/", content="1.5") for _ in range(2)]
        time.sleep(0.5)
        assert process.metric("function_calls_in_flight") == 1
        assert process.metric("function_calls_queued") == 1
        refused = process.calls.post("/", content="0")
        assert not any(call.done() for call in taken)
        assert_problem(refused, 503, "function_busy")
        assert refused.headers["retry-after"] == "1"
        assert [call.result().text for call in taken] == ["slept", "slept"]
    assert process.metric("function_rejected_total", code="function_busy") == 1


def test_a_call_does_not_wait_for_ever(start: Start) -> None:
    process = start("sleeps", FUNKHAUS_CONCURRENCY="1", FUNKHAUS_QUEUE_TIMEOUT="0.5")
    with ThreadPoolExecutor(1) as threads:
        taken = threads.submit(process.calls.post, "/", content="2")
        time.sleep(0.3)
        assert_problem(process.calls.post("/", content="0"), 503, "function_busy")
        assert taken.result().text == "slept"
    assert process.calls.post("/", content="0").text == "slept"


def test_many_bodies_at_once_do_not_fill_the_memory(start: Start) -> None:
    process = start("echo", FUNKHAUS_BODY_LIMIT="100000", FUNC_TIMEOUT="3")
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: raw(process, head)[:12], range(6)))
    assert answers.count(b"HTTP/1.1 503") == 2
    assert process.calls.post("/", content=b"x" * 100_000).status_code == 200
