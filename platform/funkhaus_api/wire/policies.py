"""Policy sets on the wire."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.policy_set import HOUSE, REASON_LIMIT, PolicySet
from funkhaus.domain.verdict import Finding
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from funkhaus.domain.impact import Change, Impact
    from funkhaus.domain.policy_set import Activation


BACK_LIMIT = timedelta(days=365)
_BACK = re.compile(r"(\d{1,6})([mhd])\Z")
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}


class NewActivation(Body):
    """A set to put in force: its files, or a revision that is kept (``previous``: the one before)."""

    files: dict[str, str] = Field(default_factory=dict)
    revision: str = Field(default="", max_length=80)
    reason: str = Field(min_length=1, max_length=REASON_LIMIT)

    @model_validator(mode="after")
    def one_of_two(self) -> Self:
        """Refuse both, and neither."""
        if bool(self.files) == bool(self.revision):
            raise ValueError("give either files or a revision")
        return self

    def policies(self) -> PolicySet:
        """As the domain has it."""
        return PolicySet(self.files)


class NewImpact(Body):
    """A set to try on the past. `reason` may stand there, as in an activation; nothing is put in force."""

    files: dict[str, str] = Field(min_length=1)
    reason: str = Field(default="", max_length=REASON_LIMIT)


def back(text: str) -> timedelta:
    """``90m``, ``12h`` or ``7d``, at most `BACK_LIMIT`; raises `InvalidError`."""
    match = _BACK.match(text)
    length = timedelta(minutes=int(match[1]) * _MINUTES[match[2]]) if match else timedelta()
    if not timedelta() < length <= BACK_LIMIT:
        message = f"a number with m, h or d, up to {BACK_LIMIT.days}d, passes: 7d"
        raise InvalidError.at(Finding("query-value", message, "since", value=text[:80]))
    return length


def impact(report: Impact) -> dict[str, Any]:
    """The report; what is not listed is counted in `cut`."""
    return {
        "revision": report.revision,
        "active": report.active,
        "since": report.since.isoformat(),
        "replayed": report.replayed,
        "judged": report.judged,
        "unread": report.unread,
        "more": report.more,
        "refuses": report.refuses,
        "counts": {
            effect.value: {"requests": count.requests, "live": count.live}
            for effect, count in report.counts.items()
        },
        "changes": [_change(change) for change in report.changes],
        "cut": report.cut,
    }


def _change(change: Change) -> dict[str, Any]:
    subject, shift = change.subject, change.shift
    return {
        "effect": shift.effect.value,
        "tenant": subject.tenant,
        "namespace": subject.namespace,
        "kind": subject.kind,
        "name": subject.name,
        "requests": change.requests,
        "live": change.live,
        "last": change.last.isoformat() if change.last else None,
        "before": shift.before,
        "after": shift.after,
        "findings": [finding.as_json() for finding in shift.findings],
    }


def activation(item: Activation) -> dict[str, Any]:
    """Which revision, since when, by whom and why."""
    return {
        "sequence": item.sequence,
        "revision": item.revision,
        "at": item.at.isoformat(),
        "by": item.by,
        "byTheHouse": item.by == HOUSE,
        "reason": item.reason,
    }
