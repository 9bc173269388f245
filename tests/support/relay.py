"""A relay between kube-apiserver and the webhook that passes bytes on, and can keep back the answer to what was asked."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

APPLICATION_DATA = 23
"""Type of a TLS record (RFC 8446, 5.1). TLS 1.3 also sends the end of a handshake as such, in short ones."""
REQUEST_BYTES = 500
"""A record longer than this is of a request: the end of a handshake without a client certificate has under 100."""


class Records:
    """TLS records in a stream of bytes; only their heads are legible."""

    def __init__(self) -> None:
        self._rest = b""

    def asks(self, data: bytes) -> bool:
        """Whether a request begins or goes on in `data`, which follows what came before."""
        self._rest += data
        found = False
        while len(self._rest) >= 5:
            length = int.from_bytes(self._rest[3:5], "big")
            found |= self._rest[0] == APPLICATION_DATA and length > REQUEST_BYTES
            if len(self._rest) < 5 + length:
                break
            self._rest = self._rest[5 + length :]
        return found


class Relay:
    """Passes connections on to `targets`, ports of loopback, each to the next of them."""

    def __init__(self, *targets: int) -> None:
        self.targets: Sequence[int] = targets
        self._turn = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.keeping = threading.Event()
        """While set, what a target says after a request goes nowhere."""
        self._open: set[socket.socket] = set()

    def run(self) -> None:
        """Until `close`."""
        with suppress(OSError):  # the listener was closed: that is how it ends
            while True:
                client, _ = self._listener.accept()
                self._turn += 1
                try:
                    target = self.targets[self._turn % len(self.targets)]
                    server = socket.create_connection(("127.0.0.1", target), timeout=10)
                except (OSError, ZeroDivisionError):  # nobody is there: so hears who asks
                    client.close()
                    continue
                server.settimeout(None)
                self._open |= {client, server}
                asked = threading.Event()
                for one, other in ((client, server), (server, client)):
                    asking = one is client
                    threading.Thread(
                        target=self._pass_on,
                        args=(one, other, asked),
                        kwargs={"asking": asking},
                        daemon=True,
                    ).start()

    def close(self) -> None:
        """End it with all its connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._open):
            _end(one)

    def _pass_on(
        self, source: socket.socket, sink: socket.socket, asked: threading.Event, *, asking: bool
    ) -> None:
        records = Records()
        with suppress(OSError):  # either side hung up
            while data := source.recv(65536):
                if asking:
                    if records.asks(data) and self.keeping.is_set():
                        asked.set()
                elif asked.is_set():
                    continue
                sink.sendall(data)
        for one in (source, sink):
            _end(one)
            self._open.discard(one)


def _end(one: socket.socket) -> None:
    with suppress(OSError):  # the other side was first
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def relaying(*targets: int) -> Iterator[Relay]:
    """A relay to these ports, while the block runs."""
    relay = Relay(*targets)
    thread = threading.Thread(target=relay.run, name="relay")
    thread.start()
    try:
        yield relay
    finally:
        relay.close()
        thread.join(10)
