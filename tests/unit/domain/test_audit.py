"""Chains and their verification, without a database."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from funkhaus.auth import Ed25519Signer
from funkhaus.domain.audit import (
    GENESIS,
    Chain,
    Checkpoint,
    Entry,
    Link,
    canonical,
    digest_of,
    hash_of,
    linked,
    storable,
)
from funkhaus.domain.audit_verification import FINDINGS_LIMIT, Anchor, Report, verify
from tests.support.audit import a_key

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SIGNER, OTHER = Ed25519Signer(a_key()), Ed25519Signer(a_key())
KEYS = {key.id: key.raw for key in SIGNER.public_keys()}


def entry(number: int, tenant: str = "blue", **change: Any) -> Entry:
    facts: dict[str, Any] = dict.fromkeys(
        ("issuer", "sub", "token_id", "uid", "before", "after", "request_id"), ""
    )
    facts |= {
        "action": "a:b",
        "target": f"n{number}",
        "subject": "fh:1",
        "outcome": "done",
        "detail": {},
    }
    return Entry(
        sequence=number, at=NOW + timedelta(seconds=number), tenant=tenant, **facts | change
    )


def sign(
    position: int, hashed: str, before: str, signer: Ed25519Signer = SIGNER, **more: Any
) -> Checkpoint:
    facts = {"tenant": "blue", "at": NOW} | more
    draft = Checkpoint(
        position=position, hash=hashed, previous=before, key_id=signer.key_id, **facts
    )
    return draft.signed(urlsafe_b64encode(signer.sign(draft.statement)).rstrip(b"=").decode())


def built(
    rows: int = 10, signed: tuple[int, ...] = (3, 6, 9)
) -> tuple[list[Link], list[Checkpoint], Chain]:
    links = linked(Chain("blue"), [entry(number) for number in range(1, rows + 1)])
    checkpoints: list[Checkpoint] = []
    for position in signed:
        before = checkpoints[-1].digest if checkpoints else ""
        checkpoints.append(sign(position, links[position - 1].hash, before))
    return links, checkpoints, Chain("blue", rows, links[-1].hash)


def examined(
    links: list[Link], checkpoints: list[Checkpoint], end: Chain | None = None, **more: Any
) -> Report:
    return verify("blue", Anchor(), links, checkpoints, KEYS, SIGNER.check, end=end, **more)


def codes(report: Report) -> list[tuple[str, str]]:
    return [(item.code, item.path.removeprefix("position ")) for item in report.findings]


def test_an_untouched_chain_is_intact_in_one_part_or_many() -> None:
    links, checkpoints, end = built()
    whole = examined(links, checkpoints, end)
    assert whole.findings == ()
    assert whole.anchor == Anchor(10, links[-1].hash, 9, checkpoints[-1].digest, links[9].entry.at)
    anchor = Anchor()
    for start in range(0, 10, 2):
        part = links[start : start + 2]
        signed = [item for item in checkpoints if start < item.position <= start + 2]
        last = end if start == 8 else None
        report = verify("blue", anchor, part, signed, KEYS, SIGNER.check, end=last)
        assert report.findings == ()
        anchor = report.anchor
    assert anchor == whole.anchor


def test_an_empty_chain_is_intact() -> None:
    assert examined([], [], Chain("blue")).findings == ()


def relinked(links: list[Link], at: int, **change: Any) -> list[Link]:
    """The chain as a forger writes it anew from the row at index `at` on, with that row changed."""
    head = Chain("blue", at, links[at - 1].hash if at else GENESIS)
    entries = [link.entry for link in links[at:]]
    entries[0] = replace(entries[0], **change)
    return [*links[:at], *linked(head, entries)]


def test_every_field_of_a_row_is_covered() -> None:
    (link,) = linked(Chain("blue"), [entry(1)])
    for name in Entry.__slots__:
        value: Any = getattr(link.entry, name)
        other = (
            {"x": 1} if name == "detail"
            else value + timedelta(microseconds=1) if name == "at"
            else value + 1 if name == "sequence"
            else f"{value}x"
        )  # fmt: skip
        changed = replace(link, entry=replace(link.entry, **{name: other}))
        assert "entry-changed" in {code for code, _ in codes(examined([changed], []))}, name


def test_a_deleted_row_is_missed() -> None:
    links, checkpoints, end = built()
    assert codes(examined(links[:4] + links[5:], checkpoints, end)) == [("position-missing", "5")]
    assert codes(examined(links[:3] + links[6:], checkpoints, end)) == [("position-missing", "4")]
    assert codes(examined(links[2:], checkpoints, end)) == [("position-missing", "1")]


def test_a_row_deleted_and_the_rest_renumbered_is_seen() -> None:
    links, checkpoints, end = built()
    moved = links[:4] + [replace(link, position=link.position - 1) for link in links[5:]]
    found = {code for code, _ in codes(examined(moved, checkpoints, end))}
    assert {"chain-broken", "entry-changed", "chain-truncated"} <= found


def test_an_edited_row_is_seen() -> None:
    links, checkpoints, end = built()
    changed = replace(links[4], entry=replace(links[4].entry, subject="fh:2"))
    assert codes(examined([*links[:4], changed, *links[5:]], checkpoints, end)) == [
        ("entry-changed", "5")
    ]


def test_an_edited_row_hashed_anew_breaks_what_follows() -> None:
    links, checkpoints, end = built()
    row = replace(links[4].entry, subject="fh:2")
    forged = replace(links[4], entry=row, hash=hash_of(row, 5, links[4].previous))
    found = codes(examined([*links[:4], forged, *links[5:]], checkpoints, end))
    assert found == [("chain-broken", "6")]


def test_a_chain_written_anew_contradicts_every_later_checkpoint() -> None:
    links, checkpoints, _ = built()
    forged = relinked(links, 4, subject="fh:2")
    end = Chain("blue", 10, forged[-1].hash)
    assert codes(examined(forged, checkpoints, end)) == [
        ("checkpoint-disagrees", "6"), ("checkpoint-disagrees", "9"),
    ]  # fmt: skip


def test_what_is_written_anew_behind_the_last_checkpoint_is_not_seen() -> None:
    """Said plainly in docs/audit.md: this is what the time between checkpoints is worth."""
    links, checkpoints, _ = built()
    forged = relinked(links, 9, subject="fh:2")
    assert examined(forged, checkpoints, Chain("blue", 10, forged[-1].hash)).findings == ()


def test_rows_in_another_order_are_seen() -> None:
    links, checkpoints, end = built()
    links[4], links[5] = (
        replace(links[4], entry=links[5].entry),
        replace(links[5], entry=links[4].entry),
    )
    assert codes(examined(links, checkpoints, end)) == [
        ("entry-changed", "5"),
        ("entry-changed", "6"),
    ]


def test_a_cut_end_is_seen_by_a_checkpoint_and_by_the_head() -> None:
    links, checkpoints, end = built()
    assert codes(examined(links[:7], checkpoints, Chain("blue", 7, links[6].hash))) == [
        ("chain-truncated", "9")
    ]
    assert codes(examined(links[:9], checkpoints, end)) == [("chain-truncated", "10")]
    cut = examined(links[:9], checkpoints, Chain("blue", 9, links[8].hash))
    assert cut.findings == (), (
        "one row behind the last checkpoint, with the head set back: not seen"
    )


def test_a_head_that_says_otherwise_is_seen() -> None:
    links, checkpoints, _ = built()
    assert codes(examined(links, checkpoints, Chain("blue", 10, GENESIS))) == [
        ("chain-head-wrong", "10")
    ]
    assert codes(examined(links, checkpoints, Chain("blue", 8, ""))) == [("chain-head-wrong", "8")]


def test_a_row_of_another_tenant_is_seen() -> None:
    links, checkpoints, end = built()
    red = linked(Chain("red"), [entry(number, "red") for number in range(1, 11)])
    found = codes(examined([*links[:4], red[4], *links[5:]], checkpoints, end))
    assert found == [("chain-broken", "5"), ("entry-foreign", "5"), ("chain-broken", "6")]
    report = examined(red, [], Chain("red", 10, red[-1].hash))
    assert {code for code, _ in codes(report)} == {"entry-foreign"}


def test_two_rows_at_a_place_are_seen() -> None:
    links, checkpoints, end = built()
    assert ("position-repeated", "5") in codes(examined([*links[:5], *links[4:]], checkpoints, end))


def test_a_forged_checkpoint_is_seen() -> None:
    links, checkpoints, end = built()
    first = checkpoints[0]
    for forged, code in (
        (first.signed("AAAA"), "checkpoint-forged"),
        (first.signed("not base64!"), "checkpoint-forged"),
        (replace(first, at=NOW + timedelta(seconds=1)), "checkpoint-forged"),
        (sign(3, links[2].hash, "", OTHER), "checkpoint-key-unknown"),
        (replace(sign(3, links[2].hash, "", OTHER), key_id=SIGNER.key_id), "checkpoint-forged"),
        (sign(3, links[2].hash, "", tenant="red"), "checkpoint-foreign"),
        (sign(3, links[3].hash, ""), "checkpoint-disagrees"),
    ):
        found = {name for name, _ in codes(examined(links, [forged, *checkpoints[1:]], end))}
        assert code in found, (forged, found)


def test_a_missing_checkpoint_is_missed_by_the_next() -> None:
    links, checkpoints, end = built()
    assert codes(examined(links, [checkpoints[0], checkpoints[2]], end)) == [
        ("checkpoint-missing", "9")
    ]
    assert codes(examined(links, checkpoints[1:], end)) == [("checkpoint-missing", "6")]


def test_the_last_checkpoint_missing_is_seen_after_minutes() -> None:
    links, checkpoints, end = built()
    soon, late = NOW + timedelta(minutes=1), NOW + timedelta(minutes=6)
    assert examined(links, checkpoints[:2], end, now=soon).findings == ()
    assert codes(examined(links, checkpoints[:2], end, now=late)) == [("checkpoint-overdue", "7")]
    assert codes(examined(links, [], end, now=late)) == [("checkpoint-overdue", "1")]


def test_findings_are_bounded() -> None:
    links, _, _ = built(300, ())
    broken = [replace(link, hash=GENESIS) for link in links]
    assert len(examined(broken, []).findings) == FINDINGS_LIMIT


def test_one_value_has_one_form() -> None:
    assert canonical({"b": 1, "a": {"ü": [True, None, "\n", 1.5, 10**30]}}) == (
        '{"a":{"ü":[true,null,"\\n",1.5,1000000000000000000000000000000]},"b":1}'.encode()
    )
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a\0\udfff", "a\ufffd\ufffd"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ((1, {"a": {2}}), [1, {"a": "{2}"}]),
        ([True, None, 1, 1.5], [True, None, 1, 1.5]),
    ],
)
def test_what_a_row_holds(value: object, kept: object) -> None:
    assert storable(value) == kept
    canonical(storable(value))


def test_what_a_row_holds_is_bounded() -> None:
    assert len(storable("x" * 10_000)) == 4097
    assert len(storable(list(range(1000)))) == 200
    assert len(storable({str(number): number for number in range(1000)})) == 200
    deep: Any = "bottom"
    for _ in range(100):
        deep = [deep]
    assert str(storable(deep)).count("[") == 12
