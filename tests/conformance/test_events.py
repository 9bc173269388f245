"""What a function is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Running, Start


def test_the_callers_event_headers_are_handed_on(running: Running) -> None:
    headers = {
        "event-id": "order-17",
        "event-type": "order.paid",
        "event-time": "2024-02-29T12:00:00Z",
        "event-namespace": "kafka.triggers.example",
    }
    answer = running("inspects").calls.get("/", headers=headers)
    assert answer.json()["event"] == headers
    assert answer.headers["x-funkhaus-call-id"] == "order-17"


def test_missing_event_headers_are_filled_in(running: Running) -> None:
    answer = running("inspects").calls.post(
        "/", content="x", headers={"content-type": "text/plain; charset=utf-8"}
    )
    event: dict[str, Any] = answer.json()["event"]
    assert event["event-id"] == answer.headers["x-funkhaus-call-id"]
    assert event["event-type"] == "text/plain"
    assert event["event-namespace"] == "http.funkhaus.dev"
    age = datetime.now(UTC) - datetime.fromisoformat(event["event-time"])
    assert timedelta(seconds=-1) < age < timedelta(seconds=30)


def test_no_two_calls_have_the_same_id(running: Running) -> None:
    calls = running("echo").calls
    ids = {calls.get("/").headers["x-funkhaus-call-id"] for _ in range(50)}
    assert len(ids) == 50


@pytest.mark.parametrize("bad", ["x" * 129, "a b", "späti"])
def test_an_id_unfit_for_the_log_is_replaced_there_only(running: Running, bad: str) -> None:
    answer = running("inspects").calls.get("/", headers={b"event-id": bad.encode()})
    assert answer.headers["x-funkhaus-call-id"] != bad
    assert answer.json()["event"]["event-id"]


def test_the_request_is_there_to_be_read(running: Running) -> None:
    answer = running("inspects").calls.post(
        "/some/path?a=1&b=two", content="body", headers={"X-Greeting": "moin"}
    )
    told = answer.json()
    assert (told["path"], told["query"]) == ("/some/path", {"a": "1", "b": "two"})
    assert (told["greeting"], told["body"], told["data"]) == ("moin", "body", "body")


def test_the_context(running: Running, runtime: Any) -> None:
    context = running("inspects").calls.get("/").json()["context"]
    assert context == {
        "function-name": "handler",
        "timeout": 20,
        "runtime": runtime.name,
        "memory-limit": "128Mi",
    }


def test_the_platforms_environment_is_out_of_sight(running: Running) -> None:
    environment = running("environment").calls.get("/").json()
    assert not [name for name in environment if name.startswith("KUBERNETES_")]
    assert [name for name in environment if name.startswith("FUNKHAUS_")] == [
        "FUNKHAUS_FUNCTION_NAME"
    ]
    assert environment["MOD_NAME"] == "environment"


def test_the_users_own_environment_is_there(start: Start) -> None:
    assert start("environment", GREETING="moin").calls.get("/").json()["GREETING"] == "moin"


def test_output_passes_through_and_each_call_is_one_line(start: Start) -> None:
    process = start("prints")
    process.calls.get("/a?token=hush", headers={"event-id": "print-1"})
    line = process.line("call", call_id="print-1")
    assert {
        "method": "GET",
        "path": "/a",
        "status": 200,
        "function": "fn-prints",
    }.items() <= line.items()
    assert line["ms"] > 0
    assert "printed by the function print-1\n" in process.log()
    assert "and without an end\n" in process.log()
    assert "to stderr" in process.log()
    assert "hush" not in process.log()
