"""From a provider's groups to roles, by rules an operator configures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from funkhaus.domain.subject import PlatformRole, Role


@dataclass(frozen=True, slots=True)
class GroupRule:
    """Members of `group` at `issuer` hold `platform_role`, or `role` in `tenant`."""

    issuer: str
    group: str
    platform_role: PlatformRole | None = None
    tenant: str = ""
    role: Role | None = None


def rule_within(
    rules: Iterable[GroupRule], tenant: str, issuer: str, groups: Collection[str]
) -> GroupRule | None:
    """The rule that gives somebody of these groups their role in `tenant`: the first that matches, as `roles_by_rule`."""
    return next(
        (
            rule
            for rule in rules
            if rule.tenant == tenant
            and rule.role
            and rule.issuer == issuer
            and rule.group in groups
        ),
        None,
    )


def roles_by_rule(
    rules: Iterable[GroupRule], issuer: str, groups: Collection[str]
) -> tuple[dict[str, Role], frozenset[PlatformRole]]:
    """Roles per tenant, and platform roles. Where two rules speak of one tenant the first that matches wins."""
    roles: dict[str, Role] = {}
    platform: set[PlatformRole] = set()
    for rule in rules:
        if rule.issuer != issuer or rule.group not in groups:
            continue
        if rule.platform_role:
            platform.add(rule.platform_role)
        if rule.tenant and rule.role:
            roles.setdefault(rule.tenant, rule.role)
    return roles, frozenset(platform)
