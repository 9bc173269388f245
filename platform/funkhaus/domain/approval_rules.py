"""Who may approve what a finding asks for: the rule a policy set names for its code, as the policy engine resolved it."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from funkhaus.domain.approval import DAYS_LIMIT, DECIDERS, PEOPLE_LIMIT, ApproverRule
from funkhaus.domain.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from funkhaus.domain.verdict import Finding


def read(document: Any) -> ApproverRule:  # noqa: ANN401 - any JSON
    """The rule of one code; raises `ValueError` for anything that is none."""
    try:
        rule = ApproverRule.read(document)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("a rule for approvers has a field missing or of another type") from error
    if not rule.platform or not 0 < rule.people <= PEOPLE_LIMIT or not 0 < rule.days <= DAYS_LIMIT:
        raise ValueError("a rule for approvers names no platform role, or a number out of bounds")
    if rule.tenant - set(DECIDERS):
        raise ValueError("a rule for approvers names a role that may not approve")
    return rule


def together(findings: Iterable[Finding], rules: Mapping[str, ApproverRule]) -> ApproverRule:
    """The rule for all that ask approval; what has no rule of its own is for admins and approvers of the platform."""
    codes = {item.code for item in findings if item.outcome is Outcome.REQUIRE_APPROVAL} or {""}
    return reduce(and_, (rules.get(code, ApproverRule()) for code in sorted(codes)))
