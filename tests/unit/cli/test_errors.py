"""Everything that can go wrong on the way ends in one block and a documented exit code."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from funkhaus_cli.failure import MEANINGS, Exit

from .conftest import answers
from .fake_answers import Refusal
from .fake_api import finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Terminal
    from .fake_api import FakeApi

LIST = ("function", "list", "-t", "demo")


def raises(
    kind: type[httpx.HTTPError], text: str = ""
) -> Callable[[httpx.Request], httpx.Response]:
    def fail(request: httpx.Request) -> httpx.Response:
        raise kind(text, request=request)  # type: ignore[call-arg]  # the kinds used here take it

    return fail


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, "malformed", 1), (401, "unauthenticated", 4), (403, "forbidden", 4), (403, "policy-denied", 1),
        (404, "not-found", 3), (409, "conflict", 1), (413, "too-large", 1), (422, "invalid", 1),
        (429, "too-many", 5), (500, "internal", 1), (503, "unavailable", 5), (504, "timed-out", 5),
    ],
)  # fmt: skip
def test_every_problem_has_its_exit_code(
    funkhaus: Terminal, api: FakeApi, status: int, code: str, exit_code: int
) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise Refusal(status, code, "a sentence", [finding(path="spec.x", message="is wrong")])

    api.scripts["listFunctions"] = refuse
    ran = funkhaus(*LIST)
    assert (ran.code, ran.out) == (exit_code, "")
    assert ran.err.startswith("Error: a sentence")
    assert "  spec.x: is wrong\n" in ran.err
    assert ("request r-1" in ran.err) == (status >= 500)


def test_a_refused_connection(funkhaus: Terminal) -> None:
    funkhaus.network = raises(httpx.ConnectError, "[Errno 111] Connection refused")
    ran = funkhaus(*LIST, "--api", "http://127.0.0.1:8780")
    assert ran.code == 5
    assert ran.err == (
        "Error: The API server at http://127.0.0.1:8780 does not answer: [Errno 111] Connection refused\n"
        "Hint: is it up? (make status) Another address: --api or FUNKHAUS_API\n"
    )


@pytest.mark.parametrize(
    "kind", [httpx.ConnectTimeout, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout]
)
def test_silence(funkhaus: Terminal, kind: type[httpx.HTTPError]) -> None:
    funkhaus.network = raises(kind)
    ran = funkhaus(*LIST)
    assert ran.code == 5
    assert "did not answer in time" in ran.err


def test_a_get_that_meets_a_broken_connection_is_sent_again(
    funkhaus: Terminal, api: FakeApi
) -> None:
    calls: list[str] = []

    def flaky(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        if len(calls) < 3:
            raise httpx.RemoteProtocolError("server disconnected", request=request)
        return api(request)

    funkhaus.network = flaky
    assert funkhaus(*LIST).code == 0
    assert calls == ["GET"] * 3


def test_a_change_is_never_sent_twice(funkhaus: Terminal) -> None:
    calls: list[str] = []

    def broken(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        raise httpx.RemoteProtocolError("server disconnected", request=request)

    funkhaus.network = broken
    for words in (
        ("function", "delete", "x", "--yes"),
        ("tenant", "create", "x"),
        ("autoscale", "create", "x", "--max", "2"),
    ):
        extra = () if words[0] == "tenant" else ("-t", "demo")
        assert funkhaus(*words, *extra).code == 5
    assert calls == ["DELETE", "POST", "PUT"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (answers(200, text="<html>welcome</html>"), "not JSON"),
        (answers(302, headers={"Location": "https://evil.example.com/"}), "HTTP 302"),
        (answers(502, text="Bad\n Gateway\x1b[2J"), "HTTP 502: Bad Gateway [2J"),
        (answers(500, json=["not", "a", "problem"]), "HTTP 500"),
        (answers(200, content=b"x" * (33 * 2**20)), "more than 32 MiB"),
    ],
)
def test_answers_that_are_none_of_ours(
    funkhaus: Terminal, answer: Callable[[httpx.Request], httpx.Response], words: str
) -> None:
    funkhaus.network = answer
    ran = funkhaus(*LIST)
    assert ran.code in {1, 5}
    assert words in ran.err
    assert ran.out == ""


def test_an_answer_of_another_shape_is_no_traceback(funkhaus: Terminal) -> None:
    funkhaus.network = answers(200, json={"surprise": True})
    ran = funkhaus(*LIST, env={"FUNKHAUS_DEBUG": ""})
    assert ran.code == 1
    assert ran.err.startswith("Error: a fault in this program: KeyError: 'items'")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "is not the address of an API server"),
        ("ftp://example.com", "is not the address"),
        ("https://", "is not the address"),
        ("https://[::1", "is not a URL"),
        ("https://user:secret@example.com", "only scheme, host, port and path"),
        ("https://example.com?x=1", "only scheme, host, port and path"),
        ("http://example.com", "would cross the network unprotected"),
    ],
)
def test_addresses(funkhaus: Terminal, api: FakeApi, url: str, words: str) -> None:
    ran = funkhaus(*LIST, "--api", url)
    assert ran.code == 2
    assert words in ran.err
    assert "--api" in ran.err
    assert not api.requests
    assert funkhaus(*LIST, env={"FUNKHAUS_API": url}).code == 2


@pytest.mark.parametrize(
    "url", ["http://localhost:1/", "http://127.1.2.3", "http://[::1]:8780", "https://x/base/"]
)
def test_addresses_that_pass(funkhaus: Terminal, api: FakeApi, url: str) -> None:
    funkhaus.network = answers(200, json={"items": [], "next": ""})
    assert funkhaus(*LIST, "--api", url).code == 0
    assert not api.requests


def test_plain_http_can_be_asked_for(funkhaus: Terminal) -> None:
    funkhaus.network = answers(200, json={"items": [], "next": ""})
    assert funkhaus(*LIST, "--api", "http://example.com", "--insecure-http").code == 0
    assert funkhaus("--insecure-http", *LIST, "--api", "http://example.com").code == 0


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\nb"])
def test_names_that_are_paths(funkhaus: Terminal, api: FakeApi, name: str) -> None:
    ran = funkhaus("function", "describe", name)
    assert ran.code == 2
    assert not api.requests


def test_names_are_one_segment_of_the_url(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("function", "describe", "a?b#c%2Fd")
    assert ran.code == 3
    path = api.requests[-1].url.raw_path.decode()
    assert path.endswith("/functions/a%3Fb%23c%252Fd/description")


def test_empty_flags_are_refused(funkhaus: Terminal, api: FakeApi) -> None:
    for flag in ("--tenant", "--namespace", "--api", "--token-file"):
        ran = funkhaus("function", "list", flag, "")
        assert ran.code == 2
        assert "is empty" in ran.err
    assert not api.requests


def test_interruption(funkhaus: Terminal) -> None:
    def interrupt(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    funkhaus.network = interrupt
    ran = funkhaus(*LIST)
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.strip() == "Interrupted."


def test_a_closed_pipe_is_no_complaint(tmp_path: Path) -> None:
    """A process of its own: it is the interpreter's way out that complains."""
    script = (
        "import sys\nfrom funkhaus_cli.__main__ import main\n"
        "sys.stdout.close()\nimport os\nreader, writer = os.pipe()\nos.close(reader)\n"
        "sys.stdout = os.fdopen(writer, 'w')\nmain(['completion', 'bash'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (141, "")


def test_the_exit_codes_are_listed_where_one_looks(funkhaus: Terminal) -> None:
    out = funkhaus("--help").out
    for code in MEANINGS:
        assert f"  {int(code)}  " in out
    assert [int(code) for code in MEANINGS] == list(range(9))
    assert int(Exit.INTERRUPTED) == 130


def test_words_of_kubeless_and_typos(funkhaus: Terminal) -> None:
    assert "funkhaus runtime list" in funkhaus("get-server-config").err
    assert "Kafka triggers are not there yet" in funkhaus("trigger", "kafka").err
    assert "Did you mean 'deploy'" in funkhaus("function", "deplyo").err
    assert funkhaus("function", "deplyo").code == 2
    assert "process lists" in funkhaus("function", "list", "--token", "x").err
