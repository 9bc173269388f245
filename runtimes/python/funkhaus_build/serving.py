"""The result, served until somebody has it or has refused it."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WORDS_LIMIT = 2048
"""Bytes of a refusal's words."""
DIGEST_HEADER, TICKET_HEADER = "Funkhaus-Digest", "Funkhaus-Ticket"


def ticket(secret: str) -> str:
    """What whoever fetches shows, in hex."""
    return hmac.new(secret.encode(), b"ticket", hashlib.sha256).hexdigest()


class Counter:
    """One result on one port. `run` ends when it was taken (empty), refused (the words) or nobody came (``None``)."""

    def __init__(self, result: Path, log: bytes, digest: str, secret: str) -> None:
        self.result, self.log, self.digest, self.secret = result, log, digest, secret
        self._ended = threading.Event()
        self._words: str | None = None

    @property
    def ended(self) -> bool:
        """Whether it was taken or refused."""
        return self._ended.is_set()

    def end(self, words: str) -> None:
        """Nobody needs it any more."""
        self._words = words
        self._ended.set()

    def run(self, host: str, port: int, seconds: float) -> str | None:
        """Serve."""
        handler = type("Handler", (_Handler,), {"counter": self})
        server = ThreadingHTTPServer((host, port), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="serve", daemon=True).start()
        self._ended.wait(seconds)
        server.shutdown()
        server.server_close()
        return self._words


class _Handler(BaseHTTPRequestHandler):
    counter: Counter
    timeout = 60

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(b"ok\n")
        elif self.path == "/result" and self._known():
            self._result()
        elif self.path == "/log" and self._known():
            self._answer(self.counter.log)
        else:
            self._answer(b"", 404)

    def do_POST(self) -> None:
        if self.path != "/end" or not self._known():
            self._answer(b"", 404)
            return
        size = min(int(self.headers.get("Content-Length") or 0), WORDS_LIMIT)
        words = self.rfile.read(size).decode(errors="replace")
        self._answer(b"")
        self.counter.end(words)

    def _result(self) -> None:
        self.send_response(200)
        self.send_header(DIGEST_HEADER, self.counter.digest)
        self.send_header("Content-Length", str(self.counter.result.stat().st_size))
        self.end_headers()
        with self.counter.result.open("rb") as content:
            shutil.copyfileobj(content, self.wfile)

    def _known(self) -> bool:
        """Whoever asks shows a ticket that only the key makes; the key itself never travels."""
        shown = self.headers.get(TICKET_HEADER, "")
        return hmac.compare_digest(shown.encode(), ticket(self.counter.secret).encode())

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the log is the build's."""
