"""How a wait ends: ready, refused, failing for good, too late, or because the API server stayed away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from .fake_answers import Refusal
from .fake_api import condition, function, serving

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import FakeApi

ADMITTED = condition("Admitted", "True", "Admitted")
BUILT = condition("Built", "True", "Pushed")


@pytest.fixture
def status(api: FakeApi) -> dict[str, Any]:
    api.functions["hello"] = function(status={"conditions": []})
    held: dict[str, Any] = api.functions["hello"]["status"]
    return held


def test_what_is_ready_is_ready_at_once(funkhaus: Terminal, api: FakeApi) -> None:
    api.functions["hello"] = function()
    ran = funkhaus("function", "wait", "hello")
    assert ran.code == 0
    assert funkhaus.seconds == 0
    assert ran.out.startswith("Ready after 0.0 s")


def test_a_refused_condition_ends_it_at_once(funkhaus: Terminal, status: dict[str, Any]) -> None:
    status["conditions"] = [
        ADMITTED,
        condition("Built", "False", "NoHandler", "the archive holds no hello.py"),
    ]
    ran = funkhaus("function", "wait", "hello")
    assert ran.code == 6
    assert funkhaus.seconds < 1
    assert (
        "Error: function hello will not get ready. Built: the archive holds no hello.py" in ran.err
    )
    assert "funkhaus function describe hello" in ran.err


def test_a_build_is_waited_for_and_shown(funkhaus: Terminal, status: dict[str, Any]) -> None:
    for reason in ("Building", "BuildQueued"):
        status["conditions"] = [ADMITTED, condition("Built", "False", reason, "job x installs 2")]
        ran = funkhaus("function", "wait", "hello", "--timeout", "30")
        assert ran.code == 6
        assert funkhaus.seconds >= 30
        assert "Built: job x installs 2" in ran.err
    status["conditions"] = [ADMITTED, condition("Built", "False", "BuildFailed", "no such version")]
    began = funkhaus.seconds
    assert "no such version" in funkhaus("function", "wait", "hello").err
    assert funkhaus.seconds - began < 1


def test_a_crash_is_given_a_moment_and_then_told(
    funkhaus: Terminal, status: dict[str, Any]
) -> None:
    crash = "a replica ended with exit code 1: ModuleNotFoundError: no_such_module"
    status["conditions"] = [ADMITTED, BUILT, condition("Ready", "False", "ReplicaEnded", crash)]
    ran = funkhaus("function", "wait", "hello")
    assert ran.code == 6
    assert 8 <= funkhaus.seconds < 12
    assert "no_such_module" in ran.err


def test_a_traceback_keeps_its_lines(funkhaus: Terminal, status: dict[str, Any]) -> None:
    crash = "importing failed\n\nTraceback:\n  File x\n    import y\nModuleNotFoundError: y"
    status["conditions"] = [ADMITTED, BUILT, condition("Ready", "False", "ReplicaEnded", crash)]
    lines = funkhaus("function", "wait", "hello").err.splitlines()
    assert lines[0].endswith(" s  Ready: importing failed")
    assert lines[1:] == [
        "Error: function hello will not get ready. importing failed",
        "",
        "  Traceback:",
        "    File x",
        "      import y",
        "  ModuleNotFoundError: y",
        "Hint: funkhaus function describe hello; funkhaus function logs hello",
    ]


def test_a_crash_that_heals_is_no_failure(
    funkhaus: Terminal, api: FakeApi, status: dict[str, Any]
) -> None:
    status["conditions"] = [ADMITTED, BUILT, condition("Ready", "False", "ReplicaEnded", "once")]

    def heal(seconds: float) -> None:
        if seconds > 4:
            api.functions["hello"]["status"] = serving("hello")

    funkhaus.on_sleep = heal
    assert funkhaus("function", "wait", "hello").code == 0


def test_the_time_is_kept(funkhaus: Terminal, status: dict[str, Any]) -> None:
    status["conditions"] = [ADMITTED, condition("Built", "Unknown", "Pushing", "pushing layers")]
    ran = funkhaus("function", "wait", "hello", "--timeout", "20s")
    assert ran.code == 6
    assert 20 <= funkhaus.seconds < 21
    assert "is not ready after 20 s. Built: pushing layers" in ran.err


def test_a_part_that_is_away_is_named(funkhaus: Terminal, status: dict[str, Any]) -> None:
    status["conditions"] = [
        ADMITTED,
        condition(
            "Degraded", "True", "Unavailable", "the registry did not answer; it is tried again"
        ),
    ]
    ran = funkhaus("function", "wait", "hello", "--timeout", "3")
    assert "Degraded: the registry did not answer" in ran.err


def test_an_api_server_that_comes_back_is_forgiven(
    funkhaus: Terminal, api: FakeApi, status: dict[str, Any]
) -> None:
    assert status is not None

    def away(request: httpx.Request) -> httpx.Response:
        if 0 < funkhaus.seconds < 30:
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        if funkhaus.seconds:
            api.functions["hello"]["status"] = serving("hello")
        return api(request)

    funkhaus.network = away
    ran = funkhaus("function", "wait", "hello")
    assert ran.code == 0
    assert "does not answer; still waiting" in ran.err


def test_an_api_server_that_stays_away_is_not(
    funkhaus: Terminal, api: FakeApi, status: dict[str, Any]
) -> None:
    assert status is not None

    def unavailable(_: httpx.Request) -> httpx.Response:
        raise Refusal(503, "unavailable", "the cluster does not answer")

    api.scripts["getFunction"] = unavailable
    ran = funkhaus("function", "wait", "hello", "--timeout", "5")
    assert ran.code == 5
    assert "the cluster does not answer (request r-1)" in ran.err


def test_a_function_that_is_deleted_meanwhile_ends_it(
    funkhaus: Terminal, api: FakeApi, status: dict[str, Any]
) -> None:
    assert status is not None
    funkhaus.on_sleep = lambda _: api.functions.clear()
    assert funkhaus("function", "wait", "hello").code == 3
