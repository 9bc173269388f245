"""Where a revision stands, where "back" leads, and what a change is called."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from funkhaus.domain.function import EnvVar, Resources, RevisionSpec, Source
from funkhaus.domain.revision import Kept, RevisionState, before_this, changes, state

SPEC = RevisionSpec(
    function="hello",
    runtime="python3.11",
    runtime_image="r/p@sha256:1",
    handler="hello.handler",
    source_digest="sha256:2",
    image="r/f@sha256:3",
    env=(EnvVar("A", value="1"), EnvVar("B", value="2")),
    resources=Resources("250m", "128Mi"),
    timeout=30,
    concurrency=8,
    source=Source(inline=(("a.py", "x"), ("hello.py", "x"))),
)


def kept(name: str, word: str, served_at: str = "") -> Kept:
    return Kept(name, SPEC, "2026-01-01T00:00:00Z", served_at, state=RevisionState(word))


@pytest.mark.parametrize(
    ("name", "served_at", "failing", "expected"),
    [
        ("a", "", False, "serving"),
        ("b", "", False, "starting"),
        ("b", "t", True, "failed"),
        ("c", "t", True, "kept"),
        ("c", "", False, "unused"),
    ],
)
def test_where_it_stands(name: str, served_at: str, failing: bool, expected: str) -> None:  # noqa: FBT001
    assert state(name, served_at, active="a", latest="b", failing=failing).value == expected


def test_back_is_what_served_before() -> None:
    found = [kept("a", "kept", "3"), kept("b", "kept", "2"), kept("c", "serving", "4")]
    back = before_this(found)
    assert back is not None
    assert back.name == "a"


@pytest.mark.parametrize("word", ["starting", "failed"])
def test_while_another_one_waits_back_is_what_serves(word: str) -> None:
    found = [kept("a", "kept", "3"), kept("b", "serving", "4"), kept("c", word)]
    back = before_this(found)
    assert back is not None
    assert back.name == "b"


def test_what_never_served_is_no_way_back() -> None:
    assert before_this([kept("a", "unused"), kept("c", "serving", "4")]) is None
    assert before_this([kept("a", "failed")]) is None
    assert before_this([]) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ()),
        ({"timeout": 31}, ("timeout 30 s → 31 s",)),
        ({"resources": Resources("1", "128Mi")}, ("cpu 250m → 1",)),
        ({"resources": Resources("250m", "1Gi"), "concurrency": 1}, ("memory 128Mi → 1Gi", "concurrency 8 → 1")),
        ({"runtime": "python3.12", "runtime_image": "r"}, ("runtime python3.11 → python3.12",)),
        ({"runtime_image": "r"}, ("runtime image",)),
        ({"handler": "hello.other"}, ("handler hello.handler → hello.other",)),
        ({"env": (EnvVar("A", value="secret"), EnvVar("C", value="2"))}, ("env: +C -B A",)),
        ({"env": tuple(reversed(SPEC.env))}, ("env",)),
        (
            {"source_digest": "d", "source": Source(inline=(("b.py", "y"), ("hello.py", "y")))},
            ("source: +b.py -a.py hello.py",),
        ),
        ({"source_digest": "d", "source": Source(archive="sha256:9")}, ("source",)),
        (
            {"source_digest": "d", "source": Source(inline=tuple((f"f{n}.py", "") for n in range(9)))},
            ("source: +f0.py +f1.py +f2.py +f3.py +f4.py +f5.py +f6.py +f7.py and 3 more",),
        ),
    ],
)  # fmt: skip
def test_what_a_change_is_called(change: dict[str, Any], said: tuple[str, ...]) -> None:
    assert changes(SPEC, dataclasses.replace(SPEC, **change)) == said


def test_the_first_changes_nothing() -> None:
    assert changes(None, SPEC) == ()
