"""`function call` and `function logs`: the function's own words, and whose fault a refusal is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from .conftest import answers
from .fake_answers import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Terminal
    from .fake_api import FakeApi

CALL = "/v1/tenants/demo/namespaces/default/functions/hello/call"
OWN = {"Funkhaus-Answered-By": "function", "Content-Type": "text/plain"}


def function_answers(
    api: FakeApi, status: int = 200, content: bytes = b"moin", **headers: str
) -> None:
    answer = answers(status, content=content, headers=OWN | headers)
    for operation in ("", "Get", "Put", "Patch", "Delete"):
        api.scripts[f"callFunction{operation}"] = answer


def asked(api: FakeApi) -> httpx.Request:
    return api.requests[-1]


def test_without_data_it_gets(funkhaus: Terminal, api: FakeApi) -> None:
    function_answers(api)
    ran = funkhaus("function", "call", "hello")
    assert (ran.code, ran.out, ran.err) == (0, "moin", "")
    assert asked(api).method == "GET"
    assert asked(api).url.path == CALL
    assert dict(asked(api).url.params) == {"path": "/"}
    assert asked(api).content == b""


@pytest.mark.parametrize(
    ("data", "media"),
    [
        ('{"name": "Ada"}', "application/json"),
        ("hello", "text/plain; charset=utf-8"),
        ("3", "application/json"),
        ("", "text/plain; charset=utf-8"),
    ],
)
def test_data_is_posted_as_what_it_is(
    funkhaus: Terminal, api: FakeApi, data: str, media: str
) -> None:
    function_answers(api)
    funkhaus("function", "call", "hello", "--data", data)
    assert asked(api).method == "POST"
    assert asked(api).content == data.encode()
    assert asked(api).headers["content-type"] == media


def test_data_comes_from_files_and_pipes_too(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path
) -> None:
    function_answers(api)
    (tmp_path / "blob").write_bytes(b"\xff\x00\xfe")
    funkhaus("function", "call", "hello", "-d", f"@{tmp_path / 'blob'}")
    assert asked(api).content == b"\xff\x00\xfe"
    assert asked(api).headers["content-type"] == "application/octet-stream"
    funkhaus("function", "call", "hello", "-d", "-", stdin=b"piped")
    assert asked(api).content == b"piped"
    assert funkhaus("function", "call", "hello", "-d", "@/no/such").code == 2


def test_method_headers_and_path_reach_the_function(funkhaus: Terminal, api: FakeApi) -> None:
    function_answers(api)
    ran = funkhaus(
        "function", "call", "hello", "-X", "put", "-H", "X-Greeting: moin: moin", "-H", "Content-Type: text/csv",
        "-d", "{}", "--path", "shop/7?a=1&b=%202",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert asked(api).method == "PUT"
    assert asked(api).headers["x-greeting"] == "moin: moin"
    assert asked(api).headers["content-type"] == "text/csv"
    assert dict(asked(api).url.params) == {"path": "/shop/7", "query": "a=1&b=%202"}


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Bearer x",
        "cookie: a",
        "Event-Id: 1",
        "Host: x",
        "nonsense",
        "X: a\r\nY: b",
        "Ü: x",
    ],
)
def test_headers_that_can_not_be_sent_are_refused_here(
    funkhaus: Terminal, api: FakeApi, header: str
) -> None:
    ran = funkhaus("function", "call", "hello", "-H", header)
    assert ran.code == 2
    assert "--header" in ran.err
    assert not api.requests


@pytest.mark.parametrize(
    ("status", "code"), [(200, 0), (302, 0), (404, 7), (499, 7), (500, 8), (503, 8)]
)
def test_the_exit_code_tells_how_the_function_answered(
    funkhaus: Terminal, api: FakeApi, status: int, code: int
) -> None:
    function_answers(api, status, b"its words")
    ran = funkhaus("function", "call", "hello")
    assert (ran.code, ran.out) == (code, "its words")
    assert (str(status) in ran.err) == bool(code)


def test_an_error_says_where_to_look(funkhaus: Terminal, api: FakeApi) -> None:
    function_answers(api, 500, b"Internal Server Error")
    ran = funkhaus("function", "call", "hello")
    assert ran.err == (
        "Error: function hello answered HTTP 500 Internal Server Error\n"
        "Hint: its log may say why: funkhaus function logs hello\n"
    )


def test_a_time_out_is_the_functions(funkhaus: Terminal, api: FakeApi) -> None:
    function_answers(api, 408, b"")
    ran = funkhaus("function", "call", "hello")
    assert ran.code == 7
    assert "took longer than its timeout: HTTP 408" in ran.err


def refuses(status: int, code: str, detail: str) -> Callable[[httpx.Request], httpx.Response]:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise Refusal(status, code, detail)

    return refuse


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [(404, "not-found", 3), (503, "unavailable", 5), (403, "forbidden", 4)],
)
def test_the_platforms_refusal_is_not_the_functions(
    funkhaus: Terminal, api: FakeApi, status: int, code: str, exit_code: int
) -> None:
    api.scripts["callFunctionGet"] = refuses(status, code, "said the platform")
    ran = funkhaus("function", "call", "hello")
    assert (ran.code, ran.out) == (exit_code, "")
    assert "said the platform" in ran.err


def test_headers_are_shown_when_asked_for(funkhaus: Terminal, api: FakeApi) -> None:
    function_answers(api, 201, b"made", **{"X-Mine": "1\x1b[31m"})
    out = funkhaus("function", "call", "hello", "-i").out
    assert out.startswith("HTTP 201 Created\n")
    assert "x-mine: 1 [31m\n" in out
    assert out.endswith("\n\nmade")


def test_an_answer_without_end_is_cut_off(funkhaus: Terminal, api: FakeApi) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 2**20

    api.scripts["callFunctionGet"] = lambda _: httpx.Response(200, content=endless(), headers=OWN)
    ran = funkhaus("function", "call", "hello")
    assert (ran.code, ran.out) == (1, "")
    assert "more than 32 MiB" in ran.err


def test_logs_as_they_come(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["functionLogs"] = lambda _: httpx.Response(
        200, content=iter([b"one\n", "zwölf\n".encode()]), headers={"Content-Type": "text/plain"}
    )
    ran = funkhaus("function", "logs", "hello", "--tail", "20", "--follow", "--previous")
    assert (ran.code, ran.out) == (0, "one\nzwölf\n")
    assert dict(asked(api).url.params) == {"tail": "20", "follow": "true", "previous": "true"}


def test_no_logs_is_said(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["functionLogs"] = answers(200, text="")
    ran = funkhaus("function", "logs", "hello")
    assert (ran.code, ran.out, ran.err) == (0, "", "Function hello has written nothing.\n")
    assert not dict(asked(api).url.params)


def test_logs_of_nothing(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["functionLogs"] = refuses(404, "not-found", "no such function")
    assert funkhaus("function", "logs", "hello").code == 3


def test_logs_of_a_build(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["buildLogs"] = answers(200, text="Successfully installed requests\n")
    ran = funkhaus("build", "logs", "hello")
    assert (ran.code, ran.out) == (0, "Successfully installed requests\n")
    assert not dict(asked(api).url.params)
    funkhaus("build", "logs", "hello", "--follow")
    assert dict(asked(api).url.params) == {"follow": "true"}
    api.scripts["buildLogs"] = answers(200, text="")
    assert funkhaus("build", "logs", "hello").err.endswith("has written nothing.\n")


def test_logs_that_break_off(funkhaus: Terminal, api: FakeApi) -> None:
    def broken() -> Iterator[bytes]:
        yield b"one\n"
        raise httpx.ReadError("connection reset")

    api.scripts["functionLogs"] = lambda _: httpx.Response(200, content=broken())
    ran = funkhaus("function", "logs", "hello", "-f")
    assert ran.code == 5
    assert ran.out == "one\n"
    assert "connection reset" in ran.err
