"""The Approved condition: whether an object may be materialised, and whose word that takes. Never read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.crd.conditions import APPROVED, Condition
from funkhaus.domain.approval import Approval, ApprovalState

if TYPE_CHECKING:
    from funkhaus.services.holding import Held


def approved(held: Held) -> Condition:
    """What the approval that decides says, and what to do next."""
    row = held.approval
    if row is None:
        return Condition(
            APPROVED,
            status=True,
            reason="NotRequired",
            message="the house rules ask for no approval",
        )
    reason, message = _SAYS[row.state](row)
    return Condition(APPROVED, status=held.free, reason=reason, message=message)


def _pending(row: Approval) -> tuple[str, str]:
    so_far = f" ({len(row.votes)} of {row.rule.people} said yes)" if row.rule.people > 1 else ""
    return (
        "PendingApproval",
        (
            f"{row.why}; it waits for {row.rule.words}{so_far}, until {row.expires_at:%Y-%m-%d %H:%M} UTC: "
            f"`funkhaus approval approve {row.id} --tenant {row.tenant}`"
        ),
    )


def _approved(row: Approval) -> tuple[str, str]:
    until = f" until {row.ends_at:%Y-%m-%d %H:%M} UTC" if row.ends_at else ""
    return "Approved", f"approved by {row.decided_by}{until} (approval {row.id})"


def _rejected(row: Approval) -> tuple[str, str]:
    return (
        "Rejected",
        f"{row.decided_by} said no: {row.reason}; {_anew(row)}. It was asked because: {row.why}",
    )


def _expired(row: Approval) -> tuple[str, str]:
    return "Expired", f"{row.reason}; {_anew(row)}. It is asked because: {row.why}"


def _anew(row: Approval) -> str:
    return f"a change of it asks anew, and so does `funkhaus approval renew {row.id} --tenant {row.tenant}`"


_SAYS = {
    ApprovalState.PENDING: _pending,
    ApprovalState.APPROVED: _approved,
    ApprovalState.REJECTED: _rejected,
    ApprovalState.EXPIRED: _expired,
}
