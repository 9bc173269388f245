"""Approvals on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding
from funkhaus.services.quotas import REASON_LIMIT
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from funkhaus.domain.approval import Approval

_UNTIL_LIMIT = 40


class Yes(Body):
    """A yes, perhaps with an end."""

    reason: str = Field(default="", max_length=REASON_LIMIT)
    until: str = Field(default="", max_length=_UNTIL_LIMIT)

    @property
    def end(self) -> datetime | None:
        """The instant; raises `InvalidError` for a text that is none."""
        if not self.until:
            return None
        try:
            found = datetime.fromisoformat(self.until)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            message = "an RFC 3339 instant passes, for example 2026-12-31T00:00:00Z"
            raise InvalidError.at(Finding("field-value", message, "until", value=self.until))
        return found


class No(Body):
    """A no, which has a reason."""

    reason: str = Field(min_length=1, max_length=REASON_LIMIT)


class Anew(Body):
    """The same again, perhaps with a word to who decides."""

    reason: str = Field(default="", max_length=REASON_LIMIT)


def approval(item: Approval) -> dict[str, Any]:
    """One, with who may decide it and who did."""
    return {
        "id": item.id,
        "tenant": item.tenant,
        "namespace": item.key.namespace,
        "kind": item.key.kind,
        "name": item.key.name,
        "uid": item.uid,
        "state": item.state.value,
        "specDigest": item.spec_digest,
        "findingsDigest": item.findings_digest,
        "policyRevision": item.policy_revision,
        "findings": [finding.as_json() for finding in item.findings],
        "approvers": item.rule.as_json() | {"words": item.rule.words},
        "requestedBy": item.requested_by,
        "requestedAt": item.requested_at.isoformat(),
        "expiresAt": item.expires_at.isoformat(),
        "votes": [
            {
                "by": vote.by,
                "at": vote.at.isoformat(),
                "reason": vote.reason,
                "until": vote.until and vote.until.isoformat(),
            }
            for vote in item.votes
        ],
        "decidedBy": item.decided_by,
        "decidedAt": item.decided_at and item.decided_at.isoformat(),
        "reason": item.reason,
        "endsAt": item.ends_at and item.ends_at.isoformat(),
    }
