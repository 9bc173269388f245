"""Whether a chain is what was written: one function, the same in the API server and, offline, in the command line."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus.domain.audit import GENESIS, Chain, Checkpoint, Link, hash_of
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    Check = Callable[[bytes, bytes, bytes], bool]
    """Whether (raw public key, signature, message) go together."""

FINDINGS_LIMIT = 100
"""Findings of one verification; what is wrong beyond them is wrong anyway."""
OVERDUE = timedelta(minutes=5)
"""A row this old that no checkpoint covers is a finding: checkpoints come within a minute."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """How far a verification has come: the last link, the last checkpoint, and since when links wait for the next one."""

    position: int = 0
    hash: str = GENESIS
    signed_position: int = 0
    signed_digest: str = ""
    waiting_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What came out. `anchor` is where the next part goes on; `findings` are empty when the part is intact."""

    anchor: Anchor
    findings: tuple[Finding, ...]


@dataclass
class _Work:
    chain: str
    anchor: Anchor
    findings: list[Finding] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)

    def say(self, code: str, message: str, at: int) -> None:
        if len(self.findings) < FINDINGS_LIMIT:
            self.findings.append(Finding(code, message, f"position {at}"))


def verify(
    chain: str,
    anchor: Anchor,
    links: Sequence[Link],
    checkpoints: Sequence[Checkpoint],
    keys: Mapping[str, bytes],
    check: Check,
    *,
    end: Chain | None = None,
    now: datetime | None = None,
) -> Report:
    """Examine the part of `chain` behind `anchor`: `links` and `checkpoints` as stored, each in the order of positions.

    `checkpoints` are those up to the last of `links`; with the last part come `end`, where the chain says it stands, all
    checkpoints that are left, and `now`. Deleted, changed, moved and foreign rows, cut ends, and forged, missing and
    disagreeing checkpoints are findings.
    """
    work = _Work(chain, anchor)
    work.hashes[anchor.position] = anchor.hash
    position, previous = anchor.position, anchor.hash
    for link in links:
        _examine(work, link, position, previous)
        position, previous = link.position, link.hash
    signed_position, signed_digest = anchor.signed_position, anchor.signed_digest
    for item in checkpoints:
        _examine_checkpoint(work, item, position, signed_digest, keys, check)
        signed_position, signed_digest = item.position, item.digest
    since = _waiting(anchor, links, signed_position)
    if end is not None:
        _examine_end(work, position, previous, end)
        if since is not None and now is not None and now - since > OVERDUE:
            work.say(
                "checkpoint-overdue",
                f"rows since {since:%Y-%m-%d %H:%M:%S} UTC are covered by no checkpoint: one was deleted, or none is made",
                signed_position + 1,
            )
    after = Anchor(position, previous, signed_position, signed_digest, since)
    return Report(after, tuple(work.findings))


def _examine(work: _Work, link: Link, position: int, previous: str) -> None:
    expected = position + 1
    if link.position > expected:
        last = link.position - 1
        which = f"row {expected} is" if last == expected else f"rows {expected} to {last} are"
        work.say("position-missing", f"{which} gone", expected)
    elif link.position < expected:
        work.say("position-repeated", "there are two rows at this position", link.position)
    elif link.previous != previous:
        work.say("chain-broken", "does not follow from the row before it", link.position)
    if link.entry.tenant != work.chain:
        whose = link.entry.tenant or "the platform"
        work.say("entry-foreign", f"is a row of {whose}, not of this chain", link.position)
    if hash_of(link.entry, link.position, link.previous) != link.hash:
        work.say("entry-changed", "is not what was hashed when it was linked", link.position)
    work.hashes[link.position] = link.hash


def _examine_checkpoint(
    work: _Work,
    item: Checkpoint,
    last: int,
    before: str,
    keys: Mapping[str, bytes],
    check: Check,
) -> None:
    if item.tenant != work.chain:
        whose = item.tenant or "the platform"
        work.say("checkpoint-foreign", f"this checkpoint is of {whose}", item.position)
    if (raw := keys.get(item.key_id)) is None:
        words = f"this checkpoint is signed with key {item.key_id}, which nobody vouches for"
        work.say("checkpoint-key-unknown", words, item.position)
    elif not check(raw, _decoded(item.signature), item.statement):
        work.say("checkpoint-forged", "the signature of this checkpoint is wrong", item.position)
    if item.previous != before:
        words = "the checkpoint before this one is gone, or is another"
        work.say("checkpoint-missing", words, item.position)
    if item.position > last:
        words = f"a checkpoint says there was a row here; the last one is {last}"
        work.say("chain-truncated", words, item.position)
    elif (found := work.hashes.get(item.position)) is not None and found != item.hash:
        words = "a checkpoint says another hash: this row, or one before it, was written anew"
        work.say("checkpoint-disagrees", words, item.position)


def _examine_end(work: _Work, position: int, previous: str, end: Chain) -> None:
    if end.position > position:
        words = f"rows {position + 1} to {end.position} were linked and are gone"
        work.say("chain-truncated", words, position + 1)
    elif end.position < position:
        words = f"the chain says it ends at row {end.position}, and there are rows behind it"
        work.say("chain-head-wrong", words, end.position)
    elif end.hash != previous:
        work.say("chain-head-wrong", "the chain says its last row has another hash", position)


def _waiting(anchor: Anchor, links: Sequence[Link], signed: int) -> datetime | None:
    """When the oldest row that no checkpoint covers was written."""
    if anchor.position > signed and anchor.waiting_since:
        return anchor.waiting_since
    return next((link.entry.at for link in links if link.position > signed), None)


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
