"""The page `function describe` shows: what a person wants to know first comes first."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from funkhaus.domain.kinds import GROUP
from funkhaus.domain.origin import shown
from funkhaus_cli import split
from funkhaus_cli.failure import plain
from funkhaus_cli.layout import INDENT, pairs, section, wrapped
from funkhaus_cli.output import NOTHING, Column, Styled, age, table
from funkhaus_cli.trouble import troubles
from funkhaus_cli.waiting import STEPS, is_ready, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

EVENTS = 10
_COLOURS = {"True": "green", "False": "red"}
_KILLED = 137
"""128 + SIGKILL: what an out-of-memory kill and a missed grace period leave."""


def page(document: Mapping[str, Any], now: datetime, log: bytes = b"") -> str:
    """The description as text, in sections; nothing in it is longer than a screen is wide, URLs excepted.

    `log` is the end of what the replicas wrote.
    """
    function = document.get("function") or {}
    sections = (
        _head(function, now),
        _conditions(function, now),
        _source(function),
        _environment(function),
        _pods(document, now),
        _troubles(log, now),
        _triggers(document, now),
        _revisions(document, now),
        _events(document, now),
    )
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section)))


def _head(function: Mapping[str, Any], now: datetime) -> Iterator[str]:
    spec, status = function.get("spec") or {}, function.get("status") or {}
    scaling = spec.get("scaling") or {}
    replicas = status.get("replicas") or {}
    state = (
        Styled(_ready(function), "green")
        if is_ready(function)
        else Styled(_not_ready(function), "yellow")
    )
    revision = status.get("revision") or NOTHING
    if (latest := status.get("latestRevision")) and latest != revision:
        revision = f"{revision} serves, {latest} waits"
    yield from pairs(
        ("Function", function.get("name")),
        ("Where", f"{function.get('tenant')}/{function.get('namespace')}"),
        ("State", state),
        ("URL", "\n".join(status.get("urls") or []) or NOTHING),
        ("Revision", revision),
        ("Replicas", f"{replicas.get('summary') or NOTHING}{_scaled(scaling)}"),
        ("Runtime", spec.get("runtime")),
        ("Handler", spec.get("handler")),
        ("Limits", _limits(spec)),
        ("Labels", _labels(function)),
        ("Created", f"{age(function.get('createdAt'), now)} ago"),
    )  # fmt: skip


def _ready(function: Mapping[str, Any]) -> str:
    conditions = (function.get("status") or {}).get("conditions") or []
    reason = next((item.get("reason") for item in conditions if item.get("type") == "Ready"), "")
    return {"Asleep": "asleep, the next call wakes it", "Waking": "waking"}.get(
        str(reason), "ready"
    )


def _not_ready(function: Mapping[str, Any]) -> str:
    said = sentence(function).partition("\n")[0]
    return f"not ready: {said.removeprefix('Ready: ')}" if said.startswith("Ready: ") else said


def _labels(function: Mapping[str, Any]) -> str:
    """The labels people gave; the platform's own say what the lines above say already."""
    labels = (function.get("labels") or {}).items()
    return ", ".join(f"{key}={value}" for key, value in labels if not key.startswith(f"{GROUP}/"))


def _limits(spec: Mapping[str, Any]) -> str:
    resources = spec.get("resources") or {}
    cpu, memory = (resources.get(key) or "of the plan" for key in ("cpu", "memory"))
    calls = f"timeout {spec.get('timeout')} s, {spec.get('concurrency')} calls at once"
    return f"cpu {cpu}, memory {memory}, {calls}"


def _scaled(scaling: Mapping[str, Any]) -> str:
    low, high = scaling.get("min", 1), scaling.get("max", 1)
    if max(low, 1) != high:
        said = [f"autoscaled {low} to {high} at {scaling.get('cpuPercent', 80)} % CPU"]
    else:
        said = [f"{low} to {high}"] if low != high else []
    if not low:
        said.append(f"asleep after {scaling.get('idle', 300)} s without a call")
    return f" ({', '.join(said)})" if said else ""


def _conditions(function: Mapping[str, Any], now: datetime) -> Iterator[str]:
    conditions = (function.get("status") or {}).get("conditions") or []
    if not conditions:
        yield from section("Conditions", ["none yet: the controller has not seen this function"])
        return
    told: set[object] = set()
    order = {kind: index for index, kind in enumerate(STEPS)}
    yield click.style("Conditions", bold=True)
    for item in sorted(conditions, key=lambda item: order.get(item.get("type"), len(STEPS))):
        kind, state = str(item.get("type")), str(item.get("status"))
        colour = _COLOURS.get(state, "yellow")
        if kind == "Degraded":
            colour = {"True": "red", "False": "green"}.get(state, "yellow")
        head = f"{kind:<9} {click.style(f'{plain(state):<7}', fg=colour)} "
        since = f"{item.get('reason')}, {age(item.get('lastTransitionTime'), now)} ago"
        yield f"{INDENT}{head}{plain(since)}"
        if item.get("observedGeneration", function.get("generation")) != function.get("generation"):
            yield INDENT * 2 + "(of an earlier version of this function)"
        message = item.get("message")
        yield from wrapped("(the same)" if message in told else message, INDENT * 2)
        told |= {message} - {"", None}


def _source(function: Mapping[str, Any]) -> Iterator[str]:
    spec = function.get("spec") or {}
    source = spec.get("source") or {}
    files = (source.get("inline") or {}).get("files") or {}
    lines = [f"{name}, {len(str(text).encode())} bytes" for name, text in sorted(files.items())]
    if digest := (source.get("archive") or {}).get("digest"):
        lines.append(f"archive {digest}")
    if url := source.get("url"):
        inside = f", folder {source['path']}" if source.get("path") else ""
        lines.append(f"{shown(str(url))}{inside}, SHA-256 {source.get('sha256')}")
    if git := source.get("git"):
        inside = f", folder {git['path']}" if git.get("path") else ""
        commit = (function.get("status") or {}).get("commit")
        was = f", commit {commit}" if commit else ""
        lines.append(f"{shown(str(git.get('url')))}, {git.get('ref')}{inside}{was}")
    if dependencies := spec.get("dependencies"):
        count = sum(
            1 for line in str(dependencies).splitlines() if line.strip() and line.lstrip()[0] != "#"
        )
        lines.append(f"dependencies: {count} line{'s' if count != 1 else ''}")
    yield from section("Source", lines)


def _environment(function: Mapping[str, Any]) -> Iterator[str]:
    lines = []
    for item in (function.get("spec") or {}).get("env") or []:
        if reference := item.get("secretKeyRef"):
            shown = f"from Secret {reference.get('name')}, key {reference.get('key')}"
        elif reference := item.get("configMapKeyRef"):
            shown = f"from ConfigMap {reference.get('name')}, key {reference.get('key')}"
        else:
            shown = f"= {item.get('value')}"
        lines.append(f"{item.get('name')} {shown}")
    yield from section("Environment", lines)


def _pods(document: Mapping[str, Any], now: datetime) -> Iterator[str]:
    pods = document.get("pods") or []
    yield click.style("Replicas", bold=True)
    if not pods:
        yield INDENT + "none"
    for pod in pods:
        state = Styled("ready", "green") if pod.get("ready") else Styled(
            str(pod.get("reason") or pod.get("phase") or "not ready"), "yellow"
        )  # fmt: skip
        restarts = pod.get("restarts") or 0
        yield (
            f"{INDENT}{plain(str(pod.get('name')))}  {click.style(plain(state.text), fg=state.colour)}"
            f"  restarts: {restarts}"
        )
        yield from wrapped(pod.get("message"), INDENT * 2)
        if last := pod.get("lastTermination"):
            yield from wrapped(_ended(last, document, now), INDENT * 2, red=True)


def _ended(last: Mapping[str, Any], document: Mapping[str, Any], now: datetime) -> str:
    """How a container ended, in words, with what its end says."""
    code = last.get("exitCode")
    reason = str(last.get("reason") or "ended")
    memory = ((document.get("function") or {}).get("spec") or {}).get("resources") or {}
    if reason == "OOMKilled":
        limit = memory.get("memory")
        why = f"it used more memory than its limit{f' of {limit}' if limit else ''}: --memory gives it more"
    elif code == _KILLED:
        why = "it was killed from outside (SIGKILL)"
    else:
        why = ""
    when = f", {age(last.get('finishedAt'), now)} ago" if last.get("finishedAt") else ""
    said = str(last.get("message") or "").strip()
    return "\n".join(
        part for part in (f"last end: {reason}, exit code {code}{when}", why, said) if part
    )


def _troubles(log: bytes, now: datetime) -> Iterator[str]:
    found = troubles(log)
    if found:
        yield click.style("Trouble in the log", bold=True)
    for trouble in found:
        count = f" ({trouble.count} times)" if trouble.count > 1 else ""
        yield INDENT + plain(f"{age(trouble.at, now)} ago{count}  {trouble.event}")
        yield from wrapped(trouble.said, INDENT * 2, red=True)


def _triggers(document: Mapping[str, Any], now: datetime) -> Iterator[str]:
    lines = []
    for item in document.get("triggers") or []:
        status, spec = item.get("status") or {}, item.get("spec") or {}
        url = (
            status.get("url")
            or f"{spec.get('host') or 'default host'}{spec.get('path') or '/'} (no URL yet)"
        )
        lines.append(f"http {item.get('name')}  {url}")
        if shares := split.text(spec.get("backends") or []):
            lines.append(f"{INDENT}{shares}")
        if not is_ready(item):
            lines.append(f"{INDENT}{sentence(item)}")
    for item in document.get("cronTriggers") or []:
        status, spec = item.get("status") or {}, item.get("spec") or {}
        line = f"cron {item.get('name')}  {spec.get('schedule')} ({spec.get('timeZone')})"
        if coming := status.get("nextRun"):
            line += f", next {age(coming, now)}"
        lines.append(line + _last_run(status.get("lastRun") or {}, now))
        if not is_ready(item):
            lines.append(f"{INDENT}{sentence(item)}")
    yield from section("Triggers", lines or ["none: funkhaus trigger http create makes one"])


def _last_run(last: Mapping[str, Any], now: datetime) -> str:
    if not last:
        return ""
    return f", last {str(last.get('result')).lower()} {age(last.get('at'), now)} ago"


def _revisions(document: Mapping[str, Any], now: datetime) -> Iterator[str]:
    revisions = document.get("revisions") or []
    if revisions:
        yield click.style("Revisions", bold=True)
        columns = [
            Column("NAME", lambda item: item.get("name")),
            Column("STATE", lambda item: item.get("state")),
            Column("AGE", lambda item: age(item.get("createdAt"), now)),
            Column("SOURCE", lambda item: str(item.get("sourceDigest") or "")[:19]),
        ]
        yield textwrap.indent(table(columns, revisions, wide=False), INDENT)


def _events(document: Mapping[str, Any], now: datetime) -> Iterator[str]:
    events = document.get("events") or []
    yield click.style("Events", bold=True)
    if not events:
        yield INDENT + "none"
    for item in events[:EVENTS]:
        count = f" ({item['count']} times)" if (item.get("count") or 1) > 1 else ""
        line = f"{age(item.get('lastSeen'), now)} ago{count}  {item.get('reason')}  {item.get('object')}"
        colour = "yellow" if item.get("type") == "Warning" else None
        yield INDENT + click.style(plain(line), fg=colour)
        yield from wrapped(item.get("message"), INDENT * 2)
    if len(events) > EVENTS:
        yield f"{INDENT}… and {len(events) - EVENTS} older ones: -o json shows them"
