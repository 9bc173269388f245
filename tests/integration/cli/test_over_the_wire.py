"""`funkhaus` as a process of its own over real sockets: what only a network and a terminal do."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from .process import SECONDS, run, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Answer = Callable[["Handler"], None]

LIST = ("function", "list", "-t", "demo")


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the test."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization", "")))
        self.server.answer(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    def json(self, document: object, status: int = 200, **headers: str) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    """A loopback server that answers as told."""

    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.seen: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the tests."""


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    with Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(SECONDS)


def nothing(handler: Handler) -> None:
    handler.json({"items": [], "next": ""})


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        code, out, err = run(f"http://127.0.0.1:{taken.getsockname()[1]}", tmp_path, *LIST)
    assert (code, out) == (5, "")
    assert "does not answer" in err
    assert "make status" in err
    assert "Traceback" not in err


def test_a_proxy_for_the_world_is_not_for_this_machine(tmp_path: Path) -> None:
    dead = "http://127.0.0.1:9"
    with serving(nothing) as server:
        code, _, err = run(
            server.url, tmp_path, *LIST, HTTP_PROXY=dead, ALL_PROXY=dead, http_proxy=dead
        )
    assert (code, err) == (0, "No functions in demo/default.\n")


def test_a_redirect_takes_the_token_nowhere(tmp_path: Path) -> None:
    with (
        serving(nothing) as thief,
        serving(lambda it: it.json({}, 302, Location=thief.url)) as server,
    ):
        code, _, err = run(server.url, tmp_path, *LIST)
        assert thief.seen == []
    assert code == 1
    assert "HTTP 302" in err


def test_half_an_answer(tmp_path: Path) -> None:
    def half(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"items": [')
        handler.close_connection = True

    with serving(half) as server:
        code, out, err = run(server.url, tmp_path, *LIST)
    assert (code, out) == (5, "")
    assert "broke" in err


def test_a_server_that_drops_the_connection_is_asked_again(tmp_path: Path) -> None:
    def second_time_lucky(handler: Handler) -> None:
        if len(handler.server.seen) == 1:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        else:
            nothing(handler)

    with serving(second_time_lucky) as server:
        assert run(server.url, tmp_path, *LIST)[0] == 0
        assert len(server.seen) == 2


def chunk(handler: Handler, text: str) -> None:
    content = text.encode()
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
    handler.wfile.flush()


def test_logs_are_shown_as_they_come_and_ctrl_c_ends_them(tmp_path: Path) -> None:
    stop = threading.Event()

    def follow(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        chunk(handler, "first\n")
        stop.wait(SECONDS)

    with serving(follow) as server:
        process = start(server.url, tmp_path, "function", "logs", "hello", "-f", "-t", "demo")
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "first\n"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=SECONDS)
        stop.set()
    assert process.returncode == 130
    assert out == ""
    assert err.strip() == "Interrupted."


def test_a_reader_who_has_enough(tmp_path: Path) -> None:
    def many(handler: Handler) -> None:
        spec = {"runtime": "python3.11"}
        items = [{"name": f"f{n}", "spec": spec, "status": {}} for n in range(20_000)]
        handler.json({"items": items, "next": ""})

    with serving(many) as server:
        process = start(server.url, tmp_path, *LIST)
        with process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("NAME")
            process.stdout.close()
            assert process.stderr is not None
            err = process.stderr.read()
            process.wait(SECONDS)
    assert (process.returncode, err) == (141, "")


@pytest.mark.parametrize("words", ["funkhaus function describe h", "funkhaus fn call -t demo h"])
def test_completion_gives_up_on_a_silent_server(tmp_path: Path, words: str) -> None:
    stop = threading.Event()

    def silent(_: Handler) -> None:
        stop.wait(SECONDS)

    with serving(silent) as server:
        began = time.monotonic()
        code, out, err = run(
            server.url, tmp_path, _FUNKHAUS_COMPLETE="bash_complete", COMP_WORDS=words,
            COMP_CWORD=str(len(words.split()) - 1),
        )  # fmt: skip
        took = time.monotonic() - began
        stop.set()
    assert (code, out.strip(), err) == (0, "", "")
    assert took < 10
