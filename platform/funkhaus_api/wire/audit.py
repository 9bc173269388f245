"""Audit logs on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding
from funkhaus.ports import AuditFilter

if TYPE_CHECKING:
    from funkhaus.ports import AuditListed
    from funkhaus.services.audit import Verification
    from funkhaus_api.wire.reading import Query

FILTERS = ("action", "actor", "object", "outcome", "since", "until")
OUTCOMES = ("done", "allowed", "denied")
TEXT_LIMIT = 300
POSITION_LIMIT = 10**9 - 1


def wanted(query: Query) -> AuditFilter:
    """The filters of a query; raises `InvalidError` with everything that is wrong."""
    findings: list[Finding] = []
    values = {name: query.text(name) for name in FILTERS}
    for name, text in values.items():
        if len(text) > TEXT_LIMIT or "\0" in text:
            message = f"at most {TEXT_LIMIT} characters pass"
            findings.append(
                Finding("query-value", message, name, limit=TEXT_LIMIT, value=text[:80])
            )
    outcome = values["outcome"]
    if outcome and outcome not in OUTCOMES:
        passes = list(OUTCOMES)
        message = f"{', '.join(OUTCOMES)} pass"
        findings.append(
            Finding("query-value", message, "outcome", value=outcome[:80], passes=passes)
        )
    times = {name: _moment(name, values[name], findings) for name in ("since", "until")}
    if findings:
        raise InvalidError.at(*findings)
    return AuditFilter(
        action=values["action"],
        actor=values["actor"],
        target=values["object"],
        outcome=outcome,
        since=times["since"],
        until=times["until"],
    )


def _moment(name: str, text: str, findings: list[Finding]) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        message = "a time of RFC 3339 passes, such as 2026-11-26T12:00:00Z"
        findings.append(Finding("query-value", message, name, value=text[:80]))
    return None


def position(query: Query) -> int:
    """The position behind which something begins: 0 unless the query says `after`."""
    return 0 if query.text("after", "0") == "0" else query.whole("after", 0, most=POSITION_LIMIT)


def listed(item: AuditListed) -> dict[str, Any]:
    """A row and its place; ``null`` while it has none."""
    place = {"position": item.position or None, "hash": item.hash or None}
    return {**item.entry.as_json(), **place}


def verification(tenant: str, found: Verification) -> dict[str, Any]:
    """What a verification found."""
    return {
        "chain": tenant,
        "intact": not found.findings,
        "complete": found.complete,
        "after": found.after,
        "position": found.position,
        "signedPosition": found.signed,
        "headPosition": found.head,
        "checkpoints": found.checkpoints,
        "waiting": found.waiting,
        "findings": [item.as_json() for item in found.findings],
    }
