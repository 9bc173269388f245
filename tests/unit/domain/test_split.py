"""What runs for a trigger's split, and what that is charged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from funkhaus.domain.function import Resources, RevisionSpec
from funkhaus.domain.names import function_of
from funkhaus.domain.quota import NO_QUOTA, NOTHING, Account, Amounts, excess
from funkhaus.domain.split import NO_SPLIT, Split, pinned, seconds_left, shifted, together
from funkhaus.domain.trigger import Backend, HTTPTriggerSpec, Pin

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
SOON, PAST = "2026-01-01T12:00:10Z", "2026-01-01T12:00:00Z"


def revision(cpu: str) -> RevisionSpec:
    return RevisionSpec("hello", "p", "r", "h.h", "d", "i", (), Resources(cpu, "1Mi"), 30, 8)


SPLIT = Split({"a": revision("100m"), "b": revision("1")}, replicas=3)


def test_every_revision_is_charged_by_its_own_size_and_no_function() -> None:
    assert SPLIT.charge(2) == Amounts(replicas=4, cpu_millis=2200, memory_bytes=4 * 1024**2)
    assert NO_SPLIT.charge(5) == NOTHING


@pytest.mark.parametrize(
    ("pins", "count"),
    [
        ((), 3),
        ((Pin("a", 2),), 3),
        ((Pin("a", 2), Pin("b", 2)), 2),
        ((Pin("a", 2), Pin("b", 1), Pin("c", 0)), 1),
        ((Pin("a", 9), Pin("b", 9)), 3),
    ],
)
def test_what_is_promised_is_what_all_of_them_were_charged(
    pins: tuple[Pin, ...], count: int
) -> None:
    assert SPLIT.promised(pins) == count


def test_what_was_named_ends_once_nothing_leads_there_and_a_while_later() -> None:
    before = (Pin("a", 3), Pin("led", 3), Pin("ends", 3, SOON), Pin("over", 3, PAST), Pin("old", 3))
    assert pinned(before, {"a": 5, "new": 5}, frozenset({"led", "hello"}), NOW) == (
        Pin("a", 5),
        Pin("ends", 3, SOON),
        Pin("led", 3),
        Pin("new", 5),
        Pin("old", 3, "2026-01-01T12:00:15Z"),
    )
    assert pinned((Pin("x", 1, SOON),), {"x": 2}, frozenset(), NOW) == (Pin("x", 2),)


def test_time_that_is_left() -> None:
    assert seconds_left(Pin("a", 1), NOW) is None
    assert seconds_left(Pin("a", 1, SOON), NOW) == 10.0
    assert seconds_left(Pin("a", 1, PAST), NOW) == 0.0


def test_several_triggers_hold_one_revision_the_longest_and_the_widest() -> None:
    found = together((Pin("a", 2, SOON), Pin("a", 5), Pin("b", 1, PAST), Pin("c", 1, SOON)), NOW)
    assert found == {"a": Pin("a", 5), "c": Pin("c", 1, SOON)}
    later = "2026-01-01T12:00:12Z"
    assert together((Pin("a", 2, SOON), Pin("a", 1, later)), NOW) == {"a": Pin("a", 2, later)}


def test_names_and_fields() -> None:
    spec = HTTPTriggerSpec(
        "hello", backends=(Backend("x", 1), Backend("current", 2), Backend("x", 3))
    )
    assert spec.named == ("x",)
    assert spec.routed == ("backends",)
    assert HTTPTriggerSpec("hello").routed == ()


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("hello-0123456789", "hello"),
        ("a-b-abcdefabcd", "a-b"),
        ("hello-0123456789-abcdefabcd", "hello-0123456789"),
        ("hello-ABCDEFABCD", ""),
        ("hello-012345678", ""),
        ("x/y-0123456789", ""),
        ("hello-0123456789\n", ""),
        ("current", ""),
        ("", ""),
    ],
)
def test_whose_revision_it_is(name: str, function: str) -> None:
    assert function_of(name) == function


def test_no_room_is_said_of_the_split_and_not_of_a_function() -> None:
    wanted = Amounts(triggers=1, hosts=1) + SPLIT.charge(3)
    found = excess(Account("demo", "main", NO_QUOTA), Amounts(triggers=1, hosts=1), wanted)
    assert {item.code for item in found} == {
        "quota-namespace-replicas",
        "quota-namespace-cpu",
        "quota-namespace-memory",
    }
    for item in found:
        assert item.path == "spec.backends"
        assert "name fewer revisions" in item.message
        assert item.passes is None


@pytest.mark.parametrize(
    ("live", "wanted", "settled", "led", "last"),
    [
        ({}, {"a": 1}, False, {"a": 1}, True),
        ({"a": 1}, {"a": 1}, False, {"a": 1}, True),
        ({"a": 1}, {"a": 9, "b": 1}, False, {"a": 1, "b": 0}, False),
        ({"a": 1, "b": 0}, {"a": 9, "b": 1}, False, {"a": 1, "b": 0}, False),
        ({"a": 1, "b": 0}, {"a": 9, "b": 1}, True, {"a": 9, "b": 1}, True),
        ({"a": 9, "b": 1}, {"a": 1}, True, {"a": 1, "b": 0}, False),
        ({"a": 1, "b": 0}, {"a": 1}, False, {"a": 1, "b": 0}, False),
        ({"a": 1, "b": 0}, {"a": 1}, True, {"a": 1}, True),
        ({"a": 1}, {"b": 1}, True, {"a": 1, "b": 0}, False),
        ({"a": 1, "b": 0}, {"b": 1}, True, {"b": 1, "a": 0}, False),
    ],
)
def test_shares_move_step_by_step(
    live: dict[str, int], wanted: dict[str, int], led: dict[str, int], *, settled: bool, last: bool
) -> None:
    assert shifted(live, wanted, settled=settled) == (led, last)
