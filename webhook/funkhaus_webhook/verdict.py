"""`Judgement` → AdmissionResponse: the one place where a refusal becomes what kubectl prints.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from funkhaus.crd.refusal import causes
from funkhaus.domain.approval import ApprovalState, ApproverRule
from funkhaus.domain.errors import (
    FunkhausError,
    InvalidError,
    TimedOutError,
    TooLargeError,
    TooManyError,
    UnavailableError,
)
from funkhaus.domain.verdict import Finding, Outcome
from funkhaus_webhook.request import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus.services.reviews import Judgement

WARNING_LIMIT = 256
"""Characters of one warning: kube-apiserver may cut longer ones."""
_FORBIDDEN = (403, "Forbidden")
_STATUS: list[tuple[type[FunkhausError], tuple[int, str]]] = [
    (InvalidError, (422, "Invalid")),
    (TooLargeError, (413, "RequestEntityTooLarge")),
    (TooManyError, (429, "TooManyRequests")),
    (TimedOutError, (504, "Timeout")),
    (UnavailableError, (503, "ServiceUnavailable")),
]


def answer(
    uid: str, judgement: Judgement, about: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The AdmissionReview to send back; `about` is the group, kind and name a refusal speaks of."""
    response = _refused(judgement, about or {}) if judgement.refused else _allowed(judgement)
    warnings = _warnings(judgement)
    facts = {
        "decision-id": judgement.verdict.decision_id,
        "policy-revision": judgement.verdict.revision,
        "findings": _json(_findings(judgement)),
    }
    response |= {
        "uid": uid,
        "auditAnnotations": {key: text for key, text in facts.items() if text},
    }
    if warnings:
        response["warnings"] = warnings
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def _warnings(judgement: Judgement) -> list[str]:
    """What is remarked on, and, where the object is let in and held, why and who can change that."""
    warnings = [item.sentence for item in judgement.verdict.of(Outcome.WARN)]
    if not judgement.refused and judgement.verdict.asking:
        row = judgement.approval
        if row and row.state is ApprovalState.APPROVED:
            warnings.append(f"approved by {row.decided_by} already (approval {row.id})")
        else:
            warnings += [f"held: {item.sentence}" for item in judgement.verdict.asking]
            rule = row.rule if row else judgement.verdict.approvers or ApproverRule()
            named = f"approval {row.id}" if row else "nothing is asked for in a dry run"
            warnings.append(
                f"held: nothing of this runs until it is approved by {rule.words} ({named})"
            )
    return [text[:WARNING_LIMIT] for text in warnings]


def _allowed(judgement: Judgement) -> dict[str, Any]:
    if not judgement.patch:
        return {"allowed": True}
    patch = json.dumps(judgement.patch, separators=(",", ":"), ensure_ascii=False).encode()
    return {
        "allowed": True,
        "patchType": "JSONPatch",
        "patch": base64.b64encode(patch).decode(),
    }


def _refused(judgement: Judgement, about: Mapping[str, str]) -> dict[str, Any]:
    error = judgement.error
    findings = [item for item in _findings(judgement) if item.outcome is not Outcome.WARN]
    code, reason = _FORBIDDEN
    if error:
        code, reason = next(
            (status for kind, status in _STATUS if isinstance(error, kind)), _FORBIDDEN
        )
    status: dict[str, Any] = {
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": _message(findings) if findings else error.message if error else "refused",
    }
    if findings:
        # kubectl prints an Invalid status by its causes alone: there the sentences are enough.
        listed = causes(findings)
        shown = listed[:-1] if reason == "Invalid" else listed
        status["details"] = {**about, "causes": shown}
    return {"allowed": False, "status": status}


def _findings(judgement: Judgement) -> Sequence[Finding]:
    return judgement.error.findings if judgement.error else judgement.verdict.findings


def _message(findings: Sequence[Finding]) -> str:
    """One sentence alone, several as a list."""
    if len(findings) == 1:
        return findings[0].sentence
    lines = "".join(f"\n  - {item.sentence}" for item in findings)
    return f"{len(findings)} rules refuse this:{lines}"


def _json(findings: Sequence[Finding]) -> str:
    return json.dumps([item.as_json() for item in findings], ensure_ascii=False) if findings else ""
