"""Admission: what the platform fills into an object, and whether it lets it in.

Every doubt is a refusal: a namespace the database does not know, a policy engine that gives no trustworthy answer, a
review that takes too long. Order within a review: shape, tenant, policy; quota; an approval is asked for
last.

The mutating review refuses what tenant and policy would refuse in the validating one, with the same findings and the same
row on record; quota, hosts and approvals are the validating one's alone (`funkhaus.services.verdicts` says why, and how one
verdict does for both).

A tenant that rests (suspended, or being deleted) goes before policy: its people change nothing, and others no spec.

What is not judged: a delete (refusing one would keep namespaces from ending; it goes on record), and an update that leaves
the spec alone, brings no annotation that was not there, and touches the platform's marks by the platform's own hand at most
(its finalizer and notes must come off an object that a newer policy would not let in). One that only brings annotations is
judged as what is stored is: it is no change to a freeze, and asks for no approval.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from funkhaus import logs
from funkhaus.domain.charge import Key
from funkhaus.domain.errors import (
    ForbiddenError,
    FunkhausError,
    InvalidError,
    TimedOutError,
    TooManyError,
)
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, HTTP_TRIGGER, Kind
from funkhaus.domain.kubectl_account import account_named, account_user
from funkhaus.domain.question import Change, Doing, Question
from funkhaus.domain.quota import asked_by
from funkhaus.domain.subject import PREFIX
from funkhaus.domain.tenant import resting
from funkhaus.domain.trigger import HTTPTrigger
from funkhaus.domain.verdict import Finding, Verdict
from funkhaus.services.additions import additions, applied
from funkhaus.services.authors import asks_anew, may_name, outdated, people
from funkhaus.services.deadline import promptly
from funkhaus.services.decision_log import decided, unkept
from funkhaus.services.holding import Holding
from funkhaus.services.ledger import version_of
from funkhaus.services.marks import (
    marks_of,
    other_annotations,
    owned_by_platform,
    owned_by_tenant,
    place_labels,
)
from funkhaus.services.on_record import row_of
from funkhaus.services.questions import (
    full,
    named_subject,
    stored_question,
    subject_of,
    with_a_name,
)
from funkhaus.services.splits import split_of
from funkhaus.services.turns import Turns
from funkhaus.services.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from funkhaus.domain.approval import Approval
    from funkhaus.domain.decision import Decision
    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.ports import AuditRow, Clock, Cluster, Decider, Manifest, Stores, TenantWork
    from funkhaus.services.ledger import LedgerService

_KUBERNETES = "system:serviceaccount:kube-system:"
"""Its own controllers: garbage collection, and what ends with a namespace."""
AUDIT_SECONDS = 0.4
"""For writing the audit row of a refusal: it comes on top of a review's deadline and must leave time for the answer."""
_LOG = logs.logger(__name__)


class Operation(StrEnum):
    """What is done to the object."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Review:
    """One question of kube-apiserver. `manifest` is empty on a delete, `old` on a create; `requester` is a cluster user."""

    uid: str
    operation: Operation
    kind: Kind
    namespace: str
    name: str
    manifest: Manifest
    old: Manifest
    requester: str
    token_id: str = ""
    credential_id: str = ""
    """What kube-apiserver says the requester's token is called; only of one it signed by request."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer to a review. `patch` is RFC 6902; `error` is why there is no verdict; `audited` whether the row of a
    refusal, or of what is let in, was written (``None`` where none is due).
    """

    verdict: Verdict = dataclasses.field(default_factory=Verdict)
    patch: tuple[dict[str, Any], ...] = ()
    error: FunkhausError | None = None
    tenant: str = ""
    audited: bool | None = None
    approval: Approval | None = None
    """What an object that is let in is held for; ``None`` in a dry run, which asks nobody."""

    @property
    def refused(self) -> bool:
        """Whether the object stays out. What needs an approval is let in, and held by the controller."""
        return self.error is not None or self.verdict.denied


class ReviewService:
    """Mutation, validation, and the controller's second question.

    `domain` is the platform's, `system_namespace` where its own processes' service accounts live, `members_namespace` where
    those of members' credentials do, if any; `gateway` is whether the platform names a Gateway. `at_once` bounds the
    reviews worked on at the same time: others wait within their deadline, each tenant's in a row of its own. `note` is told
    every decision on a review.
    """

    def __init__(
        self,
        stores: Stores,
        decider: Decider,
        ledger: LedgerService,
        cluster: Cluster,
        clock: Clock,
        *,
        domain: str,
        system_namespace: str,
        members_namespace: str = "",
        gateway: bool = False,
        at_once: int = 16,
        note: Callable[[Decision], None] = unkept,
    ) -> None:
        self._stores = stores
        self._decider = decider
        self._verdicts = Verdicts(decider, clock)
        self._ledger, self._cluster = ledger, cluster
        self._holding = Holding(stores, clock)
        self._clock = clock
        self._domain, self._gateway = domain, gateway
        self._platform_user = f"system:serviceaccount:{system_namespace}:"
        self._member_user = account_user(members_namespace) if members_namespace else ""
        self._turns = Turns(at_once)
        self._note = note

    async def mutate(self, review: Review, deadline: float) -> Judgement:
        """What to add to the object, or why it stays out, within `deadline` seconds. Never raises `FunkhausError`."""
        return await self._within(deadline, review, self._mutate)

    async def validate(self, review: Review, deadline: float) -> Judgement:
        """Whether the object may be stored, judged within `deadline` seconds. Never raises `FunkhausError`."""
        deleted = review.operation is Operation.DELETE
        return await self._within(deadline, review, self._witness if deleted else self._validate)

    async def judge_function(self, manifest: Manifest, facts: TenantFacts) -> Verdict:
        """The verdict on a stored Function, for who is about to materialise it.

        Raises `InvalidError` for a wrong shape, `UnavailableError` when there is no verdict.
        """
        return await self._judge_stored(FUNCTION, manifest, facts)

    async def judge_http_trigger(self, manifest: Manifest, facts: TenantFacts) -> Verdict:
        """The verdict on a stored HTTPTrigger; raises as `judge_function` does."""
        return await self._judge_stored(HTTP_TRIGGER, manifest, facts)

    async def judge_cron_job_trigger(self, manifest: Manifest, facts: TenantFacts) -> Verdict:
        """The verdict on a stored CronJobTrigger; raises as `judge_function` does."""
        return await self._judge_stored(CRON_JOB_TRIGGER, manifest, facts)

    async def _judge_stored(self, kind: Kind, manifest: Manifest, facts: TenantFacts) -> Verdict:
        question = await stored_question(
            self._cluster, kind, manifest, facts, self._domain, gateway=self._gateway
        )
        return await self._decider.decide(question)

    async def _within(
        self, deadline: float, review: Review, work: Callable[[Review], Awaitable[Judgement]]
    ) -> Judgement:
        try:
            review = self._of_member(review)
            judgement = await promptly(deadline, self._in_turn(review, work))
        except TimeoutError:
            error = TimedOutError(f"admission took longer than {deadline:g} s; try again")
            judgement = Judgement(error=error)
        except FunkhausError as error:
            judgement = Judgement(error=error)
        if judgement.error and review.operation is Operation.DELETE:
            return Judgement(audited=False)  # nothing keeps one from going through
        told = judgement.refused or judgement.verdict.findings
        if review.dry_run or judgement.audited or not told:
            return judgement
        if isinstance(judgement.error, TooManyError):
            return judgement  # not judged; a row each would make a flood of writes of a flood of requests
        return dataclasses.replace(judgement, audited=await self._record(review, judgement))

    async def _in_turn(
        self, review: Review, work: Callable[[Review], Awaitable[Judgement]]
    ) -> Judgement:
        # Whose row it waits in, its name says: nobody is asked for that, and a wrong name waits with its like.
        async with self._turns.turn(review.namespace.partition("--")[0]):
            return await work(review)

    def _of_member(self, review: Review) -> Review:
        """The review with the subject in place of the ServiceAccount that stands for its credential."""
        if not self._member_user or not review.requester.startswith(self._member_user):
            return review
        account = account_named(review.requester.removeprefix(self._member_user))
        if account is None or not review.credential_id:
            raise ForbiddenError(
                f"{review.requester} stands for no member's credential, or came without a token of the exchange"
            )
        return dataclasses.replace(
            review, requester=account.username, token_id=account.credential_id
        )

    async def _mutate(self, review: Review) -> Judgement:
        if self._unjudged(review):
            return Judgement()
        facts = await self._facts(review.namespace)
        if facts.objections and not self._is_platform(review):
            return Judgement(error=resting(facts.objections), tenant=facts.tenant)
        named = dataclasses.replace(review, manifest=with_a_name(review.manifest))
        try:
            subject = subject_of(review.kind, named.manifest)
            authors, replaced = people(review), outdated(review)
        except InvalidError:
            # The schema refuses it in a moment, in words that name the field.
            return Judgement(tenant=facts.tenant)
        labels = [
            (("metadata", "labels", key), value) for key, value in place_labels(facts).items()
        ]
        defaults = await self._decider.defaults(Question(subject, facts))
        fields = [(item.path, item.value) for item in defaults]
        patch = (*additions(review.manifest, [*fields, *labels, *authors]), *replaced)
        added = Judgement(patch=patch, tenant=facts.tenant)
        whole = dataclasses.replace(named, manifest=applied(named.manifest, patch))
        if self._unjudged(whole):
            return added
        given = await self._verdicts.first(await self._question(whole, facts))
        if not given.verdict.denied:
            return added
        judgement = Judgement(self._said(whole, given.verdict), tenant=facts.tenant)
        self._note(decided(review, given.question, judgement.verdict, given.at))
        return judgement

    async def _validate(self, review: Review) -> Judgement:
        unjudged = self._unjudged(review)
        if unjudged and not review.requester.startswith(PREFIX):
            return Judgement()
        facts = await self._facts(review.namespace)
        if facts.objections and not self._is_platform(review):
            return Judgement(error=resting(facts.objections), tenant=facts.tenant)
        if unjudged:
            return Judgement()
        given = await self._verdicts.second(await self._question(review, facts))
        question = given.question
        judgement = Judgement(self._said(review, given.verdict), tenant=facts.tenant)
        self._note(decided(review, question, judgement.verdict, given.at))
        if judgement.refused:
            return judgement
        row = None if self._is_platform(review) else row_of(review, judgement)
        judgement = await self._reserve(review, question, judgement, row)
        if judgement.refused:
            return judgement
        return dataclasses.replace(judgement, audited=True if row and not review.dry_run else None)

    async def _question(self, review: Review, facts: TenantFacts) -> Question:
        """What the policy engine is asked about a change; raises `InvalidError`."""
        marks = marks_of(review.manifest)
        if self._is_platform(review):
            owned = owned_by_platform(marks, facts)
        else:
            old = marks_of(review.old) if review.operation is Operation.UPDATE else None
            owned = owned_by_tenant(old, facts, review.requester, author=may_name(review))
        subject = named_subject(review.kind, review.manifest)
        others = other_annotations(review.manifest)
        change = Change()
        if _is_anew(review):
            change = Change(Doing(review.operation.value), self._clock.now())
        split = await split_of(self._cluster, subject)
        return Question(subject, facts, marks, owned, others, change, self._gateway, split)

    def _said(self, review: Review, verdict: Verdict) -> Verdict:
        return verdict if _is_anew(review) else verdict.asking_nothing

    async def _witness(self, review: Review) -> Judgement:
        """Somebody's delete goes on record; the platform's own, and Kubernetes' that follow from another, do not."""
        if self._is_platform(review) or review.requester.startswith(_KUBERNETES):
            return Judgement()
        facts = await self._stores.lookups.facts(review.namespace)
        if facts is None or review.dry_run:
            return Judgement()
        judgement = Judgement(tenant=facts.tenant)
        return dataclasses.replace(judgement, audited=await self._record(review, judgement))

    async def _reserve(
        self,
        review: Review,
        question: Question,
        judgement: Judgement,
        row: AuditRow | None,
    ) -> Judgement:
        """Quota for an object that all else lets in, on record with it, and the approval it needs: in one transaction."""
        subject, facts, split = question.subject, question.facts, question.split
        key, asked = Key(review.kind.name, facts.namespace, subject.name), judgement

        async def ask(work: TenantWork) -> None:
            nonlocal asked
            approval = await self._holding.ask(
                work,
                facts.tenant,
                key,
                review.manifest,
                review.old,
                judgement.verdict,
                review.requester,
            )
            asked = dataclasses.replace(judgement, approval=approval)
            if row:
                row.detail["approval"] = approval.id

        objections = await self._ledger.reserve(
            facts.tenant,
            key,
            asked_by(subject) + split.charge(split.replicas),
            version_of(review.old),
            host=subject.spec.host if isinstance(subject, HTTPTrigger) else "",
            row=row,
            also=ask if judgement.verdict.asking else None,
            dry_run=review.dry_run,
        )
        if not objections:
            return asked
        findings = (*judgement.verdict.findings, *objections)
        return dataclasses.replace(
            judgement, verdict=dataclasses.replace(judgement.verdict, findings=findings)
        )

    def _unjudged(self, review: Review) -> bool:
        if review.operation is Operation.DELETE:
            return True
        if review.operation is Operation.CREATE or asks_anew(review):
            return False
        if self._is_platform(review):
            return True
        new = set(other_annotations(review.manifest)) - set(other_annotations(review.old))
        return not new and marks_of(review.manifest) == marks_of(review.old)

    def _is_platform(self, review: Review) -> bool:
        return review.requester.startswith(self._platform_user)

    async def _facts(self, namespace: str) -> TenantFacts:
        facts = await self._stores.lookups.facts(namespace)
        if facts is None:
            message = (
                f'namespace "{namespace}" belongs to no tenant; functions and triggers live in tenants\' namespaces, '
                "which `funkhaus namespace create` makes"
            )
            finding = Finding("namespace-foreign", message, "metadata.namespace", value=namespace)
            raise ForbiddenError(finding.sentence, findings=[finding])
        return full(facts, self._domain)

    async def _record(self, review: Review, judgement: Judgement) -> bool:
        """Append the audit row of what is refused or let in with a remark; whether that succeeded. The answer stands."""
        row = row_of(review, judgement)
        try:
            await promptly(AUDIT_SECONDS, self._write(row))
        except Exception:  # noqa: BLE001 - whatever fails here, the review must still be answered
            _LOG.exception("the audit row of a review is lost", review=review.uid, row=row.detail)
            return False
        return True

    async def _write(self, row: AuditRow) -> None:
        async with self._stores.begin_platform() as work:
            await work.audit(row)


def _is_anew(review: Review) -> bool:
    """Whether it asks for something that was not asked for before."""
    return review.operation is Operation.CREATE or asks_anew(review)
