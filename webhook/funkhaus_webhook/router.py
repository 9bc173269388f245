"""From a path and a body to an answer: which phase, which kind, how much time.

Every way through ends in an AdmissionReview that refuses or allows, once it is known whom to answer. What can't be answered
at all gets an HTTP error, which kube-apiserver takes as a refusal too (`failurePolicy: Fail`).
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError, UnavailableError
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, GROUP, HTTP_TRIGGER, Kind
from funkhaus.metrics import AUDIT_LOST, REVIEW_SECONDS, REVIEWS
from funkhaus.services.reviews import Judgement
from funkhaus_webhook import request, verdict

if TYPE_CHECKING:
    from funkhaus.services.reviews import Review, ReviewService
    from funkhaus_webhook.request import Asked

KINDS: dict[tuple[str, str], Kind] = {
    (GROUP, kind.plural): kind for kind in (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER)
}
"""What is judged: API group and resource to kind."""
_LOG = logs.logger(__name__)


class Phase(StrEnum):
    """Which of the two questions."""

    MUTATE = "mutate"
    VALIDATE = "validate"


class Router:
    """Answers reviews with `service`, each within `deadline` seconds."""

    def __init__(self, service: ReviewService, *, deadline: float) -> None:
        self._service = service
        self._deadline = deadline

    async def answer(self, phase: Phase, body: bytes, patience: float | None) -> dict[str, Any]:
        """The AdmissionReview for a body; `patience` is how long the caller waits, where it says so.

        Raises `InvalidError` when the body says nobody to answer.
        """
        begin = asyncio.get_running_loop().time()
        asked = request.envelope(body)
        with structlog.contextvars.bound_contextvars(review=asked.uid, phase=phase.value):
            judgement = await self._judgement(phase, asked, self._budget(patience))
            REVIEW_SECONDS.labels(phase.value).observe(asyncio.get_running_loop().time() - begin)
            return verdict.answer(asked.uid, judgement, asked.about)

    def _budget(self, patience: float | None) -> float:
        """Seconds for the judgement: less than the caller waits, so that it hears the words and not a time-out."""
        return self._deadline if patience is None else min(self._deadline, patience * 0.8)

    async def _judgement(self, phase: Phase, asked: Asked, budget: float) -> Judgement:
        kind = KINDS.get((asked.group, asked.resource)) if not asked.subresource else None
        if kind is None:
            return self._unknown(phase, asked)
        try:
            review = request.review(asked, kind)
            judge = self._service.mutate if phase is Phase.MUTATE else self._service.validate
            judgement = await judge(review, budget)
        except FunkhausError as error:
            judgement = Judgement(error=error)
            _LOG.warning("review malformed", error=error.message)
        except Exception:  # noqa: BLE001 - a mistake of ours must not read like a network failure
            _LOG.exception("review failed")
            judgement = Judgement(
                error=UnavailableError(f"the platform made a mistake; its log names {asked.uid}")
            )
        else:
            _log(review, judgement)
        _count(phase, kind.name, judgement)
        return judgement

    def _unknown(self, phase: Phase, asked: Asked) -> Judgement:
        what = "/".join(part for part in (asked.resource, asked.subresource) if part)
        message = (
            f"{what}.{asked.group} is not judged by this webhook; its configuration names too much"
        )
        _LOG.error("review of an unknown resource", resource=what, group=asked.group)
        _count(phase, "other", refused := Judgement(error=FunkhausError(message)))
        return refused


def _outcome(judgement: Judgement) -> str:
    if judgement.error:
        return judgement.error.code
    if judgement.refused:
        return "denied"
    return "warned" if judgement.verdict.findings else "allowed"


def _count(phase: Phase, kind: str, judgement: Judgement) -> None:
    REVIEWS.labels(phase.value, kind, _outcome(judgement)).inc()
    if judgement.audited is False:
        AUDIT_LOST.inc()


def _log(review: Review, judgement: Judgement) -> None:
    error = judgement.error
    findings = error.findings if error else judgement.verdict.findings
    say = _LOG.warning if isinstance(error, UnavailableError) else _LOG.info
    say(
        "review",
        outcome=_outcome(judgement),
        operation=review.operation.value,
        kind=review.kind.name,
        namespace=review.namespace,
        name=review.name,
        tenant=judgement.tenant,
        user=review.requester,
        dry_run=review.dry_run,
        findings=[item.code for item in findings],
        error=error.message if error else None,
        decision=judgement.verdict.decision_id,
        policy=judgement.verdict.revision,
    )
