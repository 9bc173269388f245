"""A call that takes too long is ended, and nobody else notices."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from .process import eventually
from .test_failures import assert_problem

if TYPE_CHECKING:
    from .conftest import Start


def test_an_overrun_is_408_and_says_where_it_was(start: Start) -> None:
    process = start("sleeps", FUNC_TIMEOUT="1")
    began = time.monotonic()
    answer = process.calls.post("/", content="30", headers={"event-id": "late-1"})
    assert_problem(answer, 408, "function_timeout")
    assert 0.9 < time.monotonic() - began < 10
    line = process.line("function_timeout", call_id="late-1")
    assert line["timeout"] == 1
    assert any("sleeps.py" in frame for frame in line["stack"])
    assert process.metric("function_timeouts_total") == 1
    assert process.metric("function_failures_total", method="POST") == 1


def test_an_overrun_leaves_neighbours_alone(start: Start) -> None:
    process = start("sleeps", FUNC_TIMEOUT="2", FUNKHAUS_CONCURRENCY="4")
    with ThreadPoolExecutor(4) as threads:
        late = threads.submit(process.calls.post, "/", content="30")
        time.sleep(0.8)
        neighbours = [threads.submit(process.calls.post, "/", content="1.6") for _ in range(3)]
        assert late.result().status_code == 408
        assert [call.result().text for call in neighbours] == ["slept"] * 3


def test_after_many_overruns_all_places_are_free(start: Start) -> None:
    process = start("sleeps", FUNC_TIMEOUT="0.5", FUNKHAUS_CONCURRENCY="2")
    with ThreadPoolExecutor(6) as threads:
        late = list(threads.map(lambda _: process.calls.post("/", content="30"), range(6)))
    assert {answer.status_code for answer in late} == {408}
    assert process.metric("function_calls_in_flight") == 0
    with ThreadPoolExecutor(2) as threads:
        fine = list(threads.map(lambda _: process.calls.post("/", content="0.1"), range(8)))
    assert {answer.text for answer in fine} == {"slept"}


def test_several_calls_run_at_once(start: Start) -> None:
    process = start("sleeps", FUNKHAUS_CONCURRENCY="5")
    began = time.monotonic()
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: process.calls.post("/", content="1"), range(5)))
    assert {answer.text for answer in answers} == {"slept"}
    assert time.monotonic() - began < 4.9  # one after the other they take 5


@pytest.mark.isolating
def test_a_busy_loop_is_ended_too(start: Start) -> None:
    process = start("spins", FUNC_TIMEOUT="1", FUNKHAUS_CONCURRENCY="1")
    assert_problem(process.calls.post("/", content="spin"), 408, "function_timeout")
    assert any("spins.py" in frame for frame in process.line("function_timeout")["stack"])
    assert process.calls.post("/", content="go").text == "done"


@pytest.mark.isolating
def test_what_an_overrun_call_started_ends_with_it(start: Start) -> None:
    process = start("spawns", FUNC_TIMEOUT="1")
    assert process.calls.get("/").status_code == 408
    found = re.search(r"child (\d+)", process.log())
    assert found is not None

    def gone() -> bool | None:
        try:
            os.kill(int(found[1]), 0)
        except ProcessLookupError:
            return True
        return None

    assert eventually(gone, lambda: "the child still runs, or nobody buried it")


@pytest.mark.only("python-async")
def test_a_handler_that_ignores_its_end_does_not_keep_the_caller(start: Start) -> None:
    process = start("stubborn", FUNC_TIMEOUT="0.5")
    began = time.monotonic()
    answer = process.calls.get("/", headers={"event-id": "stubborn-1"})
    assert_problem(answer, 408, "function_timeout")
    assert time.monotonic() - began < 10
    assert process.metric("function_calls_in_flight") == 1
    process.line("call", call_id="stubborn-1", status=408)
    assert process.metric("function_calls_in_flight") == 0


@pytest.mark.only("python-async")
def test_a_handler_that_blocks_the_loop_is_told_of(start: Start) -> None:
    process = start("blocks")
    assert process.calls.post("/", content="0.1").text == "done"
    assert process.calls.post("/", content="2.5").text == "done"
    line = process.line("loop_blocked")
    assert any("blocks.py" in frame for frame in line["stack"])
    assert len(process.lines("loop_blocked")) == 1
