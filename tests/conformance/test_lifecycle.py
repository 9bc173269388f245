"""How a runtime begins and ends."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from .conftest import Running, Start


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("absent", "no_such_module"),
        ("misspelt", "SyntaxError"),
        ("leaves", "SystemExit"),
        ("not_there", "there is no module 'not_there'"),
    ],
)
def test_a_function_that_cannot_be_loaded_ends_the_process(
    start: Start, function: str, reason: str
) -> None:
    process = start(function, ready=False)
    assert process.process.wait(20) == 65
    line = process.line("function_unloadable")
    assert reason in line["reason"] + (line["traceback"] or "")
    assert reason in process.termination.read_text()
    assert len(process.termination.read_bytes()) <= 4096


def test_a_handler_that_is_not_there_ends_the_process(start: Start) -> None:
    process = start("echo", ready=False, FUNC_HANDLER="hanlder")
    assert process.process.wait(20) == 65
    assert "no 'hanlder'" in process.termination.read_text()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FUNC_TIMEOUT", "soon", "'soon' is not a number"),
        ("FUNC_TIMEOUT", "-1", "0.1 to 86400 would pass"),
        ("FUNC_TIMEOUT", "nan", "would pass"),
        ("FUNC_PORT", "80000", "1 to 65535 would pass"),
        ("FUNKHAUS_CONCURRENCY", "2.5", "not a whole number"),
        ("MOD_NAME", "", "MOD_NAME is not set"),
        ("FUNC_HANDLER", "a.b", "has a dot"),
        ("MOD_NAME", "../etc/passwd", "is not"),
    ],
)
def test_a_bad_setting_ends_the_process_in_one_sentence(
    start: Start, variable: str, value: str, words: str
) -> None:
    process = start("echo", ready=False, **{variable: value})
    assert process.process.wait(20) == 78
    reason = process.line("settings_invalid")["reason"]
    assert variable in reason
    assert words in reason


def test_health_and_metrics_have_their_own_port(running: Running) -> None:
    process = running("echo")
    assert process.ops.get("/healthz").text == "OK"
    assert process.ops.get("/readyz").status_code == 200
    assert process.ops.get("/livez").status_code == 200
    assert process.ops.get("/").status_code == 404
    assert process.calls.post("/healthz", content="mine").text == "mine"


def test_metrics_have_kubeless_names_and_few_labels(start: Start) -> None:
    process = start("echo")
    for number in range(5):
        process.calls.get(f"/{number}")
    process.calls.request("BREW", "/")
    process.calls.post("/", content=b"x")
    assert process.metric("function_calls_total", method="GET") == 5
    assert process.metric("function_duration_seconds_count", method="GET") == 5
    assert process.metric("function_duration_seconds_bucket", method="POST", le="+Inf") == 1
    assert process.metric("function_failures_total", method="GET") == 0
    text = process.ops.get("/metrics").text
    assert "BREW" not in text
    assert "# TYPE function_duration_seconds histogram" in text


def test_sigterm_finishes_what_runs_and_takes_calls_for_a_while(start: Start) -> None:
    process = start("sleeps", FUNKHAUS_DRAIN_SECONDS="1")
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(process.calls.post, "/", content="2.5")
        time.sleep(0.3)
        ended = threads.submit(process.terminate)
        time.sleep(0.3)
        assert process.ops.get("/healthz").status_code == 503
        assert process.ops.get("/livez").status_code == 200
        late = httpx.post(f"http://127.0.0.1:{process.port}/", content="0")
        assert late.text == "slept"
        assert late.headers["connection"] == "close"
        time.sleep(1)
        with pytest.raises(httpx.ConnectError):
            httpx.post(f"http://127.0.0.1:{process.port}/", content="0")
        assert running.result().text == "slept"
        assert ended.result() == 0
    assert process.lines("stopped")


def test_sigterm_does_not_wait_for_an_overrun(start: Start) -> None:
    process = start("sleeps", FUNC_TIMEOUT="1")
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(process.calls.post, "/", content="60")
        time.sleep(0.5)
        began = time.monotonic()
        assert process.terminate() == 0
        assert time.monotonic() - began < 100
        assert late.result().status_code == 408


def test_an_idle_runtime_ends_at_once(start: Start) -> None:
    process = start("echo")
    process.calls.get("/")  # and keeps its connection
    began = time.monotonic()
    assert process.terminate() == 0
    assert time.monotonic() - began < 10
