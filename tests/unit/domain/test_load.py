"""Counters of replicas, summed; quantiles by their histograms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funkhaus.domain.load import Work, together

BOUNDS = (0.01, 0.1, 1.0, math.inf)


def work(*counts: int) -> Work:
    """Calls by bucket, not summed up."""
    sums = [sum(counts[: index + 1]) for index in range(len(counts))]
    return Work(sum(counts), 0, 0, tuple(zip(BOUNDS, sums, strict=True)))


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        ((0, 0, 0, 0), 0.5, None),
        ((10, 0, 0, 0), 0.5, 0.005),
        ((10, 0, 0, 0), 1.0, 0.01),
        ((0, 10, 0, 0), 0.5, 0.055),
        ((5, 5, 0, 0), 0.5, 0.01),
        ((5, 0, 5, 0), 0.95, 0.91),
        ((0, 0, 0, 10), 0.5, 1.0),
        ((9, 0, 0, 1), 0.95, 1.0),
    ],
)
def test_quantiles(counts: tuple[int, ...], share: float, seconds: float | None) -> None:
    assert work(*counts).quantile(share) == (seconds if seconds is None else pytest.approx(seconds))


def test_without_a_histogram_nobody_knows() -> None:
    assert Work(5, 1, 0).quantile(0.5) is None


def test_a_histogram_that_lies_breaks_nothing() -> None:
    """It is the tenant's process that counts: falling sums, no infinity."""
    assert Work(5, 0, 0, ((0.1, 5), (1.0, 2))).quantile(0.95) is not None
    assert Work(5, 0, 0, ((math.inf, 5),)).quantile(0.5) == 0.0


COUNTS = st.lists(st.integers(0, 1000), min_size=4, max_size=4)


@given(COUNTS, COUNTS)
def test_the_sum_lies_between_its_parts(one: list[int], other: list[int]) -> None:
    both = together([work(*one), work(*other)])
    assert both.ended == sum(one) + sum(other)
    found = [part.quantile(0.95) for part in (work(*one), work(*other))]
    parts = [seconds for seconds in found if seconds is not None]
    if parts:
        middle = both.quantile(0.95)
        assert middle is not None
        assert min(parts) - 1e-9 <= middle <= max(parts) + 1e-9
    else:
        assert both.quantile(0.95) is None
