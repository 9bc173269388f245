"""What is kept of a request that came with an Idempotency-Key, so that its repetition gets the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from datetime import datetime

KEEP_SECONDS = 24 * 3600
KEY_LIMIT = 255


class InFlightError(ConflictError):
    """The first request with this Idempotency-Key is still being answered."""

    code = "idempotency-in-flight"


class AnsweredOnceError(ConflictError):
    """This was done already, and its answer held a secret, which is shown once."""

    code = "idempotency-answered"


class OtherRequestError(InvalidError):
    """This Idempotency-Key came with another request before."""

    code = "idempotency-mismatch"


@dataclass(frozen=True, slots=True)
class Claim:
    """A request about to be carried out. `key` and `fingerprint` are digests: of who asks what under which key, and of
    the body and query. `owner` (a uuid) tells attempts apart; from `held_until` on its process counts as dead.
    """

    key: bytes
    fingerprint: bytes
    owner: str
    held_until: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """What an earlier claim left. `status` 0: it is in flight. `withheld`: `body` is not the answer but an id at most."""

    fingerprint: bytes
    status: int = 0
    content_type: str = ""
    body: bytes = b""
    withheld: bool = False
