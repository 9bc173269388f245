"""`function top`: what is known is shown, and what is not is no zero."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .fake_api import function

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import Document, FakeApi


def doing(calls: int | None = None, **more: float | None) -> Document:
    known = {"calls": calls, "errors": None, "running": None, "p50Ms": None, "p95Ms": None}
    return {**known, "cpuMilli": None, "memoryBytes": None, **more}


BUSY = doing(
    1200, errors=3, running=2, p50Ms=4.25, p95Ms=1830.0, cpuMilli=130, memoryBytes=50 << 20
)


@pytest.fixture
def loaded(api: FakeApi) -> FakeApi:
    for name in ("hello", "mute", "quiet"):
        api.functions[name] = function(name)
    first, second = {"name": "hello-a", "ready": True, **BUSY}, {"name": "hello-b", "ready": False}
    api.loads["hello"] = {"total": BUSY, "replicas": [first, second | doing()]}
    mute = {"name": "mute-a", "ready": True} | doing()
    api.loads["mute"] = {"replicas": [mute], "unmeasured": "this cluster has no metrics.k8s.io"}
    api.loads["quiet"] = {"total": doing(0, errors=0, running=0)}
    return api


@pytest.mark.usefixtures("loaded")
def test_all_functions(funkhaus: Terminal) -> None:
    ran = funkhaus("function", "top")
    assert ran.out.splitlines() == [
        "NAME    REPLICAS   CALLS   ERRORS   RUNNING   P50       P95      CPU    MEMORY",
        "hello   2          1200    3        2         4.25 ms   1.83 s   130m   50Mi",
        "mute    1          -       -        -         -         -        -      -",
        "quiet   0          0       0        0         -         -        -      -",
    ]
    assert ran.err == "No CPU and memory: this cluster has no metrics.k8s.io.\n"


@pytest.mark.usefixtures("loaded")
def test_by_replica(funkhaus: Terminal) -> None:
    ran = funkhaus("function", "top", "hello", "--replicas")
    assert ran.out.splitlines() == [
        "FUNCTION   REPLICA   CALLS   ERRORS   RUNNING   P50       P95      CPU    MEMORY",
        "hello      hello-a   1200    3        2         4.25 ms   1.83 s   130m   50Mi",
        "hello      hello-b   -       -        -         -         -        -      -",
    ]
    assert funkhaus("function", "top", "quiet", "--replicas").err.startswith("No replica runs in")


@pytest.mark.usefixtures("loaded")
def test_programs_get_the_documents(funkhaus: Terminal) -> None:
    items = json.loads(funkhaus("function", "top", "hello", "quiet", "-o", "json").out)["items"]
    assert [item["name"] for item in items] == ["hello", "quiet"]
    assert items[0]["replicas"][1]["calls"] is None
    assert funkhaus("function", "top", "-o", "name").out == "hello\nmute\nquiet\n"


def test_one_that_is_not_there(funkhaus: Terminal, loaded: FakeApi) -> None:
    ran = funkhaus("function", "top", "other")
    assert ran.code == 3, ran
    assert "other" in ran.err
    assert loaded.requests
