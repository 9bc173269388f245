from __future__ import annotations

import copy
from typing import Any

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from funkhaus.services.additions import additions

KEYS = st.sampled_from(["spec", "metadata", "a", "funkhaus.dev/x", "~", "a/b~1"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
DOCUMENTS = st.dictionaries(KEYS, JSON, max_size=4)
FIELDS = st.lists(
    st.tuples(
        st.lists(KEYS, min_size=1, max_size=4).map(tuple), JSON.filter(lambda x: x is not None)
    ),
    max_size=5,
)


def apply(document: dict[str, Any], fields: Any) -> dict[str, Any]:
    changed: dict[str, Any] = jsonpatch.apply_patch(document, list(additions(document, fields)))
    return changed


@given(DOCUMENTS, FIELDS)
def test_twice_is_once(document: dict[str, Any], fields: Any) -> None:
    once = apply(document, fields)
    assert additions(once, fields) == ()
    assert apply(once, fields) == once


@given(DOCUMENTS, FIELDS)
def test_nothing_that_was_there_changes(document: dict[str, Any], fields: Any) -> None:
    before = copy.deepcopy(document)
    changed = apply(document, fields)
    assert document == before
    assert _within(document, changed)


def _within(old: Any, new: Any) -> bool:
    if isinstance(old, dict):
        return isinstance(new, dict) and all(
            value is None or _within(value, new[key]) for key, value in old.items()
        )
    return bool(old == new)


def test_missing_parents_come_along() -> None:
    fields = [
        (("metadata", "labels", "funkhaus.dev/tenant"), "demo"),
        (("metadata", "labels", "b"), "c"),
    ]
    assert additions({"metadata": {"labels": None}}, fields) == (
        {"op": "add", "path": "/metadata/labels", "value": {"funkhaus.dev/tenant": "demo"}},
        {"op": "add", "path": "/metadata/labels/b", "value": "c"},
    )
    assert additions({"metadata": {"labels": {}}}, fields)[0]["path"] == (
        "/metadata/labels/funkhaus.dev~1tenant"
    )


def test_below_something_else_nothing_is_added() -> None:
    assert additions({"spec": "text"}, [(("spec", "host"), "x")]) == ()
    assert additions({"spec": []}, [(("spec", "resources", "cpu"), "1")]) == ()
