"""The audit log as a chain: every row's hash covers the row before it, and signed checkpoints say where a chain stood.

Each tenant has a chain, the platform has one for what is no tenant's (`PLATFORM`). A row is hashed as canonical JSON
(`canonical`), so that anybody can recompute it from an export. `docs/audit.md` says what that proves and what not.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

PLATFORM = ""
"""The chain of rows without a tenant."""
GENESIS = "0" * 64
"""What stands for the hash before a chain's first row."""
CHECKPOINT_TYPE = "funkhaus-audit-checkpoint-v1"
TEXT_LIMIT = 4096
"""Characters of a text kept in a row."""
LIST_LIMIT = 200
"""Elements of a list, and fields of an object, kept in a row."""
DEPTH_LIMIT = 12
CUT = "…"
_UNSTORABLE = {0: "\ufffd", **dict.fromkeys(range(55296, 57344), "�")}


def canonical(document: Any) -> bytes:  # noqa: ANN401 - JSON
    """JSON in one form only: UTF-8, keys in the order of their code points, no spaces, characters as they are.

    Numbers are written as Python writes them: whole ones without a point, others in the shortest form that reads the same.
    """
    return json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode(errors="surrogatepass")


def digest_of(document: Any) -> str:  # noqa: ANN401 - JSON
    """``sha256:…`` of a JSON value: what a row says of an object before and after an act."""
    return f"sha256:{hashlib.sha256(canonical(document)).hexdigest()}"


def storable(value: Any, depth: int = DEPTH_LIMIT) -> Any:  # noqa: ANN401 - JSON
    """`value` as a row can hold it: without characters no database stores, and bounded. Nothing is lost for its size."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, dict | list | tuple):
        return _bounded(value, depth) if depth else CUT
    if isinstance(value, float) and value - value == 0:  # NaN and infinity are no JSON
        return value
    text = str(value).translate(_UNSTORABLE)
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + CUT


def _bounded(value: dict[Any, Any] | list[Any] | tuple[Any, ...], depth: int) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        kept = list(value.items())[:LIST_LIMIT]
        return {storable(str(key)): storable(item, depth - 1) for key, item in kept}
    return [storable(item, depth - 1) for item in value[:LIST_LIMIT]]


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond, always as long."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """One act or denial as it was recorded.

    `sequence` is unique over all chains and rises, with gaps; `tenant` is empty on the platform's chain. Who: `issuer` and
    `sub` of somebody who signed in, `subject` the platform's name for whoever it was, `token_id` their credential. What:
    `action` on `target`, with `uid` where the object has one, and ``sha256:…`` of it `before` and `after`. `outcome` is
    ``done``, ``allowed`` (admission) or ``denied``; `detail` is JSON, of a denial with its findings.
    """

    sequence: int
    at: datetime
    tenant: str
    issuer: str
    sub: str
    subject: str
    token_id: str
    action: str
    target: str
    uid: str
    before: str
    after: str
    outcome: str
    request_id: str
    detail: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Every field: what is hashed, listed and exported."""
        document = {field.name: getattr(self, field.name) for field in fields(self)}
        document["tokenId"] = document.pop("token_id")
        document["requestId"] = document.pop("request_id")
        return {**document, "at": instant(self.at)}


@dataclass(frozen=True, slots=True)
class Link:
    """An entry in its chain: positions begin at 1 and have no gaps. Hashes are hexadecimal."""

    entry: Entry
    position: int
    previous: str
    hash: str


def hash_of(entry: Entry, position: int, previous: str) -> str:
    """What the link of an entry at a position has to carry."""
    document = {"entry": entry.as_json(), "position": position, "previous": previous}
    return hashlib.sha256(canonical(document)).hexdigest()


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a chain stands: its last link, its last checkpoint, and when the next one is due (``None``: nothing new)."""

    tenant: str
    position: int = 0
    hash: str = GENESIS
    signed_position: int = 0
    signed_digest: str = ""
    due_at: datetime | None = None


def linked(chain: Chain, entries: Sequence[Entry]) -> list[Link]:
    """`entries`, in this order, as the links that follow `chain`."""
    links: list[Link] = []
    position, previous = chain.position, chain.hash
    for entry in entries:
        position += 1
        link = Link(entry, position, previous, hash_of(entry, position, previous))
        links.append(link)
        previous = link.hash
    return links


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a chain stood at a moment, signed (Ed25519, base64url without padding).

    `previous` is the digest of the chain's checkpoint before, empty on the first.
    """

    tenant: str
    position: int
    hash: str
    at: datetime
    previous: str
    key_id: str
    signature: str = ""

    @property
    def statement(self) -> bytes:
        """What is signed."""
        return canonical(
            {
                "type": CHECKPOINT_TYPE,
                "tenant": self.tenant,
                "position": self.position,
                "hash": self.hash,
                "at": instant(self.at),
                "previous": self.previous,
                "keyId": self.key_id,
            }
        )

    @property
    def digest(self) -> str:
        """Of the statement, hexadecimal: what the next checkpoint names."""
        return hashlib.sha256(self.statement).hexdigest()

    def signed(self, signature: str) -> Checkpoint:
        """The same with its signature."""
        return replace(self, signature=signature)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key checkpoints are or were signed with: `raw` are its 32 bytes, `id` the beginning of their SHA-256."""

    id: str
    raw: bytes


def key_id(raw: bytes) -> str:
    """The id of a public key."""
    return hashlib.sha256(raw).hexdigest()[:16]
