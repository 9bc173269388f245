"""Every step towards sleep and back, from what is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from funkhaus.domain.slumber import SETTLE, Phase, Sight, Step, step

LIMIT = 60.0
AWAKE = Sight(allowed=True, settled=True, replicas=1, ready=1, idle=0.0)
DOZING = replace(AWAKE, phase=Phase.DOZING, idle=LIMIT)
ASLEEP = replace(AWAKE, phase=Phase.ASLEEP, replicas=0, ready=0, idle=None)


def test_without_a_call_for_long_enough_it_dozes() -> None:
    assert step(replace(AWAKE, idle=LIMIT), LIMIT) == (Step.DOZE, SETTLE)
    assert step(replace(AWAKE, idle=LIMIT + 1), LIMIT)[0] is Step.DOZE


@pytest.mark.parametrize(("idle", "after"), [(0.0, 15.0), (None, 15.0), (50.0, 10.0), (59.9, 1.0)])
def test_before_it_is_looked_at_a_quarter_of_the_time_later(
    idle: float | None, after: float
) -> None:
    assert step(replace(AWAKE, idle=idle), LIMIT) == (Step.STAY, pytest.approx(after, abs=0.2))


def test_looks_are_neither_too_many_nor_too_few() -> None:
    assert step(AWAKE, 1.0) == (Step.STAY, 1.0)
    assert step(AWAKE, 86_400.0) == (Step.STAY, 30.0)


@pytest.mark.parametrize(
    "sight",
    [
        replace(AWAKE, idle=LIMIT, allowed=False),
        replace(AWAKE, idle=LIMIT, settled=False),
        replace(AWAKE, idle=LIMIT, ready=0),
    ],
)
def test_what_may_not_or_is_about_to_change_stays_awake(sight: Sight) -> None:
    assert step(sight, LIMIT) == (Step.STAY, None)


def test_the_waker_is_in_the_service_for_a_while_before_the_replicas_end() -> None:
    assert step(replace(DOZING, phase_for=1.0), LIMIT) == (Step.STAY, SETTLE - 1.0)
    assert step(replace(DOZING, phase_for=SETTLE), LIMIT) == (Step.SLEEP, None)


@pytest.mark.parametrize(
    "change", [{"idle": 3.0}, {"idle": None}, {"ready": 0}, {"settled": False}]
)
def test_a_call_meanwhile_or_a_change_ends_the_doze(change: dict[str, object]) -> None:
    sight = replace(DOZING, phase_for=SETTLE, **change)  # type: ignore[arg-type]  # any field, by name
    assert step(sight, LIMIT) == (Step.RISE, 15.0)


def test_what_may_not_sleep_any_more_rises_and_is_not_looked_at() -> None:
    assert step(replace(DOZING, allowed=False), LIMIT) == (Step.RISE, None)


def test_asleep_it_stays_until_a_replica_takes_calls() -> None:
    assert step(ASLEEP, LIMIT) == (Step.STAY, None)
    assert step(replace(ASLEEP, ready=1), LIMIT) == (Step.STAY, None), "one that is about to end"
    assert step(replace(ASLEEP, replicas=1), LIMIT) == (Step.STAY, None)
    assert step(replace(ASLEEP, replicas=1, ready=1), LIMIT) == (Step.RISE, 15.0)
    assert step(replace(ASLEEP, replicas=1, ready=1, allowed=False), LIMIT) == (Step.RISE, None)
