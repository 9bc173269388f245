"""Scopes: what a token may do of what its role may. A scope is a permission's name, or a group's below.

Kept is what a group meant when the token was issued: a group that grows widens no token there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.errors import ForbiddenError
from funkhaus.domain.permission import ROLE_PERMISSIONS, Permission, powers
from funkhaus.domain.restriction import outside, too_many
from funkhaus.domain.subject import Role
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.restriction import Restriction
    from funkhaus.domain.subject import Subject

_LOOKS = frozenset({Permission.NAMESPACE_READ, Permission.RUNTIME_READ, Permission.TENANT_READ})
_FUNCTIONS = _LOOKS | {Permission.FUNCTION_READ, Permission.FUNCTION_LOGS}
_TRIGGERS = _LOOKS | {Permission.TRIGGER_READ}
GROUPS: dict[str, frozenset[Permission]] = {
    "functions:call": _LOOKS | {Permission.FUNCTION_READ, Permission.FUNCTION_CALL},
    "functions:read": _FUNCTIONS,
    "functions:write": _FUNCTIONS | {Permission.FUNCTION_WRITE, Permission.FUNCTION_CALL},
    "namespaces:write": _LOOKS | {Permission.NAMESPACE_CREATE, Permission.NAMESPACE_DELETE},
    "read": ROLE_PERMISSIONS[Role.VIEWER],
    "tokens:write": _LOOKS | {Permission.TOKEN_ISSUE, Permission.TOKEN_REVOKE},
    "triggers:read": _TRIGGERS,
    "triggers:write": _TRIGGERS | {Permission.TRIGGER_WRITE},
}


def expanded(scopes: Sequence[str]) -> tuple[tuple[str, ...], list[Finding]]:
    """The permissions that scopes name, sorted, and what is wrong with them."""
    findings = too_many("scopes", scopes)
    named: set[str] = set()
    known = {item.value for item in Permission}
    for place, scope in enumerate(scopes):
        if scope in GROUPS:
            named |= {item.value for item in GROUPS[scope]}
        elif scope in known:
            named.add(scope)
        elif not findings:
            passes = [*GROUPS, *sorted(known)]
            message = f"{scope[:80]!r} is no scope; {', '.join(GROUPS)} and single permissions are"
            path = f"scopes[{place}]"
            findings.append(
                Finding("scope-unknown", message, path, value=scope[:80], passes=passes)
            )
    return tuple(sorted(named)), findings


def widening(
    subject: Subject, tenant: str, role: str, restriction: Restriction, ends_at: datetime
) -> list[Finding]:
    """What a token would have beyond the credential of `subject`, who issues or rotates it."""
    findings = []
    held = {item.value for item in powers(subject, tenant)}
    asked = {item.value for item in ROLE_PERMISSIONS[Role(role)]}
    if restriction.scopes:
        asked &= set(restriction.scopes)
    if more := sorted(asked - held):
        message = f"{', '.join(more)} is more than your own credential may"
        passes = sorted(asked & held)
        findings.append(Finding("token-wider", message, "scopes", value=more, passes=passes))
    own = subject.restriction
    if own.namespaces and (
        not restriction.namespaces or set(restriction.namespaces) - set(own.namespaces)
    ):
        message = "goes beyond the namespaces of your own token"
        passes = list(own.namespaces)
        findings.append(Finding("token-wider", message, "namespaces", passes=passes))
    if own.cidrs and (not restriction.cidrs or outside(restriction.cidrs, own.cidrs)):
        message = "goes beyond the address ranges of your own token"
        findings.append(Finding("token-wider", message, "cidrs", passes=list(own.cidrs)))
    if own and subject.ends_at and ends_at > subject.ends_at:
        last = f"{subject.ends_at:%Y-%m-%dT%H:%M:%SZ}"
        message = f"a restricted token issues none that outlives it ({last})"
        findings.append(Finding("token-wider", message, "expiresInDays", limit=last))
    return findings


def require_role(subject: Subject, tenant: str, role: Role) -> None:
    """Pass if the credential of `subject` may all that `role` may in `tenant`: nobody gives away more than they hold.

    Raises `ForbiddenError` with what is missing and the roles that pass.
    """
    held = powers(subject, tenant)
    if more := ROLE_PERMISSIONS[role] - held:
        words = ", ".join(sorted(item.value for item in more))
        message = f"role {role.value} may {words}, which your own credential may not"
        passes = [item.value for item in Role if ROLE_PERMISSIONS[item] <= held]
        finding = Finding("role-wider", message, "role", value=role.value, passes=passes)
        raise ForbiddenError(message, findings=[finding])


def kubectl_gap(subject: Subject) -> str:
    """What kubectl would let the subject do that its credential does not; empty when nothing.

    RBAC knows roles, not tokens: a credential that is less than its role opens nothing there.
    """
    own = subject.restriction
    if own.namespaces:
        return f"it is limited to the namespaces {', '.join(own.namespaces)}"
    if own.cidrs:
        return f"it is limited to the addresses {', '.join(own.cidrs)}"
    for tenant, role in sorted(subject.roles.items()):
        if missing := ROLE_PERMISSIONS[role] - powers(subject, tenant):
            words = ", ".join(sorted(item.value for item in missing))
            return f"its scopes leave out {words}, which role {role.value} of {tenant} has"
    return ""
