"""What `describe` reads off a function's log."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from funkhaus_cli.trouble import KINDS, Trouble, troubles


def line(minute: int, event: str, **more: Any) -> bytes:
    entry = {"time": f"2026-03-01T12:{minute:02}:00Z", "level": "error", "event": event, **more}
    return json.dumps(entry).encode() + b"\n"


def test_the_same_trouble_is_counted_and_the_latest_comes_first() -> None:
    log = line(1, "worker_died", reason="too large") + line(
        2, "raised", traceback="T\n  x\nKeyError: 1\n\n"
    )
    log += b"[hello-1] " + line(3, "worker_died", reason="too large")
    assert troubles(log) == [
        Trouble("worker_died", "too large", "2026-03-01T12:03:00Z", count=2),
        Trouble("raised", "KeyError: 1", "2026-03-01T12:02:00Z"),
    ]


def test_a_time_out_says_where_it_stood() -> None:
    (trouble,) = troubles(
        line(1, "function_timeout", timeout=2.0, stack=["a.py, line 1", "b.py, line 5"])
    )
    assert trouble.said == "it took longer than 2 s at b.py, line 5"


def test_many_kinds_are_cut() -> None:
    found = troubles(b"".join(line(minute, f"kind-{minute}") for minute in range(9)))
    assert [trouble.event for trouble in found] == [f"kind-{n}" for n in (8, 7, 6, 5, 4)]
    assert len(found) == KINDS


def test_what_the_function_writes_is_no_trouble() -> None:
    log = (
        b'Traceback (most recent call last)\n{}\n{\n[]\n[x] y\n{"level":"error"}\n' + b"{" * 100_000
    )
    assert troubles(log) == []
    assert troubles(b'{"level":"info","event":"call"}') == []


@given(
    st.binary(),
    st.dictionaries(
        st.sampled_from(["time", "reason", "traceback", "stack", "timeout"]),
        st.none() | st.integers() | st.text() | st.lists(st.text()),
    ),
)
def test_nothing_in_a_log_breaks_it(noise: bytes, odd: dict[str, Any]) -> None:
    found = troubles(noise + b"\n" + line(1, "odd", **odd))
    assert "odd" in [trouble.event for trouble in found]
