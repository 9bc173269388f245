"""What goes wrong in a function, for its caller, its log and its neighbours."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from .process import eventually

if TYPE_CHECKING:
    import httpx

    from .conftest import Start
    from .process import RuntimeProcess


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["title"]
    assert problem["type"].endswith(code)
    assert problem["call_id"] == answer.headers["x-funkhaus-call-id"]
    assert "Traceback" not in answer.text


def test_an_exception_is_500_with_its_trace_in_the_log_alone(start: Start) -> None:
    process = start("raises")
    answer = process.calls.get("/", headers={"event-id": "raise-1"})
    assert_problem(answer, 500, "function_raised")
    assert "secret" not in answer.text
    line = process.line("function_raised", call_id="raise-1")
    assert (line["level"], line["exception"]) == ("error", "LookupError")
    assert "the secret ingredient is missing" in line["traceback"]
    assert "funkhaus_runtime" not in line["traceback"]
    assert process.metric("function_failures_total", method="GET") == 1


def test_what_cannot_be_sent_is_500(start: Start) -> None:
    process = start("unanswerable")
    assert_problem(
        process.calls.get("/", headers={"event-id": "u-1"}), 500, "function_answer_invalid"
    )
    assert "object" in process.line("function_answer_invalid", call_id="u-1")["reason"]


def test_too_long_an_answer_is_500(start: Start) -> None:
    process = start("large", FUNKHAUS_ANSWER_LIMIT="1000")
    assert process.calls.post("/", content=b"1000").status_code == 200
    assert_problem(process.calls.post("/", content=b"1001"), 500, "function_answer_invalid")
    assert "1000 would pass" in process.line("function_answer_invalid")["reason"]


def test_ending_the_program_ends_the_call_alone(start: Start) -> None:
    process = start("exits")
    for _ in range(3):
        assert_problem(process.calls.get("/"), 500, "function_raised")
    assert process.line("function_raised")["exception"] == "SystemExit"
    assert process.process.poll() is None


def alive(process: RuntimeProcess) -> bool:
    return process.calls.post("/", content="live").text == "alive"


@pytest.mark.isolating
@pytest.mark.parametrize(
    ("way", "how"),
    [("exit", "exit code 3"), ("kill", "SIGKILL"), ("crash", "SIGSEGV"), ("close", "exit code")],
)
def test_death_is_told_at_once_and_mended(start: Start, way: str, how: str) -> None:
    process = start("dies")
    began = time.monotonic()
    answer = process.calls.post("/", content=way, headers={"event-id": f"die-{way}"})
    assert_problem(answer, 500, "function_died")
    assert time.monotonic() - began < 10
    line = process.line("worker_died", call_id=f"die-{way}")
    assert how in line["reason"]
    assert line["memory_limit"] == "128Mi"
    assert alive(process)
    assert process.metric("function_worker_replacements_total", reason="died") == 1


@pytest.mark.isolating
def test_a_crash_leaves_its_stack_in_the_log(start: Start) -> None:
    process = start("dies")
    process.calls.post("/", content="crash", headers={"event-id": "die-stack"})
    stack = process.line("worker_died", call_id="die-stack")["stack"]
    assert any("dies.py" in frame and frame.endswith("in handler") for frame in stack)


@pytest.mark.isolating
def test_death_leaves_neighbours_alone(start: Start) -> None:
    process = start("dies", FUNKHAUS_CONCURRENCY="4")
    with ThreadPoolExecutor(4) as threads:
        neighbours = [threads.submit(process.calls.post, "/", content="sleep") for _ in range(3)]
        time.sleep(0.5)
        died = [
            process.calls.post("/", content=way).status_code for way in ("kill", "exit", "crash")
        ]
        assert died == [500, 500, 500]
        assert [call.result().text for call in neighbours] == ["alive"] * 3


@pytest.mark.isolating
def test_a_forked_child_cannot_answer_for_its_parent(start: Start) -> None:
    process = start("dies")
    for _ in range(5):
        assert process.calls.post("/", content="fork").text == "alive"
    assert alive(process)


@pytest.mark.isolating
def test_connections_opened_at_import_are_not_shared(start: Start) -> None:
    process = start("connects", FUNKHAUS_CONCURRENCY="4")
    with ThreadPoolExecutor(8) as threads:
        answers = [call.json() for call in threads.map(lambda _: process.calls.get("/"), range(60))]
    assert all(answer["heard"] == f"{answer['pid']};" for answer in answers)
    assert "socket" in process.line("cold_workers")["reason"]


@pytest.mark.isolating
def test_workers_grow_with_need_only(start: Start) -> None:
    process = start("dies", FUNKHAUS_CONCURRENCY="6")
    assert [alive(process) for _ in range(5)] == [True] * 5
    assert process.metric("function_workers") == 1
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: process.calls.post("/", content="sleep"), range(6)))
    assert process.metric("function_workers") == 6


@pytest.mark.isolating
def test_the_end_of_the_server_is_the_end_of_all(start: Start) -> None:
    process = start("dies", FUNKHAUS_CONCURRENCY="3")
    assert alive(process)
    process.process.kill()
    process.process.wait()

    def gone() -> bool | None:
        try:
            alive(process)
        except Exception:  # noqa: BLE001 - refused, or reset
            return True
        return None

    assert eventually(gone, lambda: "somebody still answers")
