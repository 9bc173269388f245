"""`funkhaus audit`: listed, exported, and verified on this machine."""

from __future__ import annotations

import json
import sys
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from funkhaus.auth import Ed25519Signer
from funkhaus.domain import audit_export as lines
from funkhaus.domain.audit import Chain, Checkpoint, Entry, linked
from funkhaus.domain.audit_verification import Anchor
from tests.support.audit import a_key

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Terminal
    from .fake_api import FakeApi

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNER = Ed25519Signer(a_key())


def an_entry(number: int, **change: Any) -> Entry:
    facts: dict[str, Any] = {
        "sequence": number, "at": NOW, "tenant": "demo", "issuer": "https://idp", "sub": "ada", "subject": "fh:1",
        "token_id": "t1", "action": "function:create", "target": f"demo/default/f{number}", "uid": "", "before": "",
        "after": "", "outcome": "done", "request_id": f"r{number}", "detail": {},
    }  # fmt: skip
    return Entry(**facts | change)


def an_export(*, forged: int = 0, after: int = 0, upto: int = 4) -> list[dict[str, Any]]:
    """Four rows and a checkpoint at the fourth; row `forged` says somebody else did it."""
    links = linked(Chain("demo"), [an_entry(number) for number in range(1, 5)])
    draft = Checkpoint("demo", 4, links[3].hash, NOW, "", SIGNER.key_id)
    signature = urlsafe_b64encode(SIGNER.sign(draft.statement)).rstrip(b"=").decode()
    if forged:
        link = links[forged - 1]
        links[forged - 1] = replace(link, entry=replace(link.entry, sub="eve"))
    anchor = Anchor(after, links[after - 1].hash, waiting_since=NOW) if after else Anchor()
    return [
        lines.header("demo", anchor, SIGNER.public_keys(), NOW),
        *(lines.entry(link) for link in links[after:upto]),
        *([lines.checkpoint(draft.signed(signature))] if upto == 4 else []),
        lines.end(upto, Chain("demo", 4, links[3].hash), complete=upto == 4),
    ]


def as_bytes(documents: list[dict[str, Any]]) -> bytes:
    return b"".join(map(lines.line, documents))


def answering(api: FakeApi, *exports: list[dict[str, Any]]) -> None:
    waiting = list(exports)
    jsonl = {"Content-Type": "application/jsonl"}
    api.scripts["exportTenantAudit"] = lambda _: httpx.Response(
        200, content=as_bytes(waiting.pop(0)), headers=jsonl
    )


def test_rows_as_people_read_them(funkhaus: Terminal, api: FakeApi) -> None:
    denied = an_entry(
        2, outcome="denied", detail={"code": "forbidden", "findings": [{"code": "cpu"}]}
    )
    items = [
        {**denied.as_json(), "position": None, "hash": None},
        {**an_entry(1).as_json(), "position": 1, "hash": "0" * 64},
    ]
    api.scripts["listTenantAudit"] = lambda _: httpx.Response(
        200, json={"items": items, "next": "more"}
    )
    ran = funkhaus("audit", "list", "--limit", "2", "--action", "function:*", "--outcome", "denied")
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[1] == ["-", "0s", "denied", "function:create", "demo/default/f2", "ada", "cpu"]
    assert rows[2] == ["1", "0s", "done", "function:create", "demo/default/f1", "ada", "-"]
    assert "--until shows others" in ran.err
    assert dict(api.requests[-1].url.params) == {
        "action": "function:*", "outcome": "denied", "limit": "2",
    }  # fmt: skip
    api.scripts["listPlatformAudit"] = lambda _: httpx.Response(200, json={"items": [], "next": ""})
    assert funkhaus("audit", "list", "--platform").err == "No such rows.\n"


def test_an_export_goes_into_a_file_of_its_own(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path
) -> None:
    answering(api, an_export(upto=2), an_export(after=2))
    target = tmp_path / "audit.jsonl"
    ran = funkhaus("audit", "export", "--to", str(target))
    assert (ran.code, ran.err) == (0, f"Exported up to position 4 to {target}.\n")
    assert target.read_bytes() == as_bytes(an_export(upto=2)) + as_bytes(an_export(after=2))
    assert target.stat().st_mode & 0o777 == 0o600
    assert funkhaus("audit", "export", "--to", str(target)).code == 2
    assert funkhaus("audit", "verify", "--file", str(target)).code == 0
    answering(api, an_export())
    assert funkhaus("audit", "export").out.encode() == as_bytes(an_export())


def test_an_export_that_is_cut_leaves_no_file(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path
) -> None:
    answering(api, an_export()[:-1])
    ran = funkhaus("audit", "export", "--to", str(tmp_path / "audit.jsonl"))
    assert (ran.code, "cut on its way" in ran.err) == (5, True)
    assert list(tmp_path.glob("*.jsonl")) == []


def test_an_untouched_log_is_intact(funkhaus: Terminal, api: FakeApi) -> None:
    answering(api, an_export(), an_export())
    ran = funkhaus("audit", "verify")
    assert ran.out == (
        "The audit log of tenant demo is intact: rows 1 to 4, 1 checkpoints, "
        f"signed up to 4 with the keys that came with it ({SIGNER.key_id}).\n"
    )
    shown = json.loads(funkhaus("audit", "verify", "-o", "json").out)
    assert (shown["intact"], shown["entries"], shown["findings"]) == (True, 4, [])


def test_a_changed_row_ends_in_its_position(funkhaus: Terminal, api: FakeApi) -> None:
    answering(api, an_export(forged=3), an_export(forged=3))
    ran = funkhaus("audit", "verify")
    assert ran.code == 1
    assert "is not what was written" in ran.err
    assert "position 3" in ran.err
    shown = funkhaus("audit", "verify", "-o", "json")
    assert (shown.code, json.loads(shown.out)["findings"][0]["code"]) == (1, "entry-changed")


def written(path: Path, documents: list[dict[str, Any]]) -> str:
    path.write_bytes(as_bytes(documents))
    return str(path)


def test_keys_one_kept_count_more_than_those_of_the_file(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path
) -> None:
    file = written(tmp_path / "a.jsonl", an_export())
    mine, other = tmp_path / "mine.json", tmp_path / "other.json"
    for path, signer in ((mine, SIGNER), (other, Ed25519Signer(a_key()))):
        path.write_text(
            json.dumps({"items": [lines.public_key(key) for key in signer.public_keys()]})
        )
    assert (
        "with the keys you trust"
        in funkhaus("audit", "verify", "--file", file, "--keys", str(mine)).out
    )
    ran = funkhaus("audit", "verify", "--file", file, "--keys", str(other))
    assert (ran.code, "nobody vouches for" in ran.err) == (1, True)
    for text in ("", "{}", '{"items": [{"publicKey": "AAAA"}]}'):
        mine.write_text(text)
        assert funkhaus("audit", "verify", "--file", file, "--keys", str(mine)).code == 2
    assert api.requests == []


def test_a_checkpoint_one_kept_shows_a_cut_end(funkhaus: Terminal, tmp_path: Path) -> None:
    """The rows and the checkpoint over them are gone, which the file alone can't show."""
    kept = written(tmp_path / "kept.jsonl", an_export())
    links = linked(Chain("demo"), [an_entry(number) for number in range(1, 4)])
    cut = [
        lines.header("demo", Anchor(), SIGNER.public_keys(), NOW),
        *(lines.entry(link) for link in links),
        lines.end(3, Chain("demo", 3, links[2].hash), complete=True),
    ]
    file = written(tmp_path / "cut.jsonl", cut)
    assert funkhaus("audit", "verify", "--file", file).code == 0
    ran = funkhaus("audit", "verify", "--file", file, "--known", kept)
    assert (ran.code, "the chain ends before it" in ran.err) == (1, True)
    other = linked(Chain("demo"), [an_entry(number, sub="eve") for number in range(1, 5)])
    anew = [
        *cut[:1],
        *map(lines.entry, other),
        lines.end(4, Chain("demo", 4, other[3].hash), complete=True),
    ]
    file = written(tmp_path / "anew.jsonl", anew)
    assert funkhaus("audit", "verify", "--file", file).code == 0
    ran = funkhaus("audit", "verify", "--file", file, "--known", kept)
    assert (ran.code, "written anew" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no header"),
        (b"hello\n", "line 1 is not a line"),
        (b"[]\n", "line 1 is not a line"),
        (b'{"type": "entry"}\n', "line 1 is not a line"),
        (b'{"type": "header"}\n', "line 1 is not a line"),
        (as_bytes(an_export()[:1]) + b'{"type": "entry", "entry": {"at": 1}}\n', "line 2 is not"),
        (as_bytes(an_export()[:1]) + b'{"type": "other"}\n', "line 2 is not a line"),
        (as_bytes(an_export()[:1] * 2), "line 2 is not a line"),
        (b"\xff\xfe", "decode"),
    ],
)
def test_what_is_no_export_is_said_with_its_line(
    funkhaus: Terminal, tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(content)
    for flags in (("--file", str(file)),):
        ran = funkhaus("audit", "verify", *flags)
        assert (ran.code, words in ran.err) == (1, True), ran.err


def test_without_the_library_nothing_is_called_verified(
    funkhaus: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    ran = funkhaus("audit", "verify", "--file", written(tmp_path / "a.jsonl", an_export()))
    assert ran.code == 2
    assert "pip install 'funkhaus[audit]'" in ran.err
