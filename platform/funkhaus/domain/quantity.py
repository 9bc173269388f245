"""Kubernetes quantities, exactly: CPU in millicores, memory in bytes.

Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/. Only integers leave this module.
A fraction of a millicore or a byte is rounded up, as kube-apiserver does.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

_SUFFIXES: dict[str, Decimal] = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(
    r"([+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}))(?:[eE]([+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i))?\Z",
    re.ASCII,  # other scripts' digits are digits to Python and to nobody else
)
LENGTH_LIMIT = 48


def parse(text: str) -> Decimal | None:
    """The number a quantity stands for, or ``None`` when `text` is not a quantity."""
    if len(text) > LENGTH_LIMIT or not (match := _QUANTITY.match(text)):
        return None
    number, exponent, suffix = match.groups()
    scale = Decimal(10) ** int(exponent) if exponent else _SUFFIXES[suffix or ""]
    return Decimal(number) * scale


def millicores(text: str) -> int | None:
    """CPU in millicores, rounded up; ``None`` when `text` is not a quantity."""
    value = parse(text)
    return None if value is None else int((value * 1000).to_integral_value(ROUND_CEILING))


def bytes_of(text: str) -> int | None:
    """Memory in bytes, rounded up; ``None`` when `text` is not a quantity."""
    value = parse(text)
    return None if value is None else int(value.to_integral_value(ROUND_CEILING))


def cpu_text(millis: int) -> str:
    """The canonical text of `millis` millicores: ``2`` or ``250m``."""
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis}m"


def memory_text(size: int) -> str:
    """The canonical text of `size` bytes: the largest binary unit that divides it."""
    for unit, power in (("Gi", 3), ("Mi", 2), ("Ki", 1)):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{unit}"
    return str(size)
