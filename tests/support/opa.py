"""A real OPA with the repository's policies, as the platform runs it, and a stand-in for one that is broken."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus.policy import bundle
from funkhaus.policy.folder import read_folder

from .parts import Part, is_well
from .ports import free_port
from .signing import signer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

POLICIES = Path(__file__).resolve().parents[2] / "policies"
START_SECONDS = 20


SIGNED = """\
bundles: {{house: {{resource: "file://{bundle}", signing: {{keyid: house}}}}}}
decision_logs: {{console: true}}
"""


@contextmanager
def running(folder: Path, policies: Path = POLICIES) -> Iterator[str]:
    """Start OPA on the signed bundle of `policies`, yield its URL once it judges by it, end it."""
    _signed(folder, policies)
    with _following(folder, signer().public, policies / "system", "?bundles=true") as url:
        yield url


def _signed(folder: Path, policies: Path) -> None:
    made = folder / "bundle.tar.gz"
    made.write_bytes(bundle.build(read_folder(policies), signer()))
    (folder / "opa.yaml").write_text(SIGNED.format(bundle=made))


def part(folder: Path, policies: Path = POLICIES) -> tuple[str, Part]:
    """The URL of an OPA that judges by the signed bundle of `policies`, and what starts and ends it there."""
    _signed(folder, policies)
    (folder / "key.pem").write_text(signer().public)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = _verifying(folder, port, policies / "system")
    return url, Part(argv, folder / "opa.log", lambda: is_well(f"{url}/health?bundles=true"))


@contextmanager
def of_files(folder: Path, policies: Path = POLICIES) -> Iterator[str]:
    """Start OPA on the files themselves, as nobody should: without their revision."""
    port = free_port()
    argv = [*_argv(port), "--set=decision_logs.console=true", str(policies)]
    with started(argv, f"http://127.0.0.1:{port}", folder / "opa.log") as url:
        yield url


CONFIG = """\
services:
  house:
    url: {url}/v1/policy
    response_header_timeout_seconds: 40
    credentials: {{bearer: {{token_path: {token}}}}}
bundles:
  house:
    service: house
    resource: bundle
    persist: true
    signing: {{keyid: house}}
    polling: {{long_polling_timeout_seconds: 30, min_delay_seconds: 1, max_delay_seconds: 2}}
persistence_directory: {kept}
decision_logs: {{console: true}}
"""


@contextmanager
def bundled(folder: Path, url: str, *, token: str, key: str) -> Iterator[str]:
    """Start OPA that gets its rules from the API at `url` and verifies them by `key` (PEM); yield its URL, end it."""
    (folder / "token").write_text(token)
    (folder / "opa.yaml").write_text(
        CONFIG.format(url=url, token=folder / "token", kept=folder / "kept")
    )
    with _following(folder, key, POLICIES / "system") as address:
        yield address


def kept(folder: Path) -> Path:
    """Where OPA keeps the bundle it follows; it judges by one for a moment before it's written there."""
    return folder / "kept/bundles/house/bundle.tar.gz"


@contextmanager
def _following(folder: Path, key: str, doors: Path, ready: str = "") -> Iterator[str]:
    """OPA by the configuration in `folder`, which verifies by `key`."""
    port = free_port()
    (folder / "key.pem").write_text(key)
    argv = _verifying(folder, port, doors)
    with started(argv, f"http://127.0.0.1:{port}", folder / "opa.log", ready) as address:
        yield address


def _verifying(folder: Path, port: int, doors: Path) -> list[str]:
    return [
        *_argv(port),
        f"--config-file={folder / 'opa.yaml'}",
        "--set=keys.house.algorithm=RS256",
        f"--set-file=keys.house.key={folder / 'key.pem'}",
        str(doors),
    ]


def _argv(port: int) -> list[str]:
    return [
        *("opa", "run", "--server", f"--addr=127.0.0.1:{port}", "--authorization=basic"),
        *("--skip-version-check", "--log-level=error", "--ignore=*_test.rego"),
    ]


@contextmanager
def started(argv: Sequence[str], url: str, log_path: Path, ready: str = "") -> Iterator[str]:
    """Start OPA by these words, yield `url` once it is healthy there, end it; `ready` is the query of that question."""
    with log_path.open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(f"{url}/health{ready}", process, log_path)
            yield url
        finally:
            process.kill()
            process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if is_well(url):
            return
        time.sleep(0.05)
    raise AssertionError(f"OPA did not become healthy:\n{log.read_text()[-2000:]}")


def missing() -> bool:
    """Whether there is no OPA on PATH."""
    return shutil.which("opa") is None


class StandIn:
    """An HTTP server in OPA's place that says what a test tells it to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        """Request lines, in order."""
        self.answer: Callable[[asyncio.StreamWriter], Awaitable[None]] = says(200, b"{}")
        self._answering: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        task = asyncio.current_task()
        assert task
        self._answering.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head.split(b"\r\n", 1)[0].decode())
            await self.answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # who asked has gone, or the test has ended
        finally:
            writer.close()
            self._answering.discard(task)

    async def end(self) -> None:
        """Give up every answer that is not out yet."""
        for task in set(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)


def says(
    status: int, body: bytes, *, content_type: str = "application/json", length: int | None = None
) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """An answer; with `length` other than the body's, one that breaks off."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nConnection: close\r\n"
            f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()

    return answer


async def hangs(_writer: asyncio.StreamWriter) -> None:
    """No answer at all, for longer than anybody waits."""
    await asyncio.sleep(30)


@asynccontextmanager
async def standing_in() -> AsyncIterator[tuple[str, StandIn]]:
    """A stand-in and its URL."""
    stand_in = StandIn()
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}", stand_in
        await stand_in.end()
