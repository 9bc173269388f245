"""What the runtime counts, under Kubeless's names where it had one, and its Prometheus text.

Written out by hand: it is counted on every call, and a metrics library would be a dependency of every function.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""What a function may be called with, and so every value the label `method` can have."""
BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0)
"""Upper bounds in seconds."""
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Calls:
    """The calls of one method that reached the function."""

    __slots__ = ("buckets", "failures", "seconds", "total")

    def __init__(self) -> None:
        self.total = 0
        self.failures = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def finished(self, seconds: float, *, failed: bool) -> None:
        """One call ended: by an answer, or `failed` by an exception, its time-out or the death of its worker."""
        self.total += 1
        self.seconds += seconds
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        if failed:
            self.failures += 1


class Metrics:
    """All counters of the process."""

    def __init__(self) -> None:
        self.calls = {method: Calls() for method in METHODS}
        self.timeouts = 0
        self.rejected: dict[str, int] = {}
        """Calls that never reached the function, by problem code."""
        self.replaced: dict[str, int] = {}
        """Workers that ended in the midst of their life, by reason."""
        self.gauges: dict[str, tuple[str, Callable[[], int]]] = {}
        """Name -> help and the function that reads the present value."""

    def text(self) -> str:
        """The Prometheus exposition."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        seen = [(method, calls) for method, calls in self.calls.items() if calls.total]
        yield from _head("function_calls_total", "counter", "Calls that reached the function")
        yield from (
            f'function_calls_total{{method="{method}"}} {calls.total}' for method, calls in seen
        )
        yield from _head(
            "function_failures_total", "counter", "Calls it raised in, overran or died in"
        )
        yield from (
            f'function_failures_total{{method="{method}"}} {calls.failures}'
            for method, calls in seen
        )
        yield from _head("function_duration_seconds", "histogram", "How long the function ran")
        for method, calls in seen:
            sum_so_far = 0
            for bound, count in zip((*map(repr, BUCKETS), "+Inf"), calls.buckets, strict=True):
                sum_so_far += count
                yield f'function_duration_seconds_bucket{{method="{method}",le="{bound}"}} {sum_so_far}'
            yield f'function_duration_seconds_sum{{method="{method}"}} {calls.seconds:.6f}'
            yield f'function_duration_seconds_count{{method="{method}"}} {calls.total}'
        yield from _head(
            "function_timeouts_total", "counter", "Calls answered 408 because the function overran"
        )
        yield f"function_timeouts_total {self.timeouts}"
        yield from _labelled(
            "function_rejected_total",
            "Calls that never reached the function",
            "code",
            self.rejected,
        )
        yield from _labelled(
            "function_worker_replacements_total",
            "Worker processes that had to be replaced",
            "reason",
            self.replaced,
        )
        for name, (text, value) in self.gauges.items():
            yield from _head(name, "gauge", text)
            yield f"{name} {value()}"


def count(counter: dict[str, int], label: str) -> None:
    """One more under this label; labels are the program's own words, never a caller's."""
    counter[label] = counter.get(label, 0) + 1


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}."
    yield f"# TYPE {name} {kind}"


def _labelled(name: str, text: str, label: str, values: dict[str, int]) -> Iterator[str]:
    yield from _head(name, "counter", text)
    yield from (f'{name}{{{label}="{value}"}} {number}' for value, number in sorted(values.items()))
