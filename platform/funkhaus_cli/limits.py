"""Sums of quotas as the API shows them: CPU and memory are Kubernetes quantities, the rest numbers."""

from __future__ import annotations

from typing import Any

from funkhaus.domain.quantity import bytes_of, cpu_text, memory_text, millicores

Limits = dict[str, Any]


def plus(limits: Limits, *extras: Limits) -> Limits:
    """With all of `extras` on top."""
    return _each(limits, extras, 1)


def less(limits: Limits, *extras: Limits) -> Limits:
    """Without any of `extras`, never below zero."""
    return _each(limits, extras, -1)


def _each(limits: Limits, extras: tuple[Limits, ...], sign: int) -> Limits:
    found = {}
    for key, value in limits.items():
        amounts = [_number(key, item[key]) for item in extras if key in item]
        amount = max(0, _number(key, value) + sign * sum(amounts))
        found[key] = {"cpu": cpu_text, "memory": memory_text}.get(key, int)(amount)
    return found


def _number(key: str, value: Any) -> int:  # noqa: ANN401 - JSON
    if key == "cpu":
        return millicores(str(value)) or 0
    return (bytes_of(str(value)) or 0) if key == "memory" else int(value)
