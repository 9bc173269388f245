"""RFC 7396, and what of a removal another manager kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funkhaus.services.resources import difference, leftover, merged

RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]
"""The appendix's examples."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
def test_the_appendix(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


@given(OBJECTS, OBJECTS)
def test_again_changes_nothing_and_nothing_given_is_touched(target: Any, patch: Any) -> None:
    before = repr((target, patch))
    once = merged(target, patch)
    assert merged(once, patch) == once
    assert repr((target, patch)) == before


@given(OBJECTS, OBJECTS)
def test_nothing_is_left_over_where_the_patch_was_obeyed(target: Any, patch: Any) -> None:
    assert not leftover(patch, target, merged(target, patch))


def test_only_what_stayed_as_it_was_is_left_over() -> None:
    patch = {"a": None, "b": None, "c": {"d": None, "e": 1}}
    before = {"a": 1, "b": 180, "c": {"d": 2}}
    after = {"a": 1, "b": 60, "c": {"d": 2, "e": 1}}
    assert leftover(patch, before, after) == {"a": None, "c": {"d": None}}


SOLID = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
SOLID_OBJECTS = st.dictionaries(st.sampled_from("abc"), SOLID, max_size=3)


@given(before=SOLID_OBJECTS, after=SOLID_OBJECTS)
def test_the_difference_makes_one_of_the_other(before: Any, after: Any) -> None:
    patch = difference(before, after)
    assert merged(before, patch) == after
    assert bool(patch) == (before != after)
