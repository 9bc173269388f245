"""ServiceAccounts that stand for credentials where kube-apiserver can't ask us: made when one is exchanged, gone with it.

Postgres is the truth of who may what. The accounts in the cluster are the list of what may have to go, so a process that
dies leaves nothing that the next round of any process does not find. Steps of one account are ordered by its own notes,
written only onto the version that was read (`ConflictError`: another process is at it).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus import logs
from funkhaus.domain.errors import (
    ConflictError,
    ForbiddenError,
    FunkhausError,
    NotFoundError,
    TooManyError,
    UnavailableError,
)
from funkhaus.domain.kinds import ROLE_BINDING, SECRET, SERVICE_ACCOUNT
from funkhaus.domain.kubectl_account import (
    ACCOUNTS_LIMIT,
    KEPT,
    PLACES_LIMIT,
    SECONDS,
    KubectlAccount,
    account_named,
)
from funkhaus.domain.names import cluster_namespace
from funkhaus.manifests import kubectl as builders
from funkhaus.manifests.labels import Site

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Protocol

    from funkhaus.domain.subject import Subject
    from funkhaus.ports import Clock, Cluster, Manifest, Stores

    class Speakers(Protocol):
        """Whom credentials speak for now, by their id."""

        async def __call__(
            self, tokens: Collection[str], sessions: Collection[str]
        ) -> Mapping[str, Subject]:
            """What is no more is not in it."""


Bindings = dict[tuple[str, str], Site]
"""Places, by Kubernetes namespace and role."""
TRIES, PAUSE = 15, 0.2
"""How often an exchange tries where another process changes the same account, and the seconds between."""
LISTED = 20_000
AT_ONCE = 8
"""Accounts brought up to date at the same time."""
AGAIN = timedelta(seconds=5)
"""Until what could not be bound is tried again: its namespace is being made, or ends."""
LEEWAY = timedelta(minutes=1)
"""Between the end of an account's time and its removal: clocks differ."""
_LOG = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Followed:
    """How many accounts a round found, ended, and could not bring up to date."""

    found: int = 0
    ended: int = 0
    failed: int = 0


class KubectlAccounts:
    """Makes, follows and ends accounts in `namespace`; `speakers` says whom credentials speak for."""

    def __init__(
        self, stores: Stores, cluster: Cluster, clock: Clock, speakers: Speakers, namespace: str
    ) -> None:
        self._stores, self._cluster, self._clock = stores, cluster, clock
        self._speakers, self._namespace = speakers, namespace
        self._later: dict[str, datetime] = {}

    async def token(self, subject: Subject) -> tuple[str, datetime]:
        """A token of kube-apiserver's that may what the subject may, and when it ends.

        Raises `ForbiddenError` (no role in a tenant), `TooManyError`, `UnavailableError`.
        """
        if not subject.roles:
            raise ForbiddenError(
                "kubectl here is for members of tenants, and you have no role in one; an operator has another way in"
            )
        account = KubectlAccount(subject.id, subject.token_id)
        bindings = (await self._wanted([subject]))[subject.token_id]
        if len(bindings) > PLACES_LIMIT:
            raise TooManyError(
                f"your roles need {len(bindings)} RoleBindings; {PLACES_LIMIT} pass: a token of one tenant needs fewer"
            )
        said = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE)
            try:
                if (live := await self._opened(account, session=subject.is_user)) is None:
                    continue
                await self._bind(live, bindings)
                secret = await self._cluster.apply(builders.secret(live), force=True)
                minted = await self._cluster.mint(live, secret, SECONDS)
            except (ConflictError, NotFoundError) as error:
                said = f": {error.message}"
            else:
                return minted.text, minted.expires_at
        raise UnavailableError(f"this credential's access for kubectl is being changed{said}")

    async def round(self) -> Followed:
        """Bring every account up to date: what its credential speaks for now is what it is bound to.

        Raises `UnavailableError` where the cluster's list or the database can't be had.
        """
        found = await self._accounts()
        if not found:
            return Followed()
        speaking = await self._speaking(found)
        wanted = await self._wanted(speaking.values())
        places = asyncio.Semaphore(AT_ONCE)
        ended = failed = 0

        async def follow(account: KubectlAccount, live: Manifest) -> None:
            nonlocal ended, failed
            async with places:
                try:
                    subject = speaking.get(account.credential_id)
                    if subject is None or subject.id != account.subject_id or not subject.roles:
                        await self._end(live, dead=True)
                        ended += 1
                    elif _note(live, builders.ENDING) or self._is_idle(live):
                        await self._end(live, dead=False)
                        ended += 1
                    else:
                        await self._bind(live, wanted[account.credential_id], patient=True)
                except (ConflictError, NotFoundError):
                    return  # another process is at it, or was faster
                except FunkhausError as error:
                    failed += 1
                    _LOG.warning("kubectl account", name=account.name, error=error.message)

        await asyncio.gather(*(follow(account, live) for account, live in found))
        return Followed(len(found), ended, failed)

    async def compare(self) -> int:
        """Look at all RoleBindings: those of no account go, and an account bound otherwise than it says is bound anew.

        How many were found wrong. Raises `UnavailableError`.
        """
        bindings = await self._cluster.list(ROLE_BINDING, labels=builders.FOR_KUBECTL, limit=LISTED)
        # Read after them: the account of a binding was there before it.
        accounts = {live["metadata"]["uid"]: live for _, live in await self._accounts()}
        held: dict[str, list[Manifest]] = {}
        for binding in bindings:
            held.setdefault(binding["metadata"]["labels"].get(builders.ACCOUNT, ""), []).append(
                binding
            )
        wrong = 0
        for uid, own in held.items():
            if uid not in accounts:
                wrong += len(own)
                await self._clear(own)
        for uid, live in accounts.items():
            bound = _bound(live)
            if bound is not None and bound != {_key(binding) for binding in held.get(uid, [])}:
                wrong += 1
                await self._unsure(live)
        return wrong

    async def _accounts(self) -> list[tuple[KubectlAccount, Manifest]]:
        found = await self._cluster.list(
            SERVICE_ACCOUNT, self._namespace, labels=builders.FOR_KUBECTL, limit=LISTED
        )
        named = ((account_named(live["metadata"]["name"]), live) for live in found)
        return [(account, live) for account, live in named if account]

    async def _speaking(
        self, found: Sequence[tuple[KubectlAccount, Manifest]]
    ) -> Mapping[str, Subject]:
        ids: dict[str, list[str]] = {builders.SESSION: [], builders.TOKEN: []}
        for account, live in found:
            kind = live["metadata"]["labels"].get(builders.CREDENTIAL)
            ids[builders.SESSION if kind == builders.SESSION else builders.TOKEN].append(
                account.credential_id
            )
        return await self._speakers(ids[builders.TOKEN], ids[builders.SESSION])

    async def _wanted(self, subjects: Iterable[Subject]) -> dict[str, Bindings]:
        """What each credential is to be bound to."""
        subjects = list(subjects)
        tenants = {tenant for subject in subjects for tenant in subject.roles}
        known = await self._stores.lookups.namespaces(tenants) if tenants else {}
        wanted: dict[str, Bindings] = {}
        for subject in subjects:
            wanted[subject.token_id] = {
                (place.namespace, role): place
                for tenant in sorted(subject.roles)
                for role in builders.roles_of(subject, tenant)
                for place in (
                    Site(cluster_namespace(tenant, short), tenant, short)
                    for short in known.get(tenant, ())
                )
            }
        return wanted

    async def _opened(self, account: KubectlAccount, *, session: bool) -> Manifest | None:
        """The account, made or kept for longer; ``None`` while it ends. Raises `TooManyError`, `ConflictError`."""
        until = self._clock.now() + KEPT
        live = await self._cluster.get(SERVICE_ACCOUNT, self._namespace, account.name)
        if live is None:
            others = await self._cluster.list(
                SERVICE_ACCOUNT,
                self._namespace,
                labels={builders.MEMBER: account.subject_id},
                limit=ACCOUNTS_LIMIT,
            )
            if len(others) >= ACCOUNTS_LIMIT:
                raise TooManyError(
                    f"{ACCOUNTS_LIMIT} of your tokens and sessions are used with kubectl already; one that is not used "
                    f"for {KEPT.seconds // 60} minutes makes room"
                )
            made = builders.service_account(
                account, self._namespace, session=session, kept_until=until
            )
            # Not by force: another process may have made it, and noted something, since.
            return await self._cluster.apply(made)
        if _note(live, builders.ENDING):
            return None
        if _kept_until(live) < until - KEPT / 2:
            return await self._noted(live, {builders.KEPT_UNTIL: until.isoformat()})
        return live

    async def _bind(self, live: Manifest, wanted: Bindings, *, patient: bool = False) -> None:
        """Have exactly these RoleBindings. What can't be made yet is left for later; `patient`: not tried each time."""
        wanted = dict(sorted(wanted.items())[:PLACES_LIMIT])
        told, now = _told(wanted), self._clock.now()
        if _note(live, builders.BOUND) == told:
            return
        attempt = f"{live['metadata']['uid']} {told}"
        if patient and self._later.get(attempt, now) > now:
            return
        # Whoever reads this note looks at the cluster first, should this process die before the next one.
        claimed = await self._noted(live, {builders.BOUND: f"changing {uuid4()}"})
        held = await self._held(live)
        await self._loose(live, held - wanted.keys())
        missing = [key for key in wanted if key not in held]
        made = await asyncio.gather(*(self._granted(live, wanted[key], key[1]) for key in missing))
        late = {key for key, done in zip(missing, made, strict=True) if not done}
        if late:
            self._later = {key: at for key, at in self._later.items() if at > now}
            self._later[attempt] = now + AGAIN
        try:
            await self._noted(claimed, {builders.BOUND: _told(wanted.keys() - late)})
        except (ConflictError, NotFoundError):
            await self._stepped_on(live)
            raise

    async def _stepped_on(self, live: Manifest) -> None:
        """Another process changed the account while this one bound it."""
        meta = live["metadata"]
        there = await self._cluster.get(SERVICE_ACCOUNT, self._namespace, meta["name"])
        same = there is not None and there["metadata"]["uid"] == meta["uid"]
        if there is None or not same or _note(there, builders.ENDING):
            # Whoever ended it saw none of what was made since.
            await self._clear(await self._found(meta["uid"]))
        if there is not None:
            await self._unsure(there)

    async def _granted(self, live: Manifest, place: Site, role: str) -> bool:
        """Whether the RoleBinding could be made: its namespace may not be there yet, not be ours yet, or end."""
        try:
            await self._cluster.apply(builders.role_binding(live, place, role), force=True)
        except UnavailableError:
            raise
        except FunkhausError as error:
            _LOG.info("kubectl not bound yet", namespace=place.namespace, error=error.message)
            return False
        return True

    async def _end(self, live: Manifest, *, dead: bool) -> None:
        """Take it all away, Secret first: with it tokens are refused, without bindings they may nothing.

        A `dead` credential's goes whatever another process does with it.
        """
        meta = live["metadata"]
        if dead:
            await self._cluster.delete(SECRET, self._namespace, meta["name"])
        if not _note(live, builders.ENDING):
            live = await self._noted(live, {builders.ENDING: "yes"}, fenced=not dead)
        if not dead:
            await self._cluster.delete(SECRET, self._namespace, meta["name"])
        await self._loose(live, await self._held(live))
        await self._cluster.delete(SERVICE_ACCOUNT, self._namespace, meta["name"], uid=meta["uid"])
        _LOG.info("kubectl account ended", name=meta["name"], dead=dead)

    async def _held(self, live: Manifest) -> set[tuple[str, str]]:
        """What the account is bound to: as it notes, so that no cluster is searched, else as the cluster has it."""
        if (bound := _bound(live)) is not None:
            return bound
        return {_key(binding) for binding in await self._found(live["metadata"]["uid"])}

    async def _found(self, uid: str) -> list[Manifest]:
        """The RoleBindings of the account with this uid, in all namespaces."""
        return await self._cluster.list(ROLE_BINDING, labels={builders.ACCOUNT: uid}, limit=LISTED)

    async def _loose(self, live: Manifest, bindings: Iterable[tuple[str, str]]) -> None:
        for namespace, role in sorted(bindings):
            name = builders.binding_name(live["metadata"]["name"], role)
            await self._cluster.delete(ROLE_BINDING, namespace, name)

    async def _clear(self, bindings: Iterable[Manifest]) -> None:
        for meta in [binding["metadata"] for binding in bindings]:
            await self._cluster.delete(
                ROLE_BINDING, meta["namespace"], meta["name"], uid=meta["uid"]
            )

    async def _unsure(self, live: Manifest) -> None:
        """Have the next round look at what the account is bound to."""
        try:
            await self._noted(live, {builders.BOUND: None}, fenced=False)
        except NotFoundError:
            return

    async def _noted(
        self, live: Manifest, notes: Mapping[str, str | None], *, fenced: bool = True
    ) -> Manifest:
        meta: Manifest = {"annotations": dict(notes)}
        if fenced:
            meta["resourceVersion"] = live["metadata"]["resourceVersion"]
        return await self._cluster.merge_patch(
            SERVICE_ACCOUNT, self._namespace, live["metadata"]["name"], {"metadata": meta}
        )

    def _is_idle(self, live: Manifest) -> bool:
        return _kept_until(live) < self._clock.now() - LEEWAY


def _note(live: Manifest, name: str) -> str:
    return str((live["metadata"].get("annotations") or {}).get(name) or "")


def _kept_until(live: Manifest) -> datetime:
    """Until when the account says it stays; long past where somebody wrote something else there."""
    try:
        return datetime.fromisoformat(_note(live, builders.KEPT_UNTIL)).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def _key(binding: Manifest) -> tuple[str, str]:
    meta = binding["metadata"]
    return meta["namespace"], str(meta["name"]).rpartition("-")[2]


def _told(bindings: Iterable[tuple[str, str]]) -> str:
    """The note of what an account is bound to: JSON, ``<namespace>/<role>``."""
    return json.dumps(sorted("/".join(key) for key in bindings))


def _bound(live: Manifest) -> set[tuple[str, str]] | None:
    """What the account notes that it is bound to; ``None`` while that changes, or where it is no such note."""
    try:
        entries = json.loads(_note(live, builders.BOUND))
        pairs = (entry.split("/") for entry in entries)
        return (
            {(namespace, role) for namespace, role in pairs} if isinstance(entries, list) else None
        )
    except (ValueError, TypeError, AttributeError):
        return None
