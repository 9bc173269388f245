"""Places for calls that wait: of a function, a tenant and all, and given back."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from funkhaus.domain.errors import TooManyError
from funkhaus.services.waking import Limits, Room, Target

HELLO, OTHER = Target("demo--main", "hello"), Target("demo--main", "other")
NEXT, STRANGER = Target("demo--test", "hello"), Target("blue--main", "hello")


def test_a_function_has_so_many_and_its_neighbour_its_own() -> None:
    room = Room(Limits(function=2, tenant=10, all=10))
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(room.place(HELLO))
        with pytest.raises(TooManyError, match=r"2 calls wait .* function 'hello'") as refused:
            stack.enter_context(room.place(HELLO))
        assert refused.value.retry_seconds > 0
        stack.enter_context(room.place(OTHER))
        assert room.taken == 3
    assert room.taken == 0
    with room.place(HELLO):
        assert room.taken == 1


def test_a_tenant_has_so_many_over_its_namespaces_and_its_neighbour_its_own() -> None:
    room = Room(Limits(function=5, tenant=2, all=10))
    with room.place(HELLO), room.place(NEXT):
        with pytest.raises(TooManyError, match="tenant 'demo'"), room.place(OTHER):
            pass
        with room.place(STRANGER):
            assert room.taken == 3


def test_all_have_so_many() -> None:
    room = Room(Limits(function=5, tenant=5, all=2))
    with room.place(HELLO), room.place(STRANGER), pytest.raises(TooManyError), room.place(NEXT):
        pass


def test_a_call_that_fails_gives_its_place_back() -> None:
    room = Room(Limits(function=1, tenant=1, all=1))
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), room.place(HELLO):
            raise ValueError("broken")
    assert room.taken == 0
