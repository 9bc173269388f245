"""What kube-apiserver itself measures functions and triggers by: the house's data as the ConfigMap its policies read.

The rules are CEL in the chart (`templates/webhook/backstop-*.yaml`) and never change with a policy set; this is all that
does. Values are texts: lists hold a line each, amounts are digits or quantities. What a set lacks has no key, and a rule
that finds no key refuses.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import CONFIG_MAP
from funkhaus.domain.quantity import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NAME = "funkhaus-bounds"
"""The ConfigMap's, in the platform's own namespace."""
RULES = (
    "annotations", "concurrency", "cpu", "env", "handler", "hostname", "memory", "origin", "path", "replicas", "runtime",
    "schedule", "source", "timeout", "tls",
)  # fmt: skip
"""Rules that judge an object by itself and by catalogues, as the folders below ``funkhaus/admission/`` are called. Of
`schedule` the history alone: when a schedule comes, CEL can't say.
"""
PASSING = frozenset({"active", "deprecated"})
"""Statuses of a runtime that functions may have."""
_RULE = re.compile(r"funkhaus/admission/([a-z][a-z0-9_-]*)/[a-z0-9_/-]+\.rego\Z")
_MILLI = Decimal(1000)


def bounds(
    files: Iterable[str],
    catalogues: Mapping[str, Any],
    *,
    revision: str,
    domain: str,
    namespace: str,
) -> dict[str, Any]:
    """The ConfigMap for a policy set with these `files` (paths) and `catalogues` (``data/<name>.yaml`` by name).

    A rule whose folder the set has no longer is not enforced: what the house gave up, the backstop does not hold on to.
    """
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.name,
        "metadata": {"namespace": namespace, "name": NAME},
        "data": {
            "revision": revision,
            "domain": domain,
            "rules": _lines(_rules(files)),
            **dict(_plans(catalogues)),
            **dict(_runtimes(catalogues)),
            **dict(_lists(catalogues)),
            **dict(_origins(catalogues)),
        },
    }


def _rules(files: Iterable[str]) -> list[str]:
    held = {match[1] for path in files if (match := _RULE.match(path))}
    return [rule for rule in RULES if rule in held]


def _plans(catalogues: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    plans = _object(catalogues, "plans", "plans")
    yield "plans", _lines(plans)
    statuses = _object(catalogues, "runtimes", "runtimes")
    for plan in plans:
        function, at = _object(plans, plan, "function"), f"plan.{plan}"
        yield (
            f"{at}.runtimes",
            _lines(
                item
                for item in function.get("runtimes") or ()
                if _object(statuses, item).get("status") in PASSING
            ),
        )
        for amount, unit, scale in (("cpu", "m", _MILLI), ("memory", "", Decimal(1))):
            yield from _within(at, amount, _object(function, amount), unit, scale)
        for amount in ("timeout", "concurrency", "source", "replicas", "idle"):
            for side in ("min", "max"):
                if isinstance(bound := _object(function, amount).get(side), int):
                    yield f"{at}.{amount}.{side}", str(bound)


def _within(
    at: str, amount: str, found: Mapping[str, Any], unit: str, scale: Decimal
) -> Iterator[tuple[str, str]]:
    """The bounds of a quantity that is rounded up to whole units before it is judged: above `over` is the floor or more."""
    least, most = _number(found.get("min")), _number(found.get("max"))
    if least is not None:
        whole = int((least * scale).to_integral_value(ROUND_CEILING))
        yield f"{at}.{amount}.over", f"{whole - 1}{unit}"
    if most is not None:
        whole = int((most * scale).to_integral_value(ROUND_FLOOR))
        yield f"{at}.{amount}.max", f"{whole}{unit}"


def _number(bound: object) -> Decimal | None:
    return parse(str(bound)) if isinstance(bound, str | int | float) else None


def _runtimes(catalogues: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a source file of each runtime ends in; a handler's module has to be such a file."""
    for name, runtime in _object(catalogues, "runtimes", "runtimes").items():
        if suffix := _object({name: runtime}, name).get("suffix"):
            yield f"runtime.{name}.suffix", str(suffix)


def _lists(catalogues: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for catalogue, key in (
        ("env", "reserved_names"),
        ("env", "reserved_prefixes"),
        ("hosts", "reserved_suffixes"),
        ("annotations", "ingress"),
    ):
        found = _object(catalogues, catalogue, catalogue).get(key)
        if isinstance(found, list):
            yield f"{catalogue}.{key}", _lines(found)
    if isinstance(most := _object(catalogues, "annotations", "annotations").get("most"), int):
        yield "annotations.most", str(most)


def _origins(catalogues: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where sources may be fetched from: everybody, and whoever may from more places."""
    sources = _object(catalogues, "sources", "sources")
    yield "sources.origins", _lines(_listed(sources.get("origins")))
    for whose in ("plans", "tenants"):
        for name, origins in _object(sources, whose).items():
            yield f"sources.{whose}.{name}", _lines(_listed(origins))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _object(within: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The object below these keys; empty where there is none."""
    found: Any = dict(within)
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _lines(items: Iterable[object]) -> str:
    return "\n".join(str(item) for item in items)
