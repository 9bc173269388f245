"""Run with `pytest`: a handler is a plain function, so it needs no platform to be tested."""

from handler import handler

CONTEXT = {
    "function-name": "handler",
    "timeout": 180.0,
    "runtime": "python3.11",
    "memory-limit": "128Mi",
}


def event(data):
    """What the platform hands over, as far as this handler looks at it."""
    return {
        "data": data,
        "event-id": "1",
        "event-type": "application/json",
        "event-time": "2026-01-01T00:00:00Z",
        "event-namespace": "http.funkhaus.dev",
    }


def test_greets_by_name():
    assert handler(event({"name": "Ada"}), CONTEXT) == {"greeting": "Hello, Ada!"}


def test_greets_the_world_without_a_name():
    assert handler(event(b""), CONTEXT) == {"greeting": "Hello, world!"}
