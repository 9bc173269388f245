"""A chain as lines of JSON: what `audit export` writes, and what is verified offline.

::

    {"type": "header", "format": "funkhaus-audit-v1", "chain": "blue", "after": 0, …, "keys": [{"id": …, "publicKey": …}]}
    {"type": "entry", "position": 1, "previous": "000…", "hash": "9f2…", "entry": {…}}
    {"type": "checkpoint", "tenant": "blue", "position": 1, "hash": "9f2…", …, "signature": …}
    {"type": "end", "position": 1, "complete": true, "chain": {"position": 1, "hash": "9f2…"}}

A long chain comes in several such parts, one behind the other. A part without its end was cut on the way.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from funkhaus.domain.audit import Chain, Checkpoint, Entry, Link, PublicKey, instant, key_id
from funkhaus.domain.audit_verification import FINDINGS_LIMIT, Anchor, verify
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from funkhaus.domain.audit_verification import Check

FORMAT = "funkhaus-audit-v1"
AT_ONCE = 500
"""Rows verified at a time."""
LINE_LIMIT = 1024 * 1024
"""Characters of a line: more than any row."""
Document = dict[str, Any]


def header(chain: str, anchor: Anchor, keys: Iterable[PublicKey], now: datetime) -> Document:
    """The first line of a part that goes on behind `anchor`."""
    return {
        "type": "header",
        "format": FORMAT,
        "chain": chain,
        "after": anchor.position,
        "hash": anchor.hash,
        "signedPosition": anchor.signed_position,
        "signedDigest": anchor.signed_digest,
        "waitingSince": anchor.waiting_since and instant(anchor.waiting_since),
        "exportedAt": instant(now),
        "keys": [public_key(key) for key in keys],
    }


def public_key(key: PublicKey) -> Document:
    """A key as people get it: 32 bytes in base64url without padding."""
    return {"id": key.id, "publicKey": urlsafe_b64encode(key.raw).rstrip(b"=").decode()}


def entry(link: Link) -> Document:
    """A row and its place."""
    return {
        "type": "entry",
        "position": link.position,
        "previous": link.previous,
        "hash": link.hash,
        "entry": link.entry.as_json(),
    }


def checkpoint(item: Checkpoint) -> Document:
    """A checkpoint."""
    return {
        "type": "checkpoint",
        "tenant": item.tenant,
        "position": item.position,
        "hash": item.hash,
        "at": instant(item.at),
        "previous": item.previous,
        "keyId": item.key_id,
        "signature": item.signature,
    }


def end(position: int, chain: Chain, *, complete: bool) -> Document:
    """The last line of a part that came to `position`."""
    where = {"position": chain.position, "hash": chain.hash}
    return {"type": "end", "position": position, "complete": complete, "chain": where}


def line(document: Document) -> bytes:
    """A line of the file."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@dataclass
class Outcome:
    """What came of a file: rows from behind `after` up to `position`, and what is wrong with them."""

    chain: str = ""
    after: int = 0
    position: int = 0
    entries: int = 0
    checkpoints: int = 0
    signed_position: int = 0
    complete: bool = False
    keys: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def examine(
    lines: Iterable[str],
    check: Check,
    *,
    keys: Sequence[PublicKey] = (),
    known: Sequence[Checkpoint] = (),
) -> Outcome:
    """Verify an export. `keys` are those trusted; without any, those the file itself brings are believed. `known` are
    checkpoints from elsewhere (an earlier export): they have to hold, too.

    Raises `InvalidError` naming the line, for what is no export.
    """
    return _Examination(check, {key.id: key.raw for key in keys}, known).run(lines)


def checkpoints_of(lines: Iterable[str]) -> list[Checkpoint]:
    """The checkpoints of an export, unverified; raises `InvalidError`."""
    found = (_parsed(text, number) for number, text in enumerate(lines, 1) if text.strip())
    return [_checkpoint(item) for item in found if item.get("type") == "checkpoint"]


class _Examination:
    def __init__(
        self, check: Check, trusted: Mapping[str, bytes], known: Sequence[Checkpoint]
    ) -> None:
        self._check, self._trusted, self._known = check, trusted, known
        self._wanted = {item.position for item in known}
        self._hashes: dict[int, str] = {}
        self._keys = dict(trusted)
        self._anchor = Anchor()
        self._links: list[Link] = []
        self._signed: list[Checkpoint] = []
        self._now: datetime | None = None
        self._open = False
        self._done = Outcome()

    def run(self, lines: Iterable[str]) -> Outcome:
        began = False
        for number, document in _documents(lines):
            try:
                began |= self._take(document, began=began)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise InvalidError(f"line {number} is not a line of an audit export") from error
        if not began:
            raise InvalidError("this is no audit export: it has no header")
        if self._open:
            self._flush(None)
            self._say(
                "export-cut", "the file ends in the middle: export it again", self._anchor.position
            )
        elif not self._done.complete:
            words = "the file does not go to the chain's end: more was there when it was exported"
            self._say("export-incomplete", words, self._anchor.position)
        self._hold()
        done = self._done
        done.position, done.signed_position = self._anchor.position, self._anchor.signed_position
        done.keys = tuple(self._keys)
        return done

    def _take(self, document: Document, *, began: bool) -> bool:
        kind = document["type"]
        if kind == "header":
            self._header(document, began=began)
        elif not self._open:
            raise ValueError(kind)
        elif kind == "entry":
            self._links.append(_link(document))
            if len(self._links) > AT_ONCE:
                self._flush(None)
        elif kind == "checkpoint":
            self._signed.append(_checkpoint(document))
        elif kind == "end":
            self._ended(document)
        else:
            raise ValueError(kind)
        return True

    def _header(self, document: Document, *, began: bool) -> None:
        if document["format"] != FORMAT or self._open:
            raise ValueError("header")
        since = document["waitingSince"]
        anchor = Anchor(
            int(document["after"]),
            str(document["hash"]),
            int(document["signedPosition"]),
            str(document["signedDigest"]),
            datetime.fromisoformat(since) if since else None,
        )
        if not began:
            self._anchor = anchor
            self._done.chain, self._done.after = str(document["chain"]), anchor.position
        elif (document["chain"], anchor.position) != (self._done.chain, self._anchor.position):
            self._say(
                "export-parts", "this part does not go on where the last ended", anchor.position
            )
        if not self._trusted:
            for item in document["keys"]:
                raw = _decoded(item["publicKey"])
                self._keys[key_id(raw)] = raw
        self._now, self._open = datetime.fromisoformat(document["exportedAt"]), True

    def _ended(self, document: Document) -> None:
        complete = document["complete"] is True
        where = document["chain"]
        stands = Chain(self._done.chain, int(where["position"]), str(where["hash"]))
        self._flush(stands if complete else None)
        if self._anchor.position != int(document["position"]):
            words = f"the part says it ends at row {document['position']}"
            self._say("export-parts", words, self._anchor.position)
        self._done.complete, self._open = complete, False

    def _flush(self, stands: Chain | None) -> None:
        """Verify what was read; while more may follow, checkpoints wait for the rows they are of."""
        last = self._links[-1].position if self._links else self._anchor.position
        now = [item for item in self._signed if stands or item.position <= last]
        report = verify(
            self._done.chain,
            self._anchor,
            self._links,
            now,
            self._keys,
            self._check,
            end=stands,
            now=self._now if stands else None,
        )
        self._hashes |= {
            link.position: link.hash for link in self._links if link.position in self._wanted
        }
        self._done.findings += report.findings[: FINDINGS_LIMIT - len(self._done.findings)]
        self._done.entries += len(self._links)
        self._done.checkpoints += len(now)
        self._anchor, self._links = report.anchor, []
        self._signed = [item for item in self._signed if item not in now]

    def _hold(self) -> None:
        """Whether checkpoints from elsewhere still hold."""
        for item in self._known:
            raw = self._keys.get(item.key_id)
            if item.tenant != self._done.chain or raw is None:
                continue
            if not self._check(raw, _decoded(item.signature), item.statement):
                self._say("checkpoint-forged", "a known checkpoint is not genuine", item.position)
            elif item.position > self._anchor.position:
                words = "a known checkpoint says there was a row here, and the chain ends before it"
                self._say("chain-truncated", words, item.position)
            elif item.position > self._done.after and self._hashes.get(item.position) != item.hash:
                words = "a known checkpoint says another hash: the chain was written anew"
                self._say("checkpoint-disagrees", words, item.position)

    def _say(self, code: str, message: str, at: int) -> None:
        if len(self._done.findings) < FINDINGS_LIMIT:
            self._done.findings.append(Finding(code, message, f"position {at}"))


def _documents(lines: Iterable[str]) -> Iterator[tuple[int, Document]]:
    for number, text in enumerate(lines, 1):
        if text.strip():
            yield number, _parsed(text, number)


def _parsed(text: str, number: int) -> Document:
    try:
        document = json.loads(text) if len(text) <= LINE_LIMIT else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidError(f"line {number} is not a line of an audit export")
    return document


def _link(document: Document) -> Link:
    facts = dict(document["entry"])
    facts["token_id"] = facts.pop("tokenId")
    facts["request_id"] = facts.pop("requestId")
    facts["at"] = datetime.fromisoformat(facts["at"])
    if set(facts) != {item.name for item in fields(Entry)}:
        raise ValueError("entry")
    place = int(document["position"]), str(document["previous"]), str(document["hash"])
    return Link(Entry(**facts), *place)


def _checkpoint(document: Document) -> Checkpoint:
    return Checkpoint(
        str(document["tenant"]),
        int(document["position"]),
        str(document["hash"]),
        datetime.fromisoformat(document["at"]),
        str(document["previous"]),
        str(document["keyId"]),
        str(document["signature"]),
    )


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
