"""The program that fetches sources, as it runs in a build pod: from servers on loopback, taken as the controller does."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus_controller.collecting import PodResults
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST, SECRET = "127.0.0.1", "5ec2e7"
SOURCES = Path(__file__).resolve().parents[2] / "runtimes" / "python"
CONTENT = b"PK" + bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Files(http.server.BaseHTTPRequestHandler):
    """Answers by path: a file, or a way it can go wrong."""

    elsewhere = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/a.zip":
            self.give(200, CONTENT)
        elif path == "/there":
            self.give(302, Location="/a.zip")
        elif path == "/round":
            self.give(302, Location="/round")
        elif path == "/elsewhere":
            self.give(302, Location=f"{self.elsewhere}/a.zip")
        elif path == "/file":
            self.give(302, Location="file:///etc/passwd")
        elif path == "/metadata":
            self.give(307, Location="http://169.254.169.254/latest/meta-data/")
        elif path == "/short":
            self.give(200, CONTENT[:-1], length=len(CONTENT))
        elif path.startswith("/status/"):
            self.give(int(path.rpartition("/")[2]))
        else:
            self.give(404)

    def give(
        self, status: int, body: bytes = b"", length: int | None = None, **headers: str
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving(handler: type[Files]) -> Iterator[str]:
    with http.server.ThreadingHTTPServer((HOST, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with serving(Files) as other, serving(type("Leading", (Files,), {"elsewhere": other})) as url:
        yield url


@contextmanager
def fetch(folder: Path, url: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The program at work; it and the port it will serve on."""
    port = free_port()
    (folder / "work").mkdir()
    told = {
        "SOURCE_URL": url, "SOURCE_SHA256": SHA256, "SOURCE_NETWORKS": "127.0.0.0/8",
        "SOURCE_PORTS": url.rpartition(":")[2].partition("/")[0], "SECRET": SECRET, "PORT": str(port), "HOST": HOST,
        "WORK": str(folder / "work"), "TERMINATION_LOG": str(folder / "last"), "PATIENCE": "60",
    } | more  # fmt: skip
    environ = {f"FUNKHAUS_BUILD_{name}": value for name, value in told.items()}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "funkhaus_build.source"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SOURCES),
            "http_proxy": "http://127.0.0.1:9",
            **environ,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process, port
    finally:
        process.kill()
        process.communicate(timeout=20)


async def fetched(process: subprocess.Popen[str], results: PodResults, into: Path) -> None:
    """The result, once it is there."""
    while process.poll() is None:
        try:
            return await results.fetch(HOST, SECRET, into)
        except UnavailableError:
            await asyncio.sleep(0.1)
    raise AssertionError(process.communicate()[0])


@pytest.mark.parametrize("path", ["/a.zip?token=5ec2e7", "/there"])
async def test_what_is_named_is_fetched_and_taken(origin: str, tmp_path: Path, path: str) -> None:
    with fetch(tmp_path, origin + path) as (process, port):
        results = PodResults.open(port)
        await fetched(process, results, tmp_path / "result")
        log = (await results.log(HOST, SECRET)).decode()
        await results.end(HOST, SECRET)
        assert await asyncio.to_thread(process.wait, 20) == 0
        await results.close()
    assert (tmp_path / "result").read_bytes() == CONTENT
    assert log == f"Fetched {origin}/a.zip: {len(CONTENT)} bytes.\n", (
        "nothing behind the question mark"
    )


@pytest.mark.parametrize(
    ("path", "more", "words"),
    [
        ("/none", {}, "/none answers 404; it has to be there, and readable without a credential"),
        ("/status/403", {}, "/status/403 answers 403; it has to be there"),
        ("/a.zip", {"SOURCE_SHA256": "0" * 64}, f"has the SHA-256 {SHA256}, the source names {'0' * 64}"),
        ("/a.zip", {"BYTES_LIMIT": "1000"}, "has more than 1000 bytes"),
        ("/elsewhere", {}, "/a.zip, of another origin: name that address"),
        ("/metadata", {}, "leads on to http://169.254.169.254/latest/meta-data/, of another origin"),
        ("/file", {}, "'file:///etc/passwd' is no address that is fetched from"),
        ("/round", {}, "leads on more than 5 times"),
        ("/a.zip", {"SOURCE_PORTS": "443"}, "which is not open here: 443 pass"),
        ("/a.zip", {"SOURCE_NETWORKS": "0.0.0.0/0!127.0.0.0/8"}, "127.0.0.1 is at 127.0.0.1, where nothing is fetched"),
        ("/a.zip", {"SOURCE_NETWORKS": ""}, "where nothing is fetched from here"),
        ("", {"SOURCE_URL": "http://no-such-host.invalid/a", "SOURCE_PORTS": "80"}, "no host no-such-host.invalid"),
        ("", {"SOURCE_URL": "file:///etc/passwd"}, "is no address that is fetched from"),
    ],
)  # fmt: skip
def test_what_the_user_can_mend_is_said(
    origin: str, tmp_path: Path, path: str, more: dict[str, str], words: str
) -> None:
    with fetch(tmp_path, origin + path, **more) as (process, _):
        output = process.communicate(timeout=120)[0]
    if "no-such-host" in words and process.returncode == 5:
        # A machine without any name server can't say that there is no such name.
        assert "can't be looked up" in (tmp_path / "last").read_text()
        return
    assert process.returncode == 3, output
    assert words in (tmp_path / "last").read_text()


@pytest.mark.parametrize("path", ["/status/500", "/status/503", "/status/429", "/short"])
def test_what_passes_is_tried_again(origin: str, tmp_path: Path, path: str) -> None:
    with fetch(tmp_path, origin + path) as (process, _):
        output = process.communicate(timeout=120)[0]
    assert process.returncode == 5, output


def test_a_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    with fetch(tmp_path, f"http://{HOST}:{free_port()}/a.zip") as (process, _):
        output = process.communicate(timeout=120)[0]
    assert process.returncode == 5, output
    assert "does not answer" in (tmp_path / "last").read_text()


def test_a_result_nobody_takes_ends(origin: str, tmp_path: Path) -> None:
    with fetch(tmp_path, f"{origin}/a.zip", PATIENCE="0.1") as (process, _):
        process.communicate(timeout=120)
    assert process.returncode == 4
