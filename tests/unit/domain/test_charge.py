from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from funkhaus.domain.charge import Charge, Key
from funkhaus.domain.quota import AMOUNTS, NOTHING, Amounts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SMALL, LARGE = Amounts(functions=1, replicas=1), Amounts(functions=1, replicas=5)
NEW = Charge(Key("Function", "default", "hello"), NOW)
amounts = st.builds(Amounts, **{name: st.integers(0, 9) for name in AMOUNTS})


def test_a_create_that_is_seen_has_arrived() -> None:
    seen = NEW.ask(SMALL, 0, NOW).see(SMALL, 5, NOW)
    assert (seen.used, seen.asked, seen.reserved) == (SMALL, NOTHING, NOTHING)
    assert seen.gone(NOW) is None


def test_an_update_is_charged_the_larger_of_old_and_new_until_it_is_seen() -> None:
    charge = NEW.ask(LARGE, 0, NOW).see(LARGE, 5, NOW).ask(SMALL, 5, NOW)
    assert charge.held == LARGE
    assert charge.see(LARGE, 5, NOW).held == LARGE  # the same version proves nothing
    assert charge.see(SMALL, 6, NOW).held == SMALL


def test_a_large_ask_under_way_keeps_its_room_while_the_object_is_seen_small() -> None:
    charge = NEW.ask(SMALL, 0, NOW).see(SMALL, 5, NOW).ask(LARGE, 5, NOW)
    assert charge.see(SMALL, 5, NOW).held == LARGE


def test_an_old_look_changes_nothing() -> None:
    charge = NEW.ask(LARGE, 0, NOW).see(LARGE, 9, NOW)
    assert charge.see(SMALL, 8, NOW) == charge


def test_two_creates_wait_for_the_sweeper() -> None:
    charge = NEW.ask(LARGE, 0, NOW).ask(SMALL, 0, NOW).see(SMALL, 5, NOW)
    assert (charge.used, charge.held) == (SMALL, LARGE)
    left = charge.gone(NOW)
    assert left is not None
    assert (left.used, left.held) == (NOTHING, LARGE)
    assert charge.settled().held == SMALL


def test_a_create_under_way_outlives_another_look_at_what_was_there_before() -> None:
    charge = NEW.ask(SMALL, 0, NOW).see(SMALL, 5, NOW).ask(LARGE, 0, NOW)
    assert charge.see(SMALL, 5, NOW).held == LARGE
    assert charge.see(SMALL, 8, NOW).held == LARGE  # which of the two it is nobody can tell
    assert charge.see(SMALL, 8, NOW).settled().held == SMALL


@given(st.lists(amounts, min_size=1), amounts)
def test_what_is_held_covers_every_ask_and_what_is_used(asks: list[Amounts], used: Amounts) -> None:
    charge = Charge(NEW.key, NOW, used=used, version=3)
    for ask in asks:
        charge = charge.ask(ask, 3, NOW)
    assert all(charge.held.covers(item) for item in (*asks, used))
    assert charge.used + charge.reserved == charge.held
