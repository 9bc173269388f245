"""Approvals: what a held object needs somebody's yes for, who may give it, and what became of it.

An approval is of one object (kind, namespace, name and uid), one content (digest of its spec) and one set of objections
(digest of the findings that ask): whatever changes one of these needs another. The policy revision is only recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from funkhaus.domain.audit import digest_of
from funkhaus.domain.subject import PlatformRole, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from funkhaus.domain.charge import Key
    from funkhaus.domain.subject import Subject
    from funkhaus.domain.verdict import Finding

DAYS_DEFAULT, DAYS_LIMIT = 7, 90
"""Days a request waits; by default, and at most."""
PEOPLE_LIMIT = 5
"""Different people a rule may ask for."""
PENDING_LIMIT = 200
"""Requests of a tenant that may wait at the same time."""
RENEWAL_LIMIT, RENEWAL_TIME = 3, timedelta(hours=24)
"""How often the same content of an object may be asked for within which time, the first time included."""
ARRIVAL = timedelta(seconds=90)
"""After this an admitted object has been stored or never will be (kube-apiserver gives up after 60 s; clocks differ)."""
DECIDERS = (Role.OWNER, Role.DEVELOPER)
"""Roles within a tenant that a rule may name: those that hold ``approval:decide``."""


class ApprovalState(StrEnum):
    """Where an approval stands; only the first two go on to another."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    """Nobody decided in time, or what was approved had an end."""
    SUPERSEDED = "superseded"
    """The object, or what asks, changed since."""
    WITHDRAWN = "withdrawn"
    """The object is gone."""


OPEN = frozenset({ApprovalState.PENDING, ApprovalState.APPROVED})
RENEWABLE = frozenset({ApprovalState.REJECTED, ApprovalState.EXPIRED})
"""What may be asked for once more as it is."""


@dataclass(frozen=True, slots=True)
class ApproverRule:
    """Who may say yes: holders of a role over the platform or in the tenant; `people` different ones, within `days`."""

    platform: frozenset[PlatformRole] = frozenset({PlatformRole.ADMIN, PlatformRole.APPROVER})
    tenant: frozenset[Role] = frozenset()
    people: int = 1
    days: int = DAYS_DEFAULT

    def __and__(self, other: ApproverRule) -> ApproverRule:
        """The rule of two findings together: who may approve both, the more people, the shorter time."""
        return ApproverRule(
            (self.platform & other.platform) or frozenset({PlatformRole.ADMIN}),
            self.tenant & other.tenant,
            max(self.people, other.people),
            min(self.days, other.days),
        )

    def admits(self, subject: Subject, tenant: str) -> bool:
        """Whether the subject's roles are among those the rule names."""
        return (
            bool(self.platform & subject.platform_roles) or subject.roles.get(tenant) in self.tenant
        )

    @property
    def words(self) -> str:
        """``one of: owner of the tenant, platform admin``, for a sentence."""
        roles = [f"{role.value} of the tenant" for role in sorted(self.tenant)]
        roles += [f"platform {role.value}" for role in sorted(self.platform)]
        count = "one" if self.people == 1 else f"{self.people} different people"
        return f"{count} of: {', '.join(roles)}"

    def as_json(self) -> dict[str, Any]:
        """As it is kept, and shown."""
        return {
            "platformRoles": sorted(self.platform),
            "tenantRoles": sorted(self.tenant),
            "people": self.people,
            "days": self.days,
        }

    @classmethod
    def read(cls, document: dict[str, Any]) -> ApproverRule:
        """What `as_json` made; raises `ValueError`, `KeyError`, `TypeError` for anything else."""
        return cls(
            frozenset(PlatformRole(item) for item in document["platformRoles"]),
            frozenset(Role(item) for item in document["tenantRoles"]),
            int(document["people"]),
            int(document["days"]),
        )


@dataclass(frozen=True, slots=True)
class Vote:
    """One yes: `by` is the subject, `person` whoever stands behind its token; `until` ends what is approved."""

    by: str
    person: str
    at: datetime
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for one, and what became of it.

    `behind` are the people who issued the requester's tokens. `seen_at` is when the controller saw the object in the
    cluster, ``None`` until then. `ends_at` is the end of what was approved.
    """

    id: str
    tenant: str
    key: Key
    spec_digest: str
    findings: tuple[Finding, ...]
    rule: ApproverRule
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    uid: str = ""
    policy_revision: str = ""
    behind: tuple[str, ...] = ()
    state: ApprovalState = ApprovalState.PENDING
    seen_at: datetime | None = None
    votes: tuple[Vote, ...] = field(default=())
    decided_by: str = ""
    decided_at: datetime | None = None
    reason: str = ""
    ends_at: datetime | None = None

    @property
    def findings_digest(self) -> str:
        """``sha256:…`` of what asks."""
        return findings_digest(self.findings)

    @property
    def why(self) -> str:
        """What asks, in one line."""
        return "; ".join(finding.sentence for finding in self.findings)

    def is_of(self, uid: str, digest: str) -> bool:
        """Whether it is of this very object with this content. One asked for at a create knows no uid until it is seen."""
        return self.spec_digest == digest and self.uid in {"", uid}

    def lapsed(self, now: datetime) -> bool:
        """Whether its time is over: to decide it, or to go by it."""
        if self.state is ApprovalState.PENDING:
            return self.expires_at <= now
        return (
            self.state is ApprovalState.APPROVED
            and self.ends_at is not None
            and self.ends_at <= now
        )

    def moved(self, state: ApprovalState, now: datetime, reason: str = "") -> Approval:
        """The same in another state, by the platform's own doing."""
        return replace(self, state=state, decided_at=now, reason=reason or self.reason)


def renewed(approval: Approval, by: Iterable[str], now: datetime) -> Approval:
    """The same asked for anew: as wide and as strict, and decided by nobody who asked for it then or now (`by`)."""
    return Approval(
        id=str(uuid4()),
        tenant=approval.tenant,
        key=approval.key,
        spec_digest=approval.spec_digest,
        findings=approval.findings,
        rule=approval.rule,
        requested_by=approval.requested_by,
        requested_at=now,
        expires_at=now + timedelta(days=approval.rule.days),
        uid=approval.uid,
        policy_revision=approval.policy_revision,
        behind=tuple(sorted({*approval.behind, *by} - {""})),
        seen_at=now,
    )


def asks(finding: Finding) -> tuple[str, str, str]:
    """What a finding asks approval for: the same code, place, limit and value are the same ask, whatever the words."""
    return finding.code, finding.path, digest_of([finding.limit, finding.value])


def findings_digest(findings: Iterable[Finding]) -> str:
    """``sha256:…`` over what findings ask for, in any order."""
    return digest_of(sorted([list(asks(item)) for item in findings]))


def uncovered(approval: Approval, demanded: Sequence[Finding]) -> tuple[Finding, ...]:
    """What is demanded now and was not when the approval was asked for."""
    known = {asks(item) for item in approval.findings}
    return tuple(item for item in demanded if asks(item) not in known)
