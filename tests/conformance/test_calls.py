"""Requests in, answers out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Running, Start

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def test_text_goes_in_and_out(running: Running) -> None:
    answer = running("echo").calls.post(
        "/", content="grüße".encode(), headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 200
    assert answer.content == "grüße".encode()


def test_bytes_are_not_touched(running: Running) -> None:
    every = bytes(range(256)) * 40
    answer = running("echo").calls.post("/", content=every)
    assert answer.content == every


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_json_goes_in_and_out(running: Running, media_type: str) -> None:
    sent = '{"name": "Åsa", "n": [1, 2.5, null, true]}'
    answer = running("echo").calls.post(
        "/", content=sent.encode(), headers={"content-type": media_type}
    )
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {"name": "Åsa", "n": [1, 2.5, None, True]}


def test_json_without_a_body_is_nothing(running: Running) -> None:
    answer = running("echo").calls.get("/", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "body", [b"{", b"{'a': 1}", b"\xff\xfe\xfa", b"[" * 200_000, b'{"a": 1} x']
)
def test_json_that_is_not_is_the_callers_fault(running: Running, body: bytes) -> None:
    answer = running("echo").calls.post(
        "/", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "is not JSON" in answer.json()["detail"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/", "/healthz", "/a/b%20c/../d", "/metrics?x=1"])
def test_every_method_and_path_is_the_functions(running: Running, method: str, path: str) -> None:
    answer = running("inspects").calls.request(method, path)
    assert answer.status_code == 200
    assert answer.json()["method"] == method


def test_head_is_answered_without_a_body(running: Running) -> None:
    answer = running("inspects").calls.head("/")
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["content-length"]) > 0


def test_an_unknown_method_is_refused(running: Running) -> None:
    answer = running("inspects").calls.request("TRACE", "/")
    assert answer.status_code == 405
    assert "OPTIONS" in answer.headers["allow"]


def test_a_large_answer_arrives_whole(running: Running) -> None:
    answer = running("large").calls.post("/", content=b"5000000")
    assert len(answer.content) == 5_000_000


def test_a_large_body_arrives_whole(running: Running) -> None:
    answer = running("echo").calls.post("/", content=b"y" * 5_000_000)
    assert answer.content == b"y" * 5_000_000


def test_a_body_of_unknown_length_arrives_whole(running: Running) -> None:
    answer = running("echo").calls.post("/", content=iter([b"a" * 1000] * 100))
    assert answer.content == b"a" * 100_000


def test_the_function_sets_status_headers_and_cookies(running: Running) -> None:
    answer = running("controls").calls.get("/?way=response")
    assert (answer.status_code, answer.json()) == (201, {"made": True})
    assert answer.headers["x-made"] == "yes"
    assert answer.cookies["seen"] == "1"
    answer.close()


def test_no_content_has_none(running: Running) -> None:
    answer = running("controls").calls.get("/?way=empty")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers


def test_nothing_is_an_empty_answer(running: Running) -> None:
    answer = running("controls").calls.get("/?way=nothing")
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_function_cannot_break_the_connection(running: Running) -> None:
    calls = running("controls").calls
    answer = calls.get("/?way=framing")
    assert (answer.status_code, answer.text) == (200, "abc")
    assert answer.headers["content-length"] == "3"
    assert calls.get("/?way=nothing").status_code == 200


def test_the_function_cannot_smuggle_a_header(running: Running) -> None:
    answer = running("controls").calls.get("/?way=split")
    assert answer.status_code == 500
    assert "x-evil" not in answer.headers


def test_global_state_stays_warm(start: Start) -> None:
    process = start("counts")
    assert [process.calls.get("/").json()["calls"] for _ in range(3)] == [1, 2, 3]


@pytest.mark.only("python-def", "python-async")
def test_bottles_ways_to_answer(running: Running) -> None:
    calls = running("controls").calls
    raised = calls.get("/?way=raised")
    assert (raised.status_code, raised.text) == (410, "gone")
    given = calls.get("/")
    assert (given.status_code, given.text, given.headers["x-kind"]) == (418, "teapot", "tuple")
    assert given.headers["content-type"] == "text/plain"


@pytest.mark.only("python-def", "python-async")
def test_a_handler_need_not_look_like_what_it_is(start: Start) -> None:
    assert start("disguised").calls.get("/").text.endswith("after all")
