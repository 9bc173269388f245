"""A function's revisions as people look at them: where each stands, what it changed, and which one to go back to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from funkhaus.domain import requirements

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from funkhaus.domain.function import EnvVar, RevisionSpec


class RevisionState(StrEnum):
    """Where a revision stands."""

    SERVING = "serving"
    STARTING = "starting"
    """Asked for last, and not ready yet."""
    FAILED = "failed"
    """Asked for last, and does not become ready."""
    PINNED = "pinned"
    """Runs because a trigger's split names it."""
    KEPT = "kept"
    """Served before, and can again."""
    UNUSED = "unused"
    """Never served: something newer was asked for first."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored revision. `created_at` and `served_at` are RFC 3339, the latter empty while it never served; `author` is a
    cluster user, empty where nobody wrote it down.
    """

    name: str
    spec: RevisionSpec
    created_at: str
    served_at: str = ""
    author: str = ""
    state: RevisionState = RevisionState.UNUSED


def state(
    name: str,
    served_at: str,
    *,
    active: str,
    latest: str,
    failing: bool,
    pinned: Collection[str] = (),
) -> RevisionState:
    """The state of a revision; `active` serves, `latest` was asked for last, `failing` says that it does not get ready;
    `pinned` run beside them.
    """
    if name == active:
        return RevisionState.SERVING
    if name == latest:
        return RevisionState.FAILED if failing else RevisionState.STARTING
    if name in pinned:
        return RevisionState.PINNED
    return RevisionState.KEPT if served_at else RevisionState.UNUSED


def before_this(revisions: Sequence[Kept]) -> Kept | None:
    """Where "back" leads: to the one that serves while another one waits, else to the one that served before it."""
    if any(item.state in {RevisionState.STARTING, RevisionState.FAILED} for item in revisions):
        return next((item for item in revisions if item.state is RevisionState.SERVING), None)
    idle = {RevisionState.KEPT, RevisionState.PINNED}
    served = [item for item in revisions if item.served_at and item.state in idle]
    return max(served, key=lambda item: (item.served_at, item.created_at), default=None)


def changes(before: RevisionSpec | None, after: RevisionSpec) -> tuple[str, ...]:
    """What `after` has otherwise than `before`, one line each; values of variables are left out."""
    if before is None:
        return ()
    plain = (
        ("runtime", before.runtime, after.runtime),
        ("handler", before.handler, after.handler),
        ("cpu", before.resources.cpu, after.resources.cpu),
        ("memory", before.resources.memory, after.resources.memory),
        ("timeout", f"{before.timeout} s", f"{after.timeout} s"),
        ("concurrency", before.concurrency, after.concurrency),
    )
    found = [f"{name} {old} → {new}" for name, old, new in plain if old != new]
    if before.runtime_image != after.runtime_image and before.runtime == after.runtime:
        found.append("runtime image")
    if before.commit and after.commit and before.commit != after.commit:
        found.append(f"commit {before.commit[:_DIGITS]} → {after.commit[:_DIGITS]}")
    elif before.source_digest != after.source_digest:
        old, new = dict(before.source.inline), dict(after.source.inline)
        found.append(_listed("source", old, new) if old and new else "source")
    if requirements.parse(before.dependencies).text != requirements.parse(after.dependencies).text:
        found.append("dependencies")
    elif before.packages_layer != after.packages_layer:
        found.append("packages")
    if before.env != after.env:
        found.append(_listed("env", _by_name(before.env), _by_name(after.env)))
    return tuple(found)


def _by_name(env: Sequence[EnvVar]) -> dict[str, EnvVar]:
    return {item.name: item for item in env}


def _listed(word: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """``source: +new.py -old.py hello.py``; only the word where nothing but the order changed."""
    parts = [f"+{name}" for name in sorted(after) if name not in before]
    parts += [f"-{name}" for name in sorted(before) if name not in after]
    parts += [name for name in sorted(after) if name in before and before[name] != after[name]]
    shown = [*parts[:_NAMES], f"and {len(parts) - _NAMES} more"] if len(parts) > _NAMES else parts
    return f"{word}: {' '.join(shown)}" if shown else word


_DIGITS = 12
"""Of a commit's that are shown."""
_NAMES = 8
"""Names shown of one change."""
