"""What is due when, with time as an argument."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from funkhaus_controller.agenda import LONGEST_PAUSE, Agenda, Key

A, B, C = (Key("Function", "ns", name) for name in "abc")


def test_the_longest_due_comes_first_and_once() -> None:
    agenda = Agenda()
    agenda.add(B, 2)
    agenda.add(A, 1)
    agenda.add(A, 3)
    assert agenda.take(0) is None
    assert agenda.take(5) == A
    assert agenda.take(5) == B
    assert agenda.take(5) is None


def test_earlier_wins_over_later() -> None:
    agenda = Agenda()
    agenda.add(A, 100)
    agenda.add(A, 1)
    assert agenda.next_at() == 1
    assert agenda.take(1) == A
    assert agenda.next_at() is None


def test_one_at_a_time_and_nothing_is_lost_meanwhile() -> None:
    agenda = Agenda()
    agenda.add(A, 0)
    assert agenda.take(0) == A
    agenda.add(A, 0)
    agenda.add(A, 0)
    assert agenda.take(1) is None
    assert agenda.next_at() is None
    agenda.done(A)
    assert agenda.take(1) == A
    agenda.done(A)
    assert agenda.take(1) is None


def test_who_wants_to_be_looked_at_again_is() -> None:
    agenda = Agenda()
    agenda.add(A, 0)
    agenda.take(0)
    agenda.done(A, 7)
    assert agenda.take(6) is None
    assert agenda.take(7) == A


def test_failures_push_away_up_to_a_limit_and_never_off() -> None:
    agenda = Agenda()
    agenda.add(A, 0)
    pauses, now = [], 0.0
    for _ in range(40):
        assert agenda.take(now) == A
        pauses.append(agenda.failed(A, now))
        now += pauses[-1]
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE
    assert agenda.take(now) == A
    agenda.done(A)
    agenda.add(A, now)
    agenda.take(now)
    assert agenda.failed(A, now) == 1, "success is a new beginning"


def test_a_change_brings_a_failing_object_forward() -> None:
    agenda = Agenda()
    agenda.add(A, 0)
    agenda.take(0)
    agenda.failed(A, 0)
    agenda.add(A, 0.1)
    assert agenda.take(0.1) == A


def test_what_is_gone_is_forgotten() -> None:
    agenda = Agenda()
    agenda.add(A, 0)
    agenda.forget(A)
    assert agenda.take(1) is None
    assert agenda.due(1) == 0


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "take", "done", "failed"]), st.sampled_from([A, B, C]), st.floats(0, 9)),
    max_size=60,
)  # fmt: skip


@given(STEPS)
def test_nothing_added_is_ever_lost_and_nothing_is_ever_two_peoples(
    steps: list[tuple[str, Key, float]],
) -> None:
    agenda, busy, owed, now = Agenda(), set[Key](), set[Key](), 0.0
    for step, key, delay in steps:
        now += 1
        if step == "add":
            agenda.add(key, now + delay)
            owed.add(key)
        elif step == "take":
            taken = agenda.take(now)
            if taken:
                assert taken not in busy
                assert taken in owed
                busy.add(taken)
                owed.discard(taken)
        elif key in busy:
            busy.discard(key)
            if step == "failed":
                agenda.failed(key, now)
                owed.add(key)
            else:
                agenda.done(key)
    for key in busy:
        agenda.done(key)
    left = set()
    while taken := agenda.take(now + 1e6):
        left.add(taken)
    assert left == owed
