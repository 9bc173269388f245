"""What went wrong inside a function lately, read off its log: the runtime writes its errors as JSON lines.

A worker that was killed and replaced leaves no trace in any object of the cluster, only there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TAIL = 300
"""Lines of each replica that are looked at."""
KINDS = 5
"""Different troubles that are told, the latest."""
_LONGEST = 1e6
"""Seconds a time-out can credibly have: a log is no trusted source."""
_REPLICA = re.compile(rb"\[[^\]]*\] ?")


@dataclass
class Trouble:
    """One kind of trouble: the runtime's word for it, what it said last, when, and how often."""

    event: str
    said: str
    at: str
    count: int = 1


def troubles(log: bytes) -> list[Trouble]:
    """The latest kinds of trouble, newest first; what the function itself wrote is none."""
    found: dict[tuple[str, str], Trouble] = {}
    for entry in _errors(log):
        trouble = Trouble(str(entry["event"]), _said(entry), str(entry.get("time") or ""))
        if before := found.pop((trouble.event, trouble.said), None):
            trouble.count += before.count
        found[trouble.event, trouble.said] = trouble
    return sorted(found.values(), key=lambda trouble: trouble.at)[: -KINDS - 1 : -1]


def _errors(log: bytes) -> Iterator[dict[str, Any]]:
    for line in log.splitlines():
        text = _REPLICA.sub(b"", line, count=1) if line.startswith(b"[") else line
        if not text.startswith(b"{"):
            continue
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and entry.get("level") == "error" and entry.get("event"):
            yield entry


def _said(entry: dict[str, Any]) -> str:
    """The reason where there is one, else the last line of the traceback or the place it stood at."""
    if reason := entry.get("reason"):
        return str(reason)
    lines = [line for line in str(entry.get("traceback") or "").splitlines() if line.strip()]
    if lines:
        return lines[-1]
    stack = entry.get("stack")
    where = f" at {stack[-1]}" if isinstance(stack, list) and stack else ""
    seconds = entry.get("timeout")
    if isinstance(seconds, int | float) and 0 < seconds < _LONGEST:
        return f"it took longer than {seconds:g} s{where}"
    return ""
