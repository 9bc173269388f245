# ruff: noqa: ANN401 - what is looked at is any JSON
"""What the data files of the house rules (`policies/data/<name>.yaml`) may say, beyond being YAML.

A rule that meets a bound it can't read refuses everything, so a slip in such a file stops every tenant. Each finding names
the field, the limit, the value and what would pass. Files of other names are whoever's rules they belong to.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from funkhaus.domain.approval import DAYS_LIMIT, DECIDERS, PEOPLE_LIMIT
from funkhaus.domain.function import DEPENDENCIES_LIMIT, INLINE_LIMIT
from funkhaus.domain.origin import ORIGIN
from funkhaus.domain.quantity import parse
from funkhaus.domain.shapes import (
    Check,
    Found,
    amount,
    entries,
    finding,
    instant,
    join,
    list_of,
    object_of,
    one_of,
    ordered,
    quantity,
    text,
    whole,
)
from funkhaus.domain.subject import PlatformRole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.domain.verdict import Finding

NAMES = (
    "annotations",
    "approvals",
    "dependencies",
    "env",
    "freezes",
    "hosts",
    "plans",
    "runtimes",
    "sources",
)
"""The files rules of the house read; each holds one key, its own name."""
OPTIONAL = frozenset({"approvals", "sources"})
"""Those that sets of before have not: without them the platform's admins and approvers approve, and nothing is fetched."""
STATUSES = ("active", "deprecated", "blocked")
OUTCOMES = ("deny", "require_approval")
WINDOWS_LIMIT = 200
ANNOTATIONS_LIMIT = 256
"""More names than these are never shown to a rule (`funkhaus.policy.inputs`)."""
TIMEOUT_LIMIT = 24 * 3600
INTERVAL_LIMIT = 24 * 3600
"""The smallest interval of a schedule is never said to be more than a day (`funkhaus.domain.cron`)."""
BACKENDS_LIMIT = 16
"""As many as one HTTPRoute leads to."""
CONCURRENCY_LIMIT = 10_000
IDLE_LEAST, IDLE_LIMIT = 5, 7 * 24 * 3600
"""Seconds: going to sleep takes some itself, and a week is for ever."""
REPLICAS_LIMIT = 1000
_DNS = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
_MISSING: Any = object()


def check(documents: Mapping[str, Any]) -> list[Finding]:
    """The findings about the documents, each below the name of its file, paths within the file; empty when all is well."""
    found: list[Finding] = []
    for name in NAMES:
        document = documents.get(name, _MISSING)
        if document is _MISSING and name in OPTIONAL:
            continue
        if document is _MISSING:
            found.append(finding("missing", name, "is missing; rules of the house read it"))
            continue
        found += object_of({name: _SHAPES[name]})("", document)
    found += _known_runtimes(documents)
    return found


def _window(path: str, value: Any) -> Found:
    found = list(_WINDOW(path, value))
    yield from found
    if not found and _at(value["from"]) >= _at(value["until"]):
        yield finding(
            "crossed",
            join(path, "until"),
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
            yield finding(
                "twice", f"{path}.windows[{index}].name", f"{name!r} is there twice", name
            )
    for index, exception in enumerate(value["exceptions"]):
        if exception["window"] not in names:
            yield finding(
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
                yield finding(
                    "unknown-runtime",
                    f"plans.{plan}.function.runtimes[{index}]",
                    f"{runtime!r} is not in data/runtimes.yaml",
                    runtime,
                    known,
                    known[0] if known else None,
                )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


_NOTE = text(r"(?s).*\S.{0,500}", "stock-taking")
_WINDOW = object_of(
    {
        "name": text(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "year-end"),
        "from": instant,
        "until": instant,
        "reason": _NOTE,
        "outcome": one_of(*OUTCOMES),
        "tenants": list_of(text(r"[a-z]([a-z0-9-]*[a-z0-9])?", "demo"), empty=False),
    },
    optional=frozenset({"outcome", "tenants"}),
)
_EXCEPTION = object_of(
    {
        "window": text(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "year-end"),
        "tenant": text(r"[a-z]([a-z0-9-]*[a-z0-9])?", "demo"),
        "until": instant,
        "reason": _NOTE,
        "by": _NOTE,
        "namespace": text(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "default"),
        "object": text(r"(Function|HTTPTrigger)/[a-z0-9]([a-z0-9.-]*[a-z0-9])?", "Function/hello"),
    },
    optional=frozenset({"namespace", "object"}),
)
_FREEZES = object_of(
    {
        "windows": list_of(_window, most=WINDOWS_LIMIT),
        "exceptions": list_of(_EXCEPTION, most=WINDOWS_LIMIT),
    }
)
_FUNCTION = object_of(
    {
        "cpu": ordered(quantity, "min", "default", "max", soft="approval", order=parse),
        "memory": ordered(quantity, "min", "default", "max", soft="approval", order=parse),
        "replicas": ordered(whole(1, REPLICAS_LIMIT), "max", soft="approval"),
        "timeout": ordered(whole(1, TIMEOUT_LIMIT), "min", "max"),
        "concurrency": ordered(whole(1, CONCURRENCY_LIMIT), "min", "max"),
        "source": ordered(whole(1, INLINE_LIMIT), "min", "max"),
        "idle": ordered(whole(IDLE_LEAST, IDLE_LIMIT), "min", "max"),
        "runtimes": list_of(text(r"[a-z][a-z0-9.-]*", "python3.11"), empty=False),
    },
    optional=frozenset({"idle"}),
)
_TRIGGER = object_of(
    {"interval": whole(60, INTERVAL_LIMIT), "backends": whole(1, BACKENDS_LIMIT)},
    optional=frozenset({"backends"}),
)
_VARIABLE = text(r"[A-Z_][A-Z0-9_]*", "PATH")
_APPROVERS = object_of(
    {
        "platform": list_of(one_of(*sorted(PlatformRole)), empty=False),
        "tenant": list_of(one_of(*sorted(DECIDERS))),
        "tenant_up_to": amount,
        "people": whole(1, PEOPLE_LIMIT),
        "days": whole(1, DAYS_LIMIT),
    },
    optional=frozenset({"tenant", "tenant_up_to"}),
)
_ORIGINS = list_of(text(ORIGIN, "https://github.com"))
_SHAPES: dict[str, Check] = {
    "approvals": object_of(
        {"default": _APPROVERS, "rules": entries(_APPROVERS, r"[a-z][a-z0-9-]*", empty=True)}
    ),
    "runtimes": entries(
        object_of(
            {
                "status": one_of(*STATUSES),
                "suffix": text(r"\.[a-z0-9]+", ".py"),
                "dependencies": one_of("requirements.txt"),
            },
            optional=frozenset({"dependencies"}),
        ),
        r"[a-z][a-z0-9.-]*",
    ),
    "plans": entries(
        object_of({"function": _FUNCTION, "trigger": _TRIGGER}, optional=frozenset({"trigger"})),
        r"[a-z][a-z0-9-]*",
    ),
    "dependencies": object_of({"bytes": whole(1, DEPENDENCIES_LIMIT), "packages": whole(1, 1000)}),
    "hosts": object_of({"reserved_suffixes": list_of(text(_DNS, "cluster.local"), empty=False)}),
    "env": object_of(
        {
            "reserved_names": list_of(_VARIABLE, empty=False),
            "reserved_prefixes": list_of(_VARIABLE, empty=False),
        }
    ),
    "annotations": object_of(
        {
            "most": whole(1, ANNOTATIONS_LIMIT - 1),
            "ingress": list_of(text(rf"{_DNS}(/[A-Za-z0-9._-]+)?", "nginx.org"), empty=False),
        }
    ),
    "freezes": _freezes,
    "sources": object_of(
        {
            "origins": _ORIGINS,
            "plans": entries(_ORIGINS, r"[a-z][a-z0-9-]*", empty=True),
            "tenants": entries(_ORIGINS, r"[a-z]([a-z0-9-]*[a-z0-9])?", empty=True),
        },
        optional=frozenset({"plans", "tenants"}),
    ),
}
