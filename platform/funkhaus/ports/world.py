"""The ports to everything but the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from funkhaus.domain.checkout import Checkout
    from funkhaus.domain.kinds import Kind
    from funkhaus.domain.load import Work
    from funkhaus.domain.packages import PackagesLayer
    from funkhaus.domain.question import Default, Question
    from funkhaus.domain.subject import Subject
    from funkhaus.domain.token import TokenKind
    from funkhaus.domain.verdict import Verdict

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """Some of a list's objects; `after` is where it goes on, "" when it doesn't."""

    items: Sequence[Manifest]
    after: str


@dataclass(frozen=True, slots=True)
class Minted:
    """A token that kube-apiserver signed, and when it ends (aware)."""

    text: str
    expires_at: datetime


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
        fields: Mapping[str, str] | None = None,
        limit: int = 500,
        subject: Subject | None = None,
    ) -> list[Manifest]:
        """The objects of a namespace (all namespaces when empty), read in chunks; `limit` bounds the total.

        `fields` are a kind's own that kube-apiserver selects by, as paths (``status.podIP``).
        """

    async def page(
        self,
        kind: Kind,
        namespace: str,
        *,
        limit: int,
        after: str = "",
        subject: Subject | None = None,
    ) -> ObjectPage:
        """At most `limit` objects of a namespace, by name, from where a page before ended.

        Raises `CursorError` when that is too long ago (minutes).
        """

    async def keys(self, kind: Kind, namespace: str = "") -> Sequence[tuple[str, str]]:
        """Namespace and name of every object of a kind, without reading the objects themselves."""

    async def apply(
        self,
        manifest: Manifest,
        *,
        force: bool = False,
        new: bool = False,
        dry_run: bool = False,
        manager: str = "",
        subject: Subject | None = None,
    ) -> Manifest:
        """Server-side apply under this process's field manager, or `manager`; returns the object as stored.

        With a ``metadata.resourceVersion`` an object that has another one is not changed: `ConflictError`.
        With `new` only where there is no object of that name: of many at once one succeeds, the others' is a
        `ConflictError` and changes nothing.
        """

    async def replace(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Put the object in place of the one of its ``metadata.resourceVersion``; returns it as stored, or as it would be.

        What it does not say is gone, whoever wrote it. Raises `ConflictError` when there is another version by now.
        """

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

    async def rescale(self, kind: Kind, namespace: str, name: str, *, was: int, to: int) -> bool:
        """Set the replicas of what has the subresource ``scale`` if they are `was`; whether it was this call that did.

        Raises `NotFoundError`.
        """

    def watch(
        self, kind: Kind, namespace: str, *, labels: Mapping[str, str], seconds: float
    ) -> AsyncIterator[tuple[Manifest, bool]]:
        """The objects there are and then each that changes, and whether it was deleted; ends after `seconds`."""

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

    async def mint(self, account: Manifest, secret: Manifest, seconds: int) -> Minted:
        """A token of a stored ServiceAccount, good for `seconds` (600 at least) and for as long as that very Secret is
        there, in the account's namespace. Raises `NotFoundError`; `ConflictError` where the Secret is another one by now.
        """

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

    async def push_function(
        self,
        base: str,
        repository: str,
        files: Mapping[str, bytes],
        packages: PackagesLayer | None = None,
    ) -> str:
        """Push `base` plus `packages` plus one layer with `files` (relative path → content, below ``/function``); returns
        ``registry/repository@sha256:…``. The same input gives the same digest and pushes nothing twice.
        """

    async def put_archive(self, repository: str, content: bytes) -> str:
        """Store an uploaded archive as a blob; returns its ``sha256:…``."""

    async def keep_checkout(
        self, repository: str, key: str, content: bytes, commit: str
    ) -> Checkout:
        """Store an archive as what `key` (`funkhaus.domain.checkout.key`) was looked up to be."""

    async def checkout(self, repository: str, key: str) -> Checkout | None:
        """What `key` was looked up to be, if that is there."""

    async def has_archive(self, repository: str, digest: str) -> bool:
        """Whether an archive is there."""

    async def archive(self, repository: str, digest: str) -> bytes:
        """An uploaded archive; raises `NotFoundError`."""

    async def packages(self, repository: str, key: str) -> PackagesLayer | None:
        """The layer of packages that was built of `key` (`funkhaus.domain.build.key`), if it is there."""

    async def push_packages(
        self, repository: str, key: str, result: Path, log: bytes
    ) -> PackagesLayer:
        """Check a build's result, a tar, and push it as the layer of `key`, with the build's log.

        Files are written beside `result`. Raises `InvalidError` and `TooLargeError` for what has no business in a layer.
        """

    async def packages_log(self, repository: str, key: str) -> bytes:
        """The log of the build of `key`; raises `NotFoundError`."""

    async def forget(self, below: str, *, limit: int = 200) -> int | None:
        """Delete up to `limit` images and archives in the repository `below` and in those below it; how many that were.

        ``None`` where the registry lists none of them for us, or deletes nothing. Raises `UnavailableError`.
        """


class BuildResults(Protocol):
    """Build pods that have something to fetch. `host` is a pod's address, `secret` the build's own.

    Raises `UnavailableError` when the pod does not answer, or answers what the key does not vouch for.
    """

    async def fetch(self, host: str, secret: str, into: Path) -> None:
        """Write the result into a new file; raises `TooLargeError` over `funkhaus.domain.packages.RESULT_LIMIT`."""

    async def log(self, host: str, secret: str) -> bytes:
        """What the build wrote, its beginning."""

    async def end(self, host: str, secret: str, refusal: str = "") -> None:
        """Let the pod end; with `refusal`, in failure and with these last words."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What a replica says of itself: calls that ended since it began, and those that run or wait now."""

    ended: int
    running: int


class Activity(Protocol):
    """Replicas of functions, asked on the port no trigger reaches; `host` is one's address.

    What answers is the tenant's own process: it may keep its function awake, or put it to sleep, and nobody else's.
    """

    async def calls(self, host: str) -> Calls:
        """What it has done; raises `UnavailableError` where it doesn't say."""

    async def work(self, host: str) -> Work:
        """What it has done, with failures and how long calls took; raises `UnavailableError` where it doesn't say."""

    async def ready(self, host: str) -> bool:
        """Whether it takes calls now; never raises."""


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
