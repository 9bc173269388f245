"""Two revisions side by side, as a unified diff: their settings first, then every file."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.failure import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTEXT = 3
WIDTH = 500
"""Characters of a line."""
LINES = 2000
"""Shown at most."""
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The diff as text; a sentence where there is none."""
    lines = list(_lines(before, after))
    if not lines:
        return f"{before['name']} and {after['name']} are the same."
    if len(lines) > LINES:
        lines = [*lines[:LINES], f"… and {len(lines) - LINES} lines more (-o json has all)"]
    return "\n".join(click.style(line, fg=_COLOURS.get(line[:1])) for line in lines)


def _lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    names = before["name"], after["name"]
    yield from _unified(_settings(before), _settings(after), *names)
    old, new = _files(before), _files(after)
    for path in sorted({*old, *new}):
        sides = (f"{name}/{path}" for name in names)
        yield from _unified(old.get(path, []), new.get(path, []), *sides)


def _unified(old: list[str], new: list[str], before: str, after: str) -> Iterator[str]:
    for line in difflib.unified_diff(old, new, before, after, n=CONTEXT, lineterm=""):
        text = line[1:].expandtabs(4)
        yield line[:1] + " " * (len(text) - len(text.lstrip(" "))) + plain(text, WIDTH)


def _settings(revision: Mapping[str, Any]) -> list[str]:
    spec = revision["spec"]
    lines = [
        f"runtime: {spec['runtime']}",
        f"base image: {revision['runtimeImage']}",
        f"handler: {spec['handler']}",
        f"cpu: {spec['resources']['cpu']}",
        f"memory: {spec['resources']['memory']}",
        f"timeout: {spec['timeout']} s",
        f"concurrency: {spec['concurrency']}",
    ]
    if not _files(revision):
        lines.append(f"source: {revision['sourceDigest']}")
    return lines + [f"env {item['name']}: {_value(item)}" for item in spec["env"]]


def _value(item: Mapping[str, Any]) -> str:
    for kind, word in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if reference := item.get(kind):
            return f"from {word} {reference['name']}, key {reference['key']}"
    return str(item.get("value"))


def _files(revision: Mapping[str, Any]) -> dict[str, list[str]]:
    source = revision["spec"].get("source") or {}
    files = (source.get("inline") or {}).get("files") or {}
    return {name: str(text).splitlines() for name, text in files.items()}
