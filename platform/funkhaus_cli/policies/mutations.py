"""Small changes to a rule that its test has to notice: a test that passes on a broken rule tests nothing.

Comparisons are turned and shifted, numbers and strings changed, truth values flipped, `not` taken away, conditions dropped.
Words for people (messages) are left alone.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPARISONS = {
    "==": ("!=",),
    "!=": ("==",),
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    ">": (">=", "<"),
    ">=": (">", "<"),
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "/": ("*",),
}
OUTCOMES = {"deny": "warn", "warn": "deny", "require_approval": "warn"}
SPOKEN = ("message",)
"""Keys of a finding whose text is for people."""


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """`old` at byte `start` of the file, on `line`, becomes `new`."""

    file: str
    start: int
    line: int
    old: str
    new: str

    def applied(self, source: bytes) -> bytes:
        """The file with the change in it."""
        end = self.start + len(self.old.encode())
        return source[: self.start] + self.new.encode() + source[end:]

    @property
    def said(self) -> str:
        """The change, in one line."""
        old, new = (" ".join(text.split())[:60] for text in (self.old, self.new))
        return f"`{old}` could be `{new}`" if new else f"`{old}` could be left out"


def mutants(file: str, source: bytes, parsed: dict[str, Any]) -> list[Mutant]:
    """Every change, in the order of the file; `parsed` is the file's syntax tree with locations."""
    starts = [0]
    for line in source.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    found: set[Mutant] = set()
    for row, column, old, new in _changes(parsed.get("rules", [])):
        start = starts[row - 1] + column - 1
        if source[start : start + len(old.encode())] == old.encode() and old != new:
            found.add(Mutant(file, start, row, old, new))
    return sorted(found)


Change = tuple[int, int, str, str]


def _changes(node: Any, *, spoken: bool = False) -> Iterator[Change]:  # noqa: ANN401 - a syntax tree
    if isinstance(node, list):
        for item in node:
            yield from _changes(item, spoken=spoken)
    elif isinstance(node, dict):
        if "terms" in node:
            yield from _expression(node)
        if node.get("type") == "object":
            for key, value in node["value"]:
                yield from _changes(value, spoken=spoken or key.get("value") in SPOKEN)
        elif node.get("type") == "ref":
            yield from _reference(node)
        else:
            yield from _others(node, spoken=spoken)


def _others(node: dict[str, Any], *, spoken: bool) -> Iterator[Change]:
    kind = node.get("type")
    if kind in {"number", "string", "boolean"} and not spoken:
        yield from _constant(node)
    if kind == "call" and isinstance(node.get("value"), list):
        yield from _operator(node["value"][0])
        spoken = spoken or _named(node["value"][0]) == "sprintf"
    for key, value in node.items():
        if key not in {"location", "annotations", "reference", "ref", "name", "with"}:
            yield from _changes(value, spoken=spoken)


def _reference(node: dict[str, Any]) -> Iterator[Change]:
    """Inside the brackets of a reference: calls and indices, but not the names of fields."""
    for term in node["value"][1:]:
        if term.get("type") not in {"string", "var"}:
            yield from _changes(term)


def _expression(node: dict[str, Any]) -> Iterator[Change]:
    place = _place(node)
    terms = node["terms"]
    if isinstance(terms, list) and terms:
        yield from _operator(terms[0])
    if place is None:
        return
    row, column, text = place
    if node.get("negated") and text.startswith("not "):
        yield row, column, "not ", ""
    if not _binds(node) and text not in {"true", "false"}:
        yield row, column, text, "true"


def _binds(node: dict[str, Any]) -> bool:
    """Whether others lean on what the expression gives a name to."""
    terms = node["terms"]
    if isinstance(terms, dict):
        return "symbols" in terms or "domain" in terms
    return _named(terms[0]) in {"assign", "eq"} if terms else False


def _operator(term: dict[str, Any]) -> Iterator[Change]:
    place = _place(term)
    if place and place[2] in COMPARISONS:
        for other in COMPARISONS[place[2]]:
            yield place[0], place[1], place[2], other


def _constant(node: dict[str, Any]) -> Iterator[Change]:
    place, value = _place(node), node["value"]
    if place is None:
        return
    row, column, text = place
    if node["type"] == "number" and text.isdigit():
        yield row, column, text, str(int(text) + 1)
    elif node["type"] == "boolean" and text in {"true", "false"}:
        yield row, column, text, "false" if value else "true"
    elif node["type"] == "string" and text[:1] in {'"', "`"}:
        new = OUTCOMES.get(value, f"{value}~")
        yield row, column, text, f"{text[0]}{new}{text[0]}" if value in OUTCOMES else _longer(text)


def _longer(text: str) -> str:
    return f"{text[:-1]}~{text[-1]}"


def _named(term: dict[str, Any]) -> str:
    value = term.get("value")
    if isinstance(value, list):
        return ".".join(str(part.get("value")) for part in value)
    return str(value)


def _place(node: dict[str, Any]) -> tuple[int, int, str] | None:
    location = node.get("location") or {}
    if not isinstance(location, dict) or not location.get("text"):
        return None
    text = base64.b64decode(location["text"]).decode("utf-8", "replace")
    return int(location["row"]), int(location["col"]), text
