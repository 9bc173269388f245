"""What the use cases need of the world. Adapters implement these; every one has a `Memory…`/`Fake…` twin in
`tests/support` that sits the same contract suite.

A manifest is a plain JSON object (``dict[str, Any]``) as kube-apiserver speaks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.question import Default, Question
    from funkhaus.domain.subject import Subject
    from funkhaus.domain.tenant import Namespace, Plan, Tenant, TenantFacts
    from funkhaus.domain.token import Token, TokenKind
    from funkhaus.domain.verdict import Verdict

Manifest = dict[str, Any]


class Clock(Protocol):
    """The time, so that tests own it."""

    def now(self) -> datetime:
        """The current instant, aware, UTC."""


class Cluster(Protocol):
    """kube-apiserver, for one identity; `subject` makes a call as that subject (impersonation).

    Every call has a time-out. Raises `NotFoundError`, `ConflictError`, `PolicyError` (an admission webhook of ours
    refused; findings come from ``Status.details.causes``), `InvalidError` (schema), `ForbiddenError` (RBAC),
    `UnavailableError`/`TimedOutError`. `get` and `delete` turn "not found" into ``None``/``False``.
    """

    async def get(
        self, kind: Kind, namespace: str, name: str, *, subject: Subject | None = None
    ) -> Manifest | None:
        """One object, or ``None``."""

    async def list(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: Mapping[str, str] | None = None,
        limit: int = 500,
        subject: Subject | None = None,
    ) -> list[Manifest]:
        """The objects of a namespace (all namespaces when empty), read in chunks; `limit` bounds the total."""

    async def keys(self, kind: Kind, namespace: str = "") -> Sequence[tuple[str, str]]:
        """Namespace and name of every object of a kind, without reading the objects themselves."""

    async def apply(
        self,
        manifest: Manifest,
        *,
        force: bool = False,
        dry_run: bool = False,
        subject: Subject | None = None,
    ) -> Manifest:
        """Server-side apply under this process's field manager; returns the object as stored."""

    async def apply_status(self, manifest: Manifest) -> Manifest:
        """Server-side apply of the status subresource."""

    async def merge_patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Manifest,
        *,
        subject: Subject | None = None,
    ) -> Manifest:
        """RFC 7396 merge patch."""

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        subject: Subject | None = None,
    ) -> bool:
        """Delete in the background; with `uid` only that very object. Whether there was one."""

    def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str,
        tail: int | None = None,
        previous: bool = False,
        follow: bool = False,
        subject: Subject | None = None,
    ) -> AsyncIterator[bytes]:
        """The log of a container, in chunks of whole lines where possible."""


class Decider(Protocol):
    """The policy engine."""

    async def decide(self, question: Question) -> Verdict:
        """The verdict.

        Raises `UnavailableError`/`TimedOutError` when there is no trustworthy answer: callers deny.
        """

    async def defaults(self, question: Question) -> Sequence[Default]:
        """What to fill in where the object says nothing, by path; raises as `decide` does."""

    async def ready(self) -> str:
        """The revision of the policy that would judge now; raises as `decide` does."""


class ImageRegistry(Protocol):
    """An OCI registry."""

    async def push_function(self, base: str, repository: str, files: Mapping[str, bytes]) -> str:
        """Push `base` plus one layer with `files` (relative path → content, below ``/function``); returns
        ``registry/repository@sha256:…``. The same input gives the same digest and pushes nothing twice.
        """

    async def put_archive(self, repository: str, content: bytes) -> str:
        """Store an uploaded archive as a blob; returns its ``sha256:…``."""

    async def archive(self, repository: str, digest: str) -> bytes:
        """An uploaded archive; raises `NotFoundError`."""


class TokenMint(Protocol):
    """Makes tokens and the keyed digests they are stored by."""

    def mint(self, kind: TokenKind) -> str:
        """A new token's text."""

    def digest(self, text: str) -> bytes:
        """The digest of a token's text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function answered. `headers` may repeat a name; hop-by-hop ones are gone."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Dialer(Protocol):
    """Speaks HTTP to functions."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        seconds: float,
        limit: int,
    ) -> Answer:
        """One request, no redirect followed.

        Raises `UnavailableError` when nothing answers, `TimedOutError` after `seconds`, `TooLargeError` when the
        answer's body is over `limit` bytes.
        """


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what, with which outcome. `tenant` is empty for platform-wide acts."""

    tenant: str
    subject: str
    token_id: str
    action: str
    target: str
    outcome: str
    request_id: str
    detail: Manifest


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """A manifest to apply (or, with `gone`, an object to delete) in the cluster, in the order of `sequence`.

    `attempts` counts deliveries that failed.
    """

    sequence: int
    manifest: Manifest
    gone: bool
    queued_at: datetime
    attempts: int = 0


class TenantWork(Protocol):
    """One transaction inside one tenant; it commits when its block ends without an exception.

    Reading or writing another tenant's rows through it is impossible: every query carries the tenant.
    """

    async def tenant(self) -> Tenant:
        """The tenant; raises `NotFoundError`."""

    async def plan(self) -> Plan:
        """The tenant's plan."""

    async def lock(self) -> None:
        """Be the tenant's only writer until the transaction ends: for check, then write. Raises `NotFoundError`."""

    async def namespaces(self) -> Sequence[Namespace]:
        """All namespaces, by name."""

    async def namespace(self, name: str) -> Namespace:
        """One namespace; raises `NotFoundError`."""

    async def add_namespace(self, namespace: Namespace) -> None:
        """Insert; raises `ConflictError` when the name is taken (also by a deleted one)."""

    async def remove_namespace(self, name: str) -> None:
        """Mark as deleted; raises `NotFoundError`."""

    async def host_suffixes(self) -> Sequence[str]:
        """Host suffixes granted beside the default one."""

    async def add_token(self, token: Token, digest: bytes) -> None:
        """Insert a token by the keyed digest of its text."""

    async def tokens(self) -> Sequence[Token]:
        """The tenant's tokens, newest first, bounded."""

    async def revoke_token(self, token_id: str, now: datetime) -> Token:
        """Revoke; already revoked stays as it was; raises `NotFoundError`."""

    async def enqueue(self, manifest: Manifest, *, gone: bool = False) -> None:
        """Put a cluster change into the outbox, in this transaction."""

    async def audit(self, row: AuditRow) -> None:
        """Append an audit row, in this transaction."""


class PlatformWork(Protocol):
    """One transaction across tenants: a different type, so that crossing is conspicuous."""

    async def add_tenant(self, tenant: Tenant) -> None:
        """Insert; raises `ConflictError` (ids are never reused)."""

    async def tenants(self, *, after: str = "", limit: int = 100) -> Sequence[Tenant]:
        """Tenants by id, keyset-paged."""

    async def plan(self, plan_id: str) -> Plan:
        """One plan; raises `NotFoundError`."""

    async def plans(self) -> Sequence[Plan]:
        """All plans, by id."""

    async def facts(self, cluster_namespace: str) -> TenantFacts | None:
        """Whose Kubernetes namespace this is, and what a review needs to know of them."""

    async def token_by_digest(self, digest: bytes) -> Token | None:
        """The token with this keyed digest, valid or not."""

    async def add_platform_token(self, token: Token, digest: bytes) -> None:
        """Insert an admin token."""

    async def revoke_platform_token(self, token_id: str, now: datetime) -> Token:
        """Revoke any token; raises `NotFoundError`."""

    async def outbox(self, now: datetime, *, limit: int = 20) -> Sequence[OutboxItem]:
        """The oldest undelivered item of each object that is due, locked for this transaction (locked ones skipped).

        An object's later items wait for its earlier ones, in every process.
        """

    async def oldest_outbox_item(self) -> datetime | None:
        """When the oldest undelivered item was put in, or ``None``."""

    async def delivered(self, sequence: int) -> None:
        """Forget an outbox item."""

    async def postpone(self, sequence: int, error: str, until: datetime) -> None:
        """Try an outbox item again, not before `until`."""

    async def audit(self, row: AuditRow) -> None:
        """Append an audit row."""


class Stores(Protocol):
    """Where transactions begin."""

    def begin(self, tenant: str) -> AbstractAsyncContextManager[TenantWork]:
        """A transaction inside `tenant`. Raises `UnavailableError` when the database does not answer."""

    def begin_platform(self) -> AbstractAsyncContextManager[PlatformWork]:
        """A transaction across tenants."""

    async def ready(self) -> None:
        """Pass if the database answers; raises `UnavailableError` or `SchemaMismatchError`."""
