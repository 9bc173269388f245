"""What a cron trigger's pod runs: one call, and an end that says how it ended. Against real sockets."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus_runtime import caller

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNTIME = Path(__file__).resolve().parents[2] / "runtimes" / "python"


class Function(http.server.BaseHTTPRequestHandler):
    """Answers as the path's first part says, and remembers what came."""

    came: list[dict[str, Any]]

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        seen = {
            "method": self.command,
            "headers": dict(self.headers),
            "body": self.rfile.read(length),
        }
        self.came.append(seen)
        status = int(self.path.strip("/") or 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.end_headers()
        self.wfile.write(f"answer {status}\n".encode())

    do_GET = do_POST = _answer  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def function() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    came: list[dict[str, Any]] = []
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), type("F", (Function,), {"came": came})
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", came
    server.shutdown()
    thread.join()
    server.server_close()


def environ(url: str, **more: str) -> dict[str, str]:
    told = {"URL": url, "PAYLOAD": "", "SECONDS": "5", "ID": "uid-1", "TRIGGER": "nightly", **more}
    return {f"FUNKHAUS_CALL_{name}": value for name, value in told.items()}


def test_without_a_payload_it_is_a_get(function: tuple[str, list[dict[str, Any]]]) -> None:
    url, came = function
    assert caller.call(environ(url + "/")) == (0, "200: answer 200")
    (seen,) = came
    assert (seen["method"], seen["body"]) == ("GET", b"")
    assert seen["headers"]["event-id"] == "uid-1"
    assert seen["headers"]["event-namespace"] == "cronjobtrigger.funkhaus.dev"
    assert seen["headers"]["event-type"] == "application/x-www-form-urlencoded"
    assert seen["headers"]["event-time"].endswith("Z")


def test_with_one_it_is_a_post_of_json(function: tuple[str, list[dict[str, Any]]]) -> None:
    url, came = function
    hostile = json.dumps({"a": "'; exit 0 #ü"}, ensure_ascii=False)
    assert caller.call(environ(url + "/", PAYLOAD=hostile))[0] == 0
    (seen,) = came
    assert seen["method"] == "POST"
    assert json.loads(seen["body"]) == {"a": "'; exit 0 #ü"}
    assert seen["headers"]["content-type"] == seen["headers"]["event-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "code"), [(201, 0), (302, 2), (404, 104), (408, 108), (500, 200), (503, 203)]
)
def test_it_ends_as_the_function_did(
    function: tuple[str, list[dict[str, Any]]], status: int, code: int
) -> None:
    url, came = function
    ended, said = caller.call(environ(f"{url}/{status}"))
    assert ended == code
    assert said.startswith(f"{status}: ")
    assert len(came) == 1, "no redirect is followed, nothing is tried twice"


def test_nobody_there() -> None:
    code, said = caller.call(environ("http://127.0.0.1:9/"))
    assert code == 1
    assert "did not answer" in said


@pytest.mark.parametrize(
    "change", [{"URL": ""}, {"URL": "ftp://x/"}, {"URL": "http://x:port/"}, {"SECONDS": "soon"}]
)
def test_a_setting_that_cannot_be_right(change: dict[str, str]) -> None:
    assert caller.call(environ("http://127.0.0.1:9/") | environ("http://x/", **change))[0] == 2


def test_as_a_process(function: tuple[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    url, _ = function
    last = tmp_path / "last"
    done = subprocess.run(
        [sys.executable, "-m", "funkhaus_runtime.caller"],
        env=environ(f"{url}/500") | {"PYTHONPATH": str(RUNTIME), "FUNKHAUS_TERMINATION_LOG": str(last)},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 200, done.stderr
    said = json.loads(done.stdout)
    assert (said["event"], said["trigger"], said["exit"]) == ("cron_call", "nightly", 200)
    assert last.read_text() == "500: answer 500"
