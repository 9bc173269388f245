# ruff: noqa: ANN401 - what is looked at is any JSON
"""Shapes a document may have to have: each is a function from a path and a value to the findings about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from funkhaus.domain.quantity import parse
from funkhaus.domain.verdict import Finding

Found = Iterator[Finding]
Check = Callable[[str, Any], Found]


def finding(
    problem: str, path: str, message: str, value: Any = None, limit: Any = None, passes: Any = None
) -> Finding:
    """The finding of a problem with a data file."""
    return Finding(
        f"catalogue-{problem}", message, path, limit=limit, value=_shown(value), passes=passes
    )


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)[:80]


def object_of(fields: Mapping[str, Check], optional: frozenset[str] = frozenset()) -> Check:
    """An object with these fields and no others."""

    def look(path: str, value: Any) -> Found:
        if not isinstance(value, dict):
            yield finding(
                "type",
                path,
                f"is {_kind_of(value)}; an object with {_listed(fields)} passes",
                value,
            )
            return
        for key in value:
            if key not in fields:
                yield finding(
                    "unknown",
                    join(path, str(key)),
                    f"is no field of these; {_listed(fields)} pass",
                    limit=list(fields),
                )
        for key, inner in fields.items():
            if key in value:
                yield from inner(join(path, key), value[key])
            elif key not in optional:
                yield finding("missing", join(path, key), "is missing", passes=_example(inner))

    return look


def entries(inner: Check, key: str, *, empty: bool = False) -> Check:
    """An object whose keys are names; with one at least unless it may be `empty`."""

    def look(path: str, value: Any) -> Found:
        if not isinstance(value, dict) or not (value or empty):
            yield finding(
                "type",
                path,
                f"is {_kind_of(value)}; an object with one entry or more passes",
                value,
            )
            return
        for name, item in value.items():
            if not isinstance(name, str) or not re.fullmatch(key, name):
                yield finding(
                    "name",
                    join(path, str(name)),
                    f"{str(name)[:80]!r} is no name for it",
                    name,
                    key,
                )
            yield from inner(join(path, str(name)), item)

    return look


def list_of(inner: Check, *, most: int = 1000, empty: bool = True) -> Check:
    """A list of different entries."""

    def look(path: str, value: Any) -> Found:
        if not isinstance(value, list):
            yield finding("type", path, f"is {_kind_of(value)}; a list passes", value, passes=[])
            return
        if not value and not empty:
            yield finding("empty", path, "is empty; one entry or more passes", limit=1)
        if len(value) > most:
            yield finding(
                "too-many", path, f"has {len(value)} entries; {most} pass", len(value), most, most
            )
        texts = [str(item) for item in value]
        for index, item in enumerate(value[:most]):
            if texts.index(texts[index]) < index:
                yield finding("twice", f"{path}[{index}]", f"{texts[index][:80]!r} is there twice")
            yield from inner(f"{path}[{index}]", item)

    return look


def text(pattern: str, example: str) -> Check:
    """A text that matches a pattern, as the example does."""

    def look(path: str, value: Any) -> Found:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            yield finding(
                "text",
                path,
                f"{_quoted(value)} does not pass; {example!r} does",
                value,
                pattern,
                example,
            )

    look.example = example  # type: ignore[attr-defined]  # a function with a note on it
    return look


def one_of(*choices: str) -> Check:
    """One of these texts."""

    def look(path: str, value: Any) -> Found:
        if value not in choices:
            yield finding(
                "choice",
                path,
                f"{_quoted(value)} is none of {', '.join(choices)}",
                value,
                list(choices),
                choices[0],
            )

    look.example = choices[0]  # type: ignore[attr-defined]  # a function with a note on it
    return look


def whole(least: int, most: int) -> Check:
    """A whole number between these."""

    def look(path: str, value: Any) -> Found:
        if not isinstance(value, int) or isinstance(value, bool):
            yield finding(
                "number",
                path,
                f"{_quoted(value)} is no whole number; {least} to {most} pass",
                value,
            )
        elif value < least:
            yield finding("below-floor", path, f"{value} is below {least}", value, least, least)
        elif value > most:
            yield finding("above-ceiling", path, f"{value} is above {most}", value, most, most)

    look.example = least  # type: ignore[attr-defined]  # a function with a note on it
    return look


def quantity(path: str, value: Any) -> Found:
    """A Kubernetes quantity above 0, as a text."""
    number = parse(value) if isinstance(value, str) else None
    if number is None:
        yield finding(
            "quantity",
            path,
            f'{_quoted(value)} is no Kubernetes quantity in quotes; "250m", "1", "128Mi" pass',
            value,
            passes="1",
        )
    elif number <= 0:
        yield finding("below-floor", path, f"{value} is not above 0", value, 0)


def amount(path: str, value: Any) -> Found:
    """A whole number, or a Kubernetes quantity."""
    if not isinstance(value, int) or isinstance(value, bool):
        yield from quantity(path, value)


def instant(path: str, value: Any) -> Found:
    """An RFC 3339 instant, as a text."""
    # YAML makes an instant of one that is not quoted; Rego would get a text of another form.
    if isinstance(value, str) and re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value
    ):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return
    yield finding(
        "instant",
        path,
        f'{_quoted(value)} is no RFC 3339 instant in quotes; "2026-12-20T00:00:00Z" passes',
        value,
        passes="2026-12-20T00:00:00Z",
    )


def ordered(
    inner: Check, *names: str, soft: str = "", order: Callable[[Any], Any] = lambda number: number
) -> Check:
    """An object with these bounds, in this order; perhaps with a `soft` one between the last two."""
    known = (*names[:-1], soft, names[-1]) if soft else names
    shape = object_of(dict.fromkeys(known, inner), optional=frozenset({soft}))

    def look(path: str, value: Any) -> Found:
        found = list(shape(path, value))
        yield from found
        if found:
            return
        for low, high in pairwise(name for name in known if name in value):
            if order(value[low]) > order(value[high]):
                yield finding(
                    "crossed",
                    join(path, high),
                    f"{value[high]} is below {low}, which is {value[low]}",
                    value[high],
                    value[low],
                    value[low],
                )

    return look


def join(path: str, key: str) -> str:
    """The path of a field."""
    return f"{path}.{key}" if path else key


def _kind_of(value: Any) -> str:
    if value is None or value in ({}, []):
        return "empty"
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return names.get(type(value), "a number")


def _quoted(value: Any) -> str:
    return repr(str(value)[:80]) if isinstance(value, str) else _kind_of(value)


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names)


def _example(inner: Check) -> Any:
    return getattr(inner, "example", None)
