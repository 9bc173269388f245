"""The rules in force: put there, brought back, and handed to OPA as one signed bundle.

A set is in force when its activation is committed; every replica notices within `LOOK_SECONDS`, its own at once. What OPA
gets is built from the set alone, so that all replicas serve the same bytes under the same ETag.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from funkhaus.crd import catalogue_files
from funkhaus.domain import catalogues
from funkhaus.domain.errors import InvalidError, NotFoundError, TooManyError, UnavailableError
from funkhaus.domain.permission import Permission
from funkhaus.domain.policy_set import HOUSE, REASON_LIMIT, Activation, PolicySet
from funkhaus.domain.verdict import Finding
from funkhaus.ports import AuditRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.ports import Clock, PlatformWork, PolicyCompiler, PolicyTrial, Stores
    from funkhaus.services.acts import Acts, Asker

LOOK_SECONDS = 0.2
"""Between two looks at which set is in force, while somebody waits for news."""
WAITERS_LIMIT = 256
"""OPAs that wait for news at one replica."""
HISTORY_LIMIT = 500
PREVIOUS = "previous"
"""In place of a revision: the one that was in force before the present one."""
Bundler = Callable[[PolicySet], bytes]
Agreed = Callable[[Activation | None], None]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What OPA loads; `etag` names the bytes."""

    revision: str
    content: bytes = field(repr=False)
    etag: str


@dataclass(frozen=True, slots=True)
class PolicyFeed:
    """How sets are tried out and handed to OPA, which shows `token`. Without a `bundler` OPA has its rules as files."""

    compiler: PolicyCompiler
    trial: PolicyTrial
    bundler: Bundler | None = None
    token: str = field(default="", repr=False)


def _whatever(_: Activation | None) -> None:
    """Whatever is in force is agreed to."""


class PolicyService:
    """Use cases on the rules. Where OPA has them as files nothing is taken in: it would not be obeyed."""

    def __init__(
        self,
        stores: Stores,
        acts: Acts,
        clock: Clock,
        feed: PolicyFeed,
    ) -> None:
        self._stores, self._acts, self._clock, self._feed = stores, acts, clock, feed
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._bundle: Bundle | None = None
        self._news = asyncio.Event()
        self._waiting = 0

    async def active(self, asker: Asker) -> Activation:
        """What is in force; raises `NotFoundError` before the first."""
        async with (
            self._acts.reading(asker, Permission.POLICY_READ),
            self._stores.begin_platform() as work,
        ):
            found = await work.policies.active()
        if found is None:
            raise NotFoundError("no policy set is in force yet")
        return found

    async def activate(
        self, asker: Asker, policies: PolicySet, reason: str, agreed: Agreed = _whatever
    ) -> Activation:
        """Put a set in force (platform admins); raises `InvalidError` with everything that keeps it from being fit.

        `agreed` is given what is in force, before the set is tried and once more when nobody else can change it, and raises
        where that is not what whoever asks has seen.
        """
        revision = policies.revision
        async with self._acts.doing(
            asker, Permission.POLICY_WRITE, None, revision, action="policy:activate"
        ) as act:
            act.detail |= {"reason": _reasoned(reason), "files": len(policies.files)}
            async with self._stores.begin_platform() as work:
                agreed(await work.policies.active())
            await self._fit(policies)
            async with self._stores.begin_platform() as work:
                present = await work.policies.held()
                agreed(present)
                await work.policies.add(policies)
                act.before, act.after = _revision(present), revision
                done = await self._put(work, asker.subject.username, revision, reason)
                await work.audit(act.row("done"))
                act.recorded = True
        self._tell()
        return done

    async def reactivate(
        self, asker: Asker, revision: str, reason: str, agreed: Agreed = _whatever
    ) -> Activation:
        """Bring an earlier set back (platform admins), or the `PREVIOUS` one; raises `NotFoundError`, `InvalidError`.

        `agreed` is as in `activate`.
        """
        async with self._acts.doing(
            asker, Permission.POLICY_WRITE, None, revision, action="policy:reactivate"
        ) as act:
            act.detail["reason"] = _reasoned(reason)
            async with self._stores.begin_platform() as work:
                agreed(await work.policies.active())
                wanted = await _before(work) if revision == PREVIOUS else revision
                policies = await work.policies.find(wanted)
            act.detail["revision"] = wanted
            await self._fit(policies)
            async with self._stores.begin_platform() as work:
                present = await work.policies.held()
                agreed(present)
                act.before, act.after = _revision(present), wanted
                done = await self._put(work, asker.subject.username, wanted, reason)
                await work.audit(act.row("done"))
                act.recorded = True
        self._tell()
        return done

    async def history(self, asker: Asker, *, before: int, limit: int) -> Sequence[Activation]:
        """What was put in force, latest first."""
        async with (
            self._acts.reading(asker, Permission.POLICY_READ),
            self._stores.begin_platform() as work,
        ):
            return await work.policies.history(before=before, limit=limit)

    async def come_with_the_release(self, policies: PolicySet, *, first: bool = False) -> bool:
        """Put the house's own set in force, with `first` only where none is; whether that changed anything.

        An admin's set stays. One that went back to what the house put there last follows the releases again. Raises
        `InvalidError`.
        """
        if found := objections(policies):
            raise InvalidError.at(*found)
        async with self._stores.begin_platform() as work:
            history = await work.policies.history(limit=HISTORY_LIMIT)
            if history and (first or not _follows(history, policies.revision)):
                return False
            await work.policies.add(policies)
            reason = "comes with the release"
            await self._put(work, HOUSE, policies.revision, reason)
            row = AuditRow(
                tenant="",
                subject=HOUSE,
                token_id="",
                action="policy:activate",
                target=policies.revision,
                outcome="done",
                request_id="",
                detail={"reason": reason},
            )
            await work.audit(row)
        self._tell()
        return True

    def admits(self, token: str) -> bool:
        """Whether who shows this token is OPA."""
        own = self._feed.token
        return bool(own) and hmac.compare_digest(token.encode(), own.encode())

    async def bundle(self, known: str, wait: float) -> Bundle | None:
        """What is in force, as soon as it is not `known` (an ETag); ``None`` when it still is after `wait` seconds.

        Raises `UnavailableError` while nothing is in force, `TooManyError` when too many wait.
        """
        if self._waiting >= WAITERS_LIMIT:
            raise TooManyError(f"more than {WAITERS_LIMIT} wait for news", retry_seconds=5)
        self._waiting += 1
        try:
            return await self._fresh(known, asyncio.get_running_loop().time() + wait)
        finally:
            self._waiting -= 1

    async def _fresh(self, known: str, end: float) -> Bundle | None:
        while True:
            news = self._news
            found = await self._current()
            if found.etag != known:
                return found
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return None
            try:
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    await news.wait()
            except TimeoutError:
                continue

    async def _current(self) -> Bundle:
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if self._bundle is None or now - self._looked_at >= LOOK_SECONDS / 2:
                self._bundle = await self._look(self._bundle)
                self._looked_at = now
            return self._bundle

    async def _look(self, last: Bundle | None) -> Bundle:
        if self._feed.bundler is None:
            raise _not_served()
        async with self._stores.begin_platform() as work:
            active = await work.policies.active()
            if active is None:
                raise UnavailableError("no policy is in force yet; see `publish-policies`")
            if last and last.revision == active.revision:
                return last
            policies = await work.policies.find(active.revision)
        content = await asyncio.to_thread(self._feed.bundler, policies)
        return Bundle(active.revision, content, f'"{hashlib.sha256(content).hexdigest()}"')

    def _tell(self) -> None:
        """Whoever waits here looks again at once."""
        self._looked_at = float("-inf")
        self._news.set()
        self._news = asyncio.Event()

    async def _fit(self, policies: PolicySet) -> None:
        if self._feed.bundler is None:
            raise _not_served()
        found = objections(policies) or await self._feed.compiler.objections(policies)
        if found:
            raise InvalidError.at(*found)

    async def _put(self, work: PlatformWork, by: str, revision: str, reason: str) -> Activation:
        return await work.policies.activate(Activation(revision, self._clock.now(), by, reason))


async def _before(work: PlatformWork) -> str:
    history = await work.policies.history(limit=HISTORY_LIMIT)
    for item in history:
        if item.revision != history[0].revision:
            return item.revision
    raise NotFoundError("no other revision was in force before")


def _follows(history: Sequence[Activation], revision: str) -> bool:
    """Whether what is in force is what the house put there last, and it is another than `revision`."""
    last = next((item.revision for item in history if item.by == HOUSE), "")
    return history[0].revision == last != revision


def objections(policies: PolicySet) -> list[Finding]:
    """What is wrong with names, sizes and data files."""
    found = policies.objections()
    if found:
        return found
    try:
        return catalogues.check(catalogue_files.by_name(policies.deciding))
    except InvalidError as error:
        return list(error.findings)


def _revision(present: Activation | None) -> str:
    """Of what judges now, which is a digest itself; empty before the first."""
    return present.revision if present else ""


def _reasoned(reason: str) -> str:
    if not reason.strip() or len(reason) > REASON_LIMIT:
        message = f"say why, in 1 to {REASON_LIMIT} characters"
        raise InvalidError.at(Finding("reason-missing", message, "reason", limit=REASON_LIMIT))
    return reason


def _not_served() -> UnavailableError:
    return UnavailableError(
        "this installation gives OPA its rules as files: FUNKHAUS_POLICY_SIGNING_KEY is not set"
    )
