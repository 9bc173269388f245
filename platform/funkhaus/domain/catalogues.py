# ruff: noqa: ANN401 - what is looked at is any JSON
"""What the data files of the house rules (`policies/data/<name>.yaml`) may say, beyond being YAML.

A rule that meets a bound it can't read refuses everything, so a slip in such a file stops every tenant. Each finding names
the field, the limit, the value and what would pass. Files of other names are whoever's rules they belong to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from funkhaus.domain.function import DEPENDENCIES_LIMIT, INLINE_LIMIT
from funkhaus.domain.quantity import parse
from funkhaus.domain.verdict import Finding

NAMES = ("annotations", "dependencies", "env", "freezes", "hosts", "plans", "runtimes")
"""The files rules of the house read; each holds one key, its own name."""
STATUSES = ("active", "deprecated", "blocked")
OUTCOMES = ("deny", "require_approval")
WINDOWS_LIMIT = 200
ANNOTATIONS_LIMIT = 256
"""More names than these are never shown to a rule (`funkhaus.policy.inputs`)."""
TIMEOUT_LIMIT = 24 * 3600
INTERVAL_LIMIT = 24 * 3600
"""The smallest interval of a schedule is never said to be more than a day (`funkhaus.domain.cron`)."""
CONCURRENCY_LIMIT = 10_000
REPLICAS_LIMIT = 1000
_DNS = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
_MISSING: Any = object()
Found = Iterator[Finding]
Check = Callable[[str, Any], Found]


def check(documents: Mapping[str, Any]) -> list[Finding]:
    """The findings about the documents, each below the name of its file, paths within the file; empty when all is well."""
    found: list[Finding] = []
    for name in NAMES:
        document = documents.get(name, _MISSING)
        if document is _MISSING:
            found.append(_finding("missing", name, "is missing; rules of the house read it"))
            continue
        found += _object({name: _SHAPES[name]})("", document)
    found += _known_runtimes(documents)
    return found


def _finding(
    problem: str, path: str, message: str, value: Any = None, limit: Any = None, passes: Any = None
) -> Finding:
    return Finding(
        f"catalogue-{problem}", message, path, limit=limit, value=_shown(value), passes=passes
    )


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)[:80]


def _object(fields: Mapping[str, Check], optional: frozenset[str] = frozenset()) -> Check:
    """An object with these fields and no others."""

    def look(path: str, value: Any) -> Found:
        if not isinstance(value, dict):
            yield _finding(
                "type", path, f"is {_kind(value)}; an object with {_list(fields)} passes", value
            )
            return
        for key in value:
            if key not in fields:
                yield _finding(
                    "unknown",
                    _join(path, str(key)),
                    f"is no field of these; {_list(fields)} pass",
                    limit=list(fields),
                )
        for key, inner in fields.items():
            if key in value:
                yield from inner(_join(path, key), value[key])
            elif key not in optional:
                yield _finding("missing", _join(path, key), "is missing", passes=_example(inner))

    return look


def _entries(inner: Check, key: str) -> Check:
    """An object whose keys are names."""

    def look(path: str, value: Any) -> Found:
        if not isinstance(value, dict) or not value:
            yield _finding(
                "type", path, f"is {_kind(value)}; an object with one entry or more passes", value
            )
            return
        for name, item in value.items():
            if not isinstance(name, str) or not re.fullmatch(key, name):
                yield _finding(
                    "name",
                    _join(path, str(name)),
                    f"{str(name)[:80]!r} is no name for it",
                    name,
                    key,
                )
            yield from inner(_join(path, str(name)), item)

    return look


def _list_of(inner: Check, *, most: int = 1000, empty: bool = True) -> Check:
    def look(path: str, value: Any) -> Found:
        if not isinstance(value, list):
            yield _finding("type", path, f"is {_kind(value)}; a list passes", value, passes=[])
            return
        if not value and not empty:
            yield _finding("empty", path, "is empty; one entry or more passes", limit=1)
        if len(value) > most:
            yield _finding(
                "too-many", path, f"has {len(value)} entries; {most} pass", len(value), most, most
            )
        texts = [str(item) for item in value]
        for index, item in enumerate(value[:most]):
            if texts.index(texts[index]) < index:
                yield _finding("twice", f"{path}[{index}]", f"{texts[index][:80]!r} is there twice")
            yield from inner(f"{path}[{index}]", item)

    return look


def _text(pattern: str, example: str) -> Check:
    def look(path: str, value: Any) -> Found:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            yield _finding(
                "text",
                path,
                f"{_quoted(value)} does not pass; {example!r} does",
                value,
                pattern,
                example,
            )

    look.example = example  # type: ignore[attr-defined]
    return look


def _one_of(*choices: str) -> Check:
    def look(path: str, value: Any) -> Found:
        if value not in choices:
            yield _finding(
                "choice",
                path,
                f"{_quoted(value)} is none of {', '.join(choices)}",
                value,
                list(choices),
                choices[0],
            )

    look.example = choices[0]  # type: ignore[attr-defined]
    return look


def _whole(least: int, most: int) -> Check:
    def look(path: str, value: Any) -> Found:
        if not isinstance(value, int) or isinstance(value, bool):
            yield _finding(
                "number",
                path,
                f"{_quoted(value)} is no whole number; {least} to {most} pass",
                value,
            )
        elif value < least:
            yield _finding("below-floor", path, f"{value} is below {least}", value, least, least)
        elif value > most:
            yield _finding("above-ceiling", path, f"{value} is above {most}", value, most, most)

    look.example = least  # type: ignore[attr-defined]
    return look


def _quantity(path: str, value: Any) -> Found:
    number = parse(value) if isinstance(value, str) else None
    if number is None:
        yield _finding(
            "quantity",
            path,
            f'{_quoted(value)} is no Kubernetes quantity in quotes; "250m", "1", "128Mi" pass',
            value,
            passes="1",
        )
    elif number <= 0:
        yield _finding("below-floor", path, f"{value} is not above 0", value, 0)


def _instant(path: str, value: Any) -> Found:
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
    yield _finding(
        "instant",
        path,
        f'{_quoted(value)} is no RFC 3339 instant in quotes; "2026-12-20T00:00:00Z" passes',
        value,
        passes="2026-12-20T00:00:00Z",
    )


def _range(
    inner: Check, *, default: bool = False, order: Callable[[Any], Any] = lambda number: number
) -> Check:
    """``{min, max}``, perhaps with ``default``, in that order."""
    names = ("min", "default", "max") if default else ("min", "max")
    shape = _object(dict.fromkeys(names, inner))

    def look(path: str, value: Any) -> Found:
        found = list(shape(path, value))
        yield from found
        if found:
            return
        for low, high in pairwise(names):
            if order(value[low]) > order(value[high]):
                yield _finding(
                    "crossed",
                    _join(path, high),
                    f"{value[high]} is below {low}, which is {value[low]}",
                    value[high],
                    value[low],
                    value[low],
                )

    return look


def _window(path: str, value: Any) -> Found:
    found = list(_WINDOW(path, value))
    yield from found
    if not found and _at(value["from"]) >= _at(value["until"]):
        yield _finding(
            "crossed",
            _join(path, "until"),
            f"{value['until']} is not after from, which is {value['from']}",
            value["until"],
            value["from"],
        )


def _freezes(path: str, value: Any) -> Found:
    found = list(_FREEZES(path, value))
    yield from found
    if found:
        return
    names = [window["name"] for window in value["windows"]]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield _finding(
                "twice", f"{path}.windows[{index}].name", f"{name!r} is there twice", name
            )
    for index, exception in enumerate(value["exceptions"]):
        if exception["window"] not in names:
            yield _finding(
                "unknown-window",
                f"{path}.exceptions[{index}].window",
                f"{exception['window']!r} is the name of no window",
                exception["window"],
                names,
                names[0] if names else None,
            )


def _known_runtimes(documents: Mapping[str, Any]) -> Found:
    """Every runtime of a plan is in the catalogue."""
    try:
        plans, known = documents["plans"]["plans"], list(documents["runtimes"]["runtimes"])
        asked = [(plan, item["function"]["runtimes"]) for plan, item in plans.items()]
    except (KeyError, TypeError, AttributeError):
        return  # said already
    for plan, runtimes in asked:
        for index, runtime in enumerate(runtimes if isinstance(runtimes, list) else ()):
            if runtime not in known:
                yield _finding(
                    "unknown-runtime",
                    f"plans.{plan}.function.runtimes[{index}]",
                    f"{runtime!r} is not in data/runtimes.yaml",
                    runtime,
                    known,
                    known[0] if known else None,
                )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _kind(value: Any) -> str:
    if value is None or value in ({}, []):
        return "empty"
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return names.get(type(value), "a number")


def _quoted(value: Any) -> str:
    return repr(str(value)[:80]) if isinstance(value, str) else _kind(value)


def _list(names: Mapping[str, Any]) -> str:
    return ", ".join(names)


def _example(inner: Check) -> Any:
    return getattr(inner, "example", None)


_NOTE = _text(r"(?s).*\S.{0,500}", "stock-taking")
_WINDOW = _object(
    {
        "name": _text(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "year-end"),
        "from": _instant,
        "until": _instant,
        "reason": _NOTE,
        "outcome": _one_of(*OUTCOMES),
        "tenants": _list_of(_text(r"[a-z]([a-z0-9-]*[a-z0-9])?", "demo"), empty=False),
    },
    optional=frozenset({"outcome", "tenants"}),
)
_EXCEPTION = _object(
    {
        "window": _text(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "year-end"),
        "tenant": _text(r"[a-z]([a-z0-9-]*[a-z0-9])?", "demo"),
        "until": _instant,
        "reason": _NOTE,
        "by": _NOTE,
        "namespace": _text(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "default"),
        "object": _text(r"(Function|HTTPTrigger)/[a-z0-9]([a-z0-9.-]*[a-z0-9])?", "Function/hello"),
    },
    optional=frozenset({"namespace", "object"}),
)
_FREEZES = _object(
    {
        "windows": _list_of(_window, most=WINDOWS_LIMIT),
        "exceptions": _list_of(_EXCEPTION, most=WINDOWS_LIMIT),
    }
)
_FUNCTION = _object(
    {
        "cpu": _range(_quantity, default=True, order=parse),
        "memory": _range(_quantity, default=True, order=parse),
        "replicas": _object({"max": _whole(1, REPLICAS_LIMIT)}),
        "timeout": _range(_whole(1, TIMEOUT_LIMIT)),
        "concurrency": _range(_whole(1, CONCURRENCY_LIMIT)),
        "source": _range(_whole(1, INLINE_LIMIT)),
        "runtimes": _list_of(_text(r"[a-z][a-z0-9.-]*", "python3.11"), empty=False),
    }
)
_TRIGGER = _object({"interval": _whole(60, INTERVAL_LIMIT)})
_VARIABLE = _text(r"[A-Z_][A-Z0-9_]*", "PATH")
_SHAPES: dict[str, Check] = {
    "runtimes": _entries(
        _object(
            {
                "status": _one_of(*STATUSES),
                "suffix": _text(r"\.[a-z0-9]+", ".py"),
                "dependencies": _one_of("requirements.txt"),
            },
            optional=frozenset({"dependencies"}),
        ),
        r"[a-z][a-z0-9.-]*",
    ),
    "plans": _entries(
        _object({"function": _FUNCTION, "trigger": _TRIGGER}, optional=frozenset({"trigger"})),
        r"[a-z][a-z0-9-]*",
    ),
    "dependencies": _object({"bytes": _whole(1, DEPENDENCIES_LIMIT), "packages": _whole(1, 1000)}),
    "hosts": _object({"reserved_suffixes": _list_of(_text(_DNS, "cluster.local"), empty=False)}),
    "env": _object(
        {
            "reserved_names": _list_of(_VARIABLE, empty=False),
            "reserved_prefixes": _list_of(_VARIABLE, empty=False),
        }
    ),
    "annotations": _object(
        {
            "most": _whole(1, ANNOTATIONS_LIMIT - 1),
            "ingress": _list_of(_text(rf"{_DNS}(/[A-Za-z0-9._-]+)?", "nginx.org"), empty=False),
        }
    ),
    "freezes": _freezes,
}
