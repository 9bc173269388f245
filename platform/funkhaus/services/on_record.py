"""The audit row of a review: who asked for what, and what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.audit import digest_of
from funkhaus.ports import AuditRow

if TYPE_CHECKING:
    from funkhaus.services.reviews import Judgement, Review


def row_of(review: Review, judgement: Judgement) -> AuditRow:
    """The row; it has no secret in it: of the object the digest of its spec alone."""
    error = judgement.error
    findings = error.findings if error else judgement.verdict.findings
    return AuditRow(
        tenant=judgement.tenant,
        subject=review.requester,
        token_id=review.token_id,
        action=f"{review.kind.name.lower()}:{review.operation.lower()}",
        target=f"{review.kind.plural}/{review.namespace}/{review.name}",
        outcome="denied" if judgement.refused else "allowed",
        request_id=review.uid,
        detail={
            "findings": [finding.as_json() for finding in findings],
            "error": {"code": error.code, "message": error.message} if error else None,
            "decision_id": judgement.verdict.decision_id,
            "policy_revision": judgement.verdict.revision,
        },
        uid=str((review.old.get("metadata") or {}).get("uid") or ""),
        before=digest_of(review.old.get("spec")) if review.old else "",
        after=digest_of(review.manifest.get("spec")) if review.manifest else "",
    )
