"""What other rules would have done, and would do: the decision log and today's objects, judged by a candidate set.

What was answered then stands in the log, so that a request judged by the rules in force now is judged once, by the
candidate; older ones are judged by both. Nothing is written, and the candidate reaches no OPA that decides.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from funkhaus.domain.errors import (
    CursorError,
    FunkhausError,
    InvalidError,
    TimedOutError,
    TooManyError,
    UnavailableError,
)
from funkhaus.domain.impact import Impact, Subject
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, HTTP_TRIGGER
from funkhaus.domain.permission import Permission
from funkhaus.services.policies import objections
from funkhaus.services.questions import stored_question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
    from datetime import timedelta

    from funkhaus.domain.decision import Decision
    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.policy_set import PolicySet
    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.domain.verdict import Finding
    from funkhaus.ports import Clock, Cluster, Manifest, PolicyCompiler, PolicyTrial, Stores
    from funkhaus.services.acts import Acts, Asker

BATCH = 2500
"""Questions of one run."""
REQUESTS_LIMIT = 200_000
"""Requests of the past in one report, and as many living objects."""
SECONDS = 300.0
"""For a report."""
AT_ONCE = 4
"""Batches in hand, whatever number of runs the trial allows."""
OBJECTS_PAGE = 500
KINDS = (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER)


@dataclass(frozen=True, slots=True)
class _Living:
    subject: Subject
    question: str


class ImpactService:
    """`domain` is the platform's, `gateway` whether it names a Gateway."""

    def __init__(
        self,
        stores: Stores,
        acts: Acts,
        cluster: Cluster,
        clock: Clock,
        compiler: PolicyCompiler,
        trial: PolicyTrial,
        *,
        domain: str,
        gateway: bool = False,
    ) -> None:
        self._stores, self._acts, self._cluster, self._clock = stores, acts, cluster, clock
        self._compiler, self._trial = compiler, trial
        self._domain, self._gateway = domain, gateway
        self._busy = False

    async def report(self, asker: Asker, candidate: PolicySet, back: timedelta) -> Impact:
        """What the candidate would change for the requests of the last `back`, and for what lives (platform roles).

        Raises `InvalidError` with what keeps the set from being fit, `TimedOutError` when there is too much to look at,
        `TooManyError` while another report is made, `UnavailableError` while nothing is in force.
        """
        async with self._acts.reading(asker, Permission.POLICY_READ):
            if self._busy:
                raise TooManyError("another report is being made here", retry_seconds=10)
            self._busy = True
            try:
                async with asyncio.timeout(SECONDS):
                    return await self._report(candidate, back)
            except TimeoutError as error:
                raise TimedOutError(
                    f"the report was not done within {SECONDS:g} s; a shorter time back passes"
                ) from error
            finally:
                self._busy = False

    async def _report(self, candidate: PolicySet, back: timedelta) -> Impact:
        if found := objections(candidate) or await self._compiler.objections(candidate):
            raise InvalidError.at(*found)
        async with self._stores.begin_platform() as work:
            active = await work.policies.active()
            if active is None:
                raise UnavailableError("no policy is in force yet to compare with")
            present = await work.policies.find(active.revision)
        impact = Impact(candidate.revision, present.revision, self._clock.now() - back)
        both = _Both(self._trial, candidate, present)
        places = asyncio.Semaphore(AT_ONCE)

        tasks: list[asyncio.Task[None]] = []

        async def started(work: Callable[[], Coroutine[None, None, None]]) -> None:
            """Begin with a batch once there is a place; what went wrong with one before ends it all."""
            await places.acquire()
            task = asyncio.create_task(work())
            task.add_done_callback(lambda _: places.release())
            tasks.append(task)
            for one in tasks:
                if one.done():
                    one.result()

        try:
            async for page in self._requests(impact):
                await started(partial(self._replay, impact, both, page))
            async for batch in self._living(impact):
                await started(partial(_judge, impact, both, batch))
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return impact

    async def _requests(self, impact: Impact) -> AsyncIterator[Sequence[Decision]]:
        after, seen = ("", 0), 0
        while True:
            async with self._stores.begin_platform() as work:
                page = await work.decisions.page(impact.since, after, limit=BATCH)
            if not page:
                return
            if seen >= REQUESTS_LIMIT:
                impact.more = True
                return
            seen += len(page)
            after = (page[-1].tenant, page[-1].sequence)
            yield page

    async def _replay(self, impact: Impact, both: _Both, page: Sequence[Decision]) -> None:
        asked = [decision for decision in page if decision.input]
        impact.unread += len(page) - len(asked)
        old = [decision for decision in asked if decision.revision != impact.active]
        after = await both.after([decision.input for decision in asked])
        again = await both.before([decision.input for decision in old])
        before = dict(zip((id(decision) for decision in old), again, strict=True))
        for decision, findings in zip(asked, after, strict=True):
            subject = Subject(decision.tenant, decision.namespace, decision.kind, decision.name)
            then = before.get(id(decision), decision.findings)
            impact.request(subject, decision.at, then, findings)

    async def _living(self, impact: Impact) -> AsyncIterator[Sequence[_Living]]:
        facts: dict[str, TenantFacts | None] = {}
        batch: list[_Living] = []
        async for kind, manifest in self._objects(impact):
            namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
            if namespace not in facts:
                facts[namespace] = await self._stores.lookups.facts(namespace)
            if (known := facts[namespace]) is None:
                continue  # no tenant's
            try:
                question = await stored_question(
                    self._cluster, kind, manifest, known, self._domain, gateway=self._gateway
                )
            except FunkhausError:  # stored by another version's schema: nobody can judge it
                impact.unread += 1
                continue
            subject = Subject(known.tenant, known.namespace, kind.name, name)
            batch.append(_Living(subject, self._trial.question(question)))
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    async def _objects(self, impact: Impact) -> AsyncIterator[tuple[Kind, Manifest]]:
        seen = 0
        for kind in KINDS:
            after, ended = "", False
            while not ended:
                try:
                    page = await self._cluster.page(kind, "", limit=OBJECTS_PAGE, after=after)
                except CursorError as error:
                    raise TimedOutError(
                        "reading the objects took kube-apiserver too long"
                    ) from error
                for manifest in page.items:
                    yield kind, manifest
                seen, after = seen + len(page.items), page.after
                ended = not after
                if seen >= REQUESTS_LIMIT and not ended:
                    impact.more = ended = True


async def _judge(impact: Impact, both: _Both, batch: Sequence[_Living]) -> None:
    questions = [living.question for living in batch]
    before, after = await asyncio.gather(both.before(questions), both.after(questions))
    for living, then, now in zip(batch, before, after, strict=True):
        impact.object(living.subject, then, now)


@dataclass(frozen=True, slots=True)
class _Both:
    """The rules in force and those that might be."""

    trial: PolicyTrial
    candidate: PolicySet
    present: PolicySet

    async def after(self, questions: Sequence[str]) -> Sequence[tuple[Finding, ...]]:
        return await self.trial.findings(self.candidate, questions) if questions else ()

    async def before(self, questions: Sequence[str]) -> Sequence[tuple[Finding, ...]]:
        return await self.trial.findings(self.present, questions) if questions else ()
