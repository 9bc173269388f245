"""What somebody who signed in may found without asking: plans, and tenants per user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import PolicyError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.subject import Subject
    from funkhaus.domain.tenant import Tenant
    from funkhaus.ports import PlatformWork

WHO = "ask for it with `funkhaus tenant request`, and an approver decides"


@dataclass(frozen=True, slots=True)
class SelfService:
    """`plans` that need nobody's word, and how many `tenants` a user may found. No plans: no self-service."""

    plans: tuple[str, ...] = ()
    tenants: int = 3

    def allows(self, subject: Subject) -> bool:
        """Whether `subject` may found anything: a person who signed in, where there is self-service."""
        return subject.is_user and bool(self.plans)

    async def found(
        self, work: PlatformWork, subject: Subject, tenant: Tenant, now: datetime
    ) -> None:
        """Add the tenant with its first owner, within the limits; raises `PolicyError`, `ConflictError`."""
        if tenant.plan not in self.plans:
            message = (
                f"plan {tenant.plan!r} is not for self-service, {', '.join(self.plans)} is; {WHO}"
            )
            raise _refusal(
                "plan-above-self-service",
                message,
                "plan",
                list(self.plans),
                tenant.plan,
                self.plans[0],
            )
        await work.users.lock(subject.id)
        held = await work.users.founded(subject.id)
        if held >= self.tenants:
            message = f"you founded {held} tenants and {self.tenants} may be without asking; {WHO}"
            raise _refusal(
                "tenants-above-self-service", message, "id", self.tenants, held + 1, self.tenants
            )
        await work.add_tenant(tenant)
        await work.users.found(subject.id, tenant.id, now)


def _refusal(
    code: str, message: str, path: str, limit: object, value: object, passes: object
) -> PolicyError:
    finding = Finding(code, message, path, limit=limit, value=value, passes=passes)
    return PolicyError(message, findings=[finding])
