"""What is held until somebody approves it: asked for at admission, decided from Postgres whenever it would be materialised.

Nothing here reads an object's status or annotations to decide; annotations only say whose change it was, where admission
did not write that down itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus.domain import names
from funkhaus.domain.approval import (
    ARRIVAL,
    OPEN,
    PENDING_LIMIT,
    Approval,
    ApprovalState,
    ApproverRule,
    uncovered,
)
from funkhaus.domain.audit import digest_of
from funkhaus.domain.charge import Key
from funkhaus.domain.errors import PolicyError
from funkhaus.domain.question import CHANGED_BY, CREATED_BY
from funkhaus.domain.verdict import Finding
from funkhaus.ports import AuditRow, Checked
from funkhaus.services.rounds import SOME, Turns, each

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.verdict import Verdict
    from funkhaus.ports import Backlog, Clock, Manifest, Stores, TenantWork

    Judge = Callable[[], Awaitable[Verdict]]

KEPT = timedelta(days=90)
"""How long approvals are listed after they were given up."""
PLATFORM = "system:funkhaus"
"""Who is in the audit log for what the platform does by itself."""
CHANGED = "the object was changed, which needs an approval of its own"
ASKS_OTHERWISE = "the house rules ask for something else by now"
GONE = "the object is gone"
UNDECIDED = "nobody decided in time"
ENDED = "what was approved has ended"


@dataclass(frozen=True, slots=True)
class Held:
    """Where an object stands: with the approval that decides, or without one where it needs none."""

    approval: Approval | None = None

    @property
    def free(self) -> bool:
        """Whether it may be materialised."""
        return self.approval is None or self.approval.state is ApprovalState.APPROVED


class Holding:
    """Use cases of admission and controller."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores, self._clock = stores, clock
        self._turns = Turns()

    async def ask(
        self,
        work: TenantWork,
        tenant: str,
        key: Key,
        manifest: Manifest,
        old: Manifest,
        verdict: Verdict,
        requester: str,
    ) -> Approval:
        """Write down what an object that is let in asks for; one that is approved already stays so.

        `work` is the transaction that holds its quota. Raises `PolicyError` when too many wait.
        """
        digest, uid = digest_of(manifest.get("spec")), _uid(old)
        rows = await work.approvals.of(key, digest, locked=True)
        latest = next((item for item in rows if item.is_of(uid, digest)), None)
        fresh = await self._new(work, tenant, key, digest, verdict, requester)
        if latest and _still(latest, fresh, self._clock.now()):
            return latest
        if latest and latest.state is ApprovalState.PENDING and latest.seen_at is None:
            # Asked once more before it was stored: the last word counts.
            fresh = replace(fresh, id=latest.id)
        else:
            await room(work)
        fresh = replace(fresh, uid=uid)
        await work.approvals.put(fresh)
        return fresh

    async def stand(self, kind: Kind, manifest: Manifest, tenant: str, judge: Judge) -> Held:
        """Whether what is stored may be materialised. `judge` is the house rules' verdict on it, asked when needed.

        Raises what `judge` raises, and `UnavailableError`.
        """
        meta = manifest["metadata"]
        _, _, short = meta["namespace"].partition("--")
        key = Key(kind.name, short, meta["name"])
        uid, digest = _uid(manifest), digest_of(manifest.get("spec"))
        async with self._stores.begin(tenant) as work:
            rows = await work.approvals.of(key, digest)
            known = await work.approvals.checked(key) == Checked(uid, digest)
        concerned = any(row.is_of(uid, digest) for row in rows)
        if known and not rows:
            return Held()
        verdict = await judge() if concerned or not known else None
        async with self._stores.begin(tenant) as work:
            rows = await work.approvals.of(key, digest, locked=True)
            latest = next((row for row in rows if row.is_of(uid, digest)), None)
            await self._supersede(work, rows, latest)
            if verdict and (latest is None or uncovered(latest, verdict.asking)) and verdict.asking:
                latest = await self._anew(work, tenant, key, digest, verdict, manifest, latest)
            if latest is None:
                if not known:
                    await work.approvals.check(key, Checked(uid, digest), self._clock.now())
                return Held()
            return Held(await self._seen(work, latest, uid))

    async def goes_on_answering(self, tenant: str, key: Key, host: str) -> None:
        """Have a trigger that is held keep the host it answers for meanwhile: nobody else gets it."""
        async with self._stores.begin(tenant) as work:
            if host not in await work.hosts.of(key.namespace, key.name):
                await work.hosts.claim(key.namespace, key.name, host, self._clock.now())

    async def gone(self, kind: Kind, namespace: str, name: str) -> None:
        """Withdraw what an object asked for that is not there any more; `namespace` is the Kubernetes one.

        What was asked for a moment ago may be under way still.
        """
        if names.split_cluster_namespace(namespace) is None:
            return
        tenant, _, short = namespace.partition("--")
        key, now = Key(kind.name, short, name), self._clock.now()
        async with self._stores.begin(tenant) as work:
            for row in await work.approvals.of(key, "", locked=True):
                if row.seen_at or row.requested_at + ARRIVAL < now:
                    await self._end(work, row, ApprovalState.WITHDRAWN, GONE)
            await work.approvals.check(key, None, now)

    async def lapse(self) -> int:
        """End what nobody decided in time, and what was approved until now, some at a time; how many.

        Raises `UnavailableError`.
        """
        async with self._stores.begin_platform() as platform:
            over = await platform.approvals.lapsed(
                self._clock.now(), after=self._turns.after, limit=SOME
            )
        self._turns.took([item.id for item in over])
        return await each("approvals that lapse", over, self._lapse_one)

    async def _lapse_one(self, item: Approval) -> bool:
        async with self._stores.begin(item.tenant) as work:
            await self._lapse(work, await work.approvals.find(item.id, locked=True))
        return True

    async def backlog(self) -> Backlog:
        """What waits for a decision in all tenants. Raises `UnavailableError`."""
        async with self._stores.begin_platform() as platform:
            return await platform.approvals.backlog()

    async def forget(self) -> int:
        """Delete what was given up long ago, some at a time; how many. The audit log has it still."""
        async with self._stores.begin_platform() as platform:
            return await platform.approvals.forget(self._clock.now() - KEPT)

    async def _lapse(self, work: TenantWork, row: Approval) -> Approval:
        if not row.lapsed(self._clock.now()):
            return row
        reason = UNDECIDED if row.state is ApprovalState.PENDING else ENDED
        return await self._end(work, row, ApprovalState.EXPIRED, reason)

    async def _supersede(
        self, work: TenantWork, rows: Sequence[Approval], latest: Approval | None
    ) -> None:
        """What is of another content, or older; but not what may be stored in the next moment."""
        now = self._clock.now()
        for row in rows:
            if row is not latest and (row.seen_at or row.requested_at + ARRIVAL < now):
                await self._end(work, row, ApprovalState.SUPERSEDED, CHANGED)

    async def _anew(
        self,
        work: TenantWork,
        tenant: str,
        key: Key,
        digest: str,
        verdict: Verdict,
        manifest: Manifest,
        before: Approval | None,
    ) -> Approval:
        """A request for what the rules ask now; what was asked for at the change alone (a freeze) stays in it."""
        noted = manifest["metadata"].get("annotations") or {}
        requester = str(noted.get(CHANGED_BY) or noted.get(CREATED_BY) or "")
        if before:
            requester = before.requested_by
            places = {(item.code, item.path) for item in verdict.asking}
            kept = [item for item in before.findings if (item.code, item.path) not in places]
            verdict = replace(verdict, findings=(*verdict.findings, *kept))
            await self._end(work, before, ApprovalState.SUPERSEDED, ASKS_OTHERWISE)
        made = await self._new(work, tenant, key, digest, verdict, requester)
        if before:
            made = replace(made, rule=made.rule & before.rule)
        await work.approvals.check(key, None, self._clock.now())
        return made

    async def _new(
        self, work: TenantWork, tenant: str, key: Key, digest: str, verdict: Verdict, requester: str
    ) -> Approval:
        now, rule = self._clock.now(), verdict.approvers or ApproverRule()
        return Approval(
            id=str(uuid4()),
            tenant=tenant,
            key=key,
            spec_digest=digest,
            findings=verdict.asking,
            rule=rule,
            requested_by=requester,
            behind=tuple(sorted(await work.approvals.issuers(requester))),
            requested_at=now,
            expires_at=now + timedelta(days=rule.days),
            policy_revision=verdict.revision,
        )

    async def _seen(self, work: TenantWork, row: Approval, uid: str) -> Approval:
        if row.seen_at is None:
            row = replace(row, seen_at=self._clock.now(), uid=uid)
            await work.approvals.put(row)
            await work.approvals.tell("approval.requested", told(row))
            await work.audit(audited(None, row, "approval:request", row.requested_by or PLATFORM))
        return await self._lapse(work, row)

    async def _end(
        self, work: TenantWork, row: Approval, state: ApprovalState, reason: str
    ) -> Approval:
        if row.state not in OPEN and state is not ApprovalState.WITHDRAWN:
            if state is ApprovalState.SUPERSEDED:
                # It was decided against: what it was about is not there any more, and nobody has to hear of that.
                await work.approvals.put(replace(row, state=state))
            return row
        ended = row.moved(state, self._clock.now(), reason)
        await work.approvals.put(ended)
        if row.seen_at and row.state in OPEN:
            await work.audit(audited(row, ended, f"approval:{state.value}", PLATFORM))
            if state is ApprovalState.EXPIRED:
                await work.approvals.tell("approval.expired", told(ended))
        return ended


def audited(before: Approval | None, row: Approval, action: str, subject: str) -> AuditRow:
    """The audit row of what became of an approval without anybody asking for it."""
    return AuditRow(
        tenant=row.tenant,
        subject=subject,
        token_id="",
        action=action,
        target=row.id,
        outcome="done",
        request_id="",
        detail=told(row),
        uid=row.uid,
        before=digest_of(told(before)) if before else "",
        after=digest_of(told(row)),
    )


def told(row: Approval) -> dict[str, object]:
    """What a notification, and the audit, say of an approval."""
    return {
        "id": row.id,
        "tenant": row.tenant,
        "namespace": row.key.namespace,
        "kind": row.key.kind,
        "name": row.key.name,
        "state": row.state.value,
        "specDigest": row.spec_digest,
        "findingsDigest": row.findings_digest,
        "findings": [finding.as_json() for finding in row.findings],
        "approvers": row.rule.words,
        "requestedBy": row.requested_by,
        "requestedAt": row.requested_at.isoformat(),
        "expiresAt": row.expires_at.isoformat(),
        "votes": [vote.by for vote in row.votes],
        "decidedBy": row.decided_by,
        "reason": row.reason,
        "endsAt": row.ends_at and row.ends_at.isoformat(),
        "policyRevision": row.policy_revision,
    }


def _still(latest: Approval, fresh: Approval, now: datetime) -> bool:
    """Whether what was asked for last is what is asked for now, by the same subject, or is approved already."""
    if latest.state not in OPEN or latest.lapsed(now):
        return False
    if latest.findings_digest != fresh.findings_digest:
        return False
    return latest.state is ApprovalState.APPROVED or latest.requested_by == fresh.requested_by


async def room(work: TenantWork) -> None:
    """Pass while the tenant may ask for one more; raises `PolicyError`."""
    waiting = await work.approvals.waiting()
    if waiting >= PENDING_LIMIT:
        finding = Finding(
            "approvals-waiting",
            f"{waiting} objects of this tenant wait for an approval already: have some decided, or delete them",
            limit=PENDING_LIMIT,
            value=waiting + 1,
            passes=PENDING_LIMIT,
        )
        raise PolicyError(finding.message, findings=[finding])


def _uid(manifest: Manifest) -> str:
    return str((manifest.get("metadata") or {}).get("uid") or "")
