"""A refusal's findings ↔ the causes of a Kubernetes ``Status``, so that no fact is lost on the way through kube-apiserver.

A cause has room for a code, a field and a sentence. One more cause carries the whole findings as JSON, with limit, value
and what passes; kubectl prints no causes of a refusal, so that nobody reads it but programs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from funkhaus.domain.verdict import Finding, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

FACTS = "FunkhausFindings"


def causes(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """``details.causes``: one per finding, and one with all of them."""
    listed = list(findings)
    plain = [{"reason": item.code, "field": item.path, "message": item.message} for item in listed]
    facts = json.dumps([item.as_json() for item in listed], ensure_ascii=False)
    return [*plain, {"reason": FACTS, "message": facts}]


def findings(status: dict[str, Any]) -> tuple[Finding, ...]:
    """The findings a ``Status`` carries; none when it is not one of ours."""
    details = status.get("details")
    listed = details.get("causes") if isinstance(details, dict) else None
    for cause in listed if isinstance(listed, list) else []:
        if isinstance(cause, dict) and cause.get("reason") == FACTS:
            return _read(str(cause.get("message")))
    return ()


def _read(text: str) -> tuple[Finding, ...]:
    try:
        return tuple(
            Finding(
                code=str(item["code"]),
                message=str(item["message"]),
                path=str(item["path"]),
                outcome=Outcome(item["outcome"]),
                limit=item.get("limit"),
                value=item.get("value"),
                passes=item.get("passes"),
            )
            for item in json.loads(text)
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()
