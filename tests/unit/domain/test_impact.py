"""What a change of the rules adds up to, request by request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from funkhaus.domain import impact as impacts
from funkhaus.domain.impact import Effect, Impact, Subject, shift
from funkhaus.domain.verdict import Finding, Outcome

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DENY, OTHER = Finding("cpu", "too much", "spec.cpu"), Finding("name", "too long", "metadata.name")
HOLD = Finding("size", "ask first", outcome=Outcome.REQUIRE_APPROVAL)
WARN, MORE = (Finding(code, "old", outcome=Outcome.WARN) for code in ("runtime", "handler"))
HELLO = Subject("demo", "default", "Function", "hello")


@pytest.mark.parametrize(
    ("before", "after", "effect", "said"),
    [
        ([], [DENY], Effect.DENIED, [DENY]),
        ([WARN], [WARN, DENY], Effect.DENIED, [DENY]),
        ([HOLD], [DENY, HOLD], Effect.DENIED, [DENY]),
        ([], [HOLD, WARN], Effect.HELD, [HOLD]),
        ([], [WARN], Effect.WARNED, [WARN]),
        ([WARN], [WARN, MORE], Effect.WARNED, [MORE]),
        ([DENY], [], Effect.FREED, [DENY]),
        ([DENY, OTHER], [HOLD], Effect.FREED, [DENY, OTHER]),
        ([HOLD], [WARN], Effect.FREED, [HOLD]),
        ([WARN], [], Effect.FREED, [WARN]),
    ],
)
def test_a_request_that_fares_otherwise(
    before: list[Finding], after: list[Finding], effect: Effect, said: list[Finding]
) -> None:
    found = shift(before, after)
    assert found is not None
    assert (found.effect, list(found.findings)) == (effect, said)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        ([DENY], [DENY]),
        ([DENY], [OTHER]),
        ([DENY], [DENY, OTHER, WARN]),
        ([HOLD], [HOLD, WARN]),
        ([WARN, MORE], [WARN]),
    ],
)
def test_one_that_fares_the_same(before: list[Finding], after: list[Finding]) -> None:
    assert shift(before, after) is None


def report() -> Impact:
    return Impact("sha256:new", "sha256:old", NOW)


def test_requests_of_one_object_are_one_change_with_the_latest_finding() -> None:
    made = report()
    newer = Finding("cpu", "far too much", "spec.cpu")
    made.request(HELLO, NOW + timedelta(2), [], [newer])
    made.request(HELLO, NOW + timedelta(1), [], [DENY])
    made.request(HELLO, NOW, [], [])
    made.object(HELLO, [], [DENY])
    (change,) = made.changes
    assert (change.requests, change.live, change.last) == (2, True, NOW + timedelta(2))
    assert change.shift.findings == (newer,)
    assert (made.replayed, made.judged) == (3, 1)
    assert (made.counts[Effect.DENIED].requests, made.counts[Effect.DENIED].live) == (2, 1)
    assert made.refuses


def test_the_gravest_comes_first_and_what_is_not_listed_is_counted() -> None:
    made = report()
    for number in range(impacts.SHOWN):
        made.request(Subject("blue", "default", "Function", f"f{number}"), NOW, [], [WARN])
    made.request(HELLO, NOW, [DENY], [])
    made.request(HELLO, NOW, [], [HOLD])
    assert [change.shift.effect for change in made.changes[:2]] == [Effect.HELD, Effect.WARNED]
    assert len(made.changes) == impacts.SHOWN
    assert made.cut == 2


def test_what_is_only_warned_or_freed_refuses_nothing() -> None:
    made = report()
    made.request(HELLO, NOW, [], [WARN])
    made.request(HELLO, NOW, [DENY], [])
    assert not made.refuses
