"""`funkhaus audit list|verify|export`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from funkhaus.domain.audit import PublicKey, key_id
from funkhaus.domain.audit_export import LINE_LIMIT, checkpoints_of, examine
from funkhaus.domain.errors import InvalidError
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import Noun, output, tenanted
from funkhaus_cli.output import Column, Styled, age, as_json, as_yaml, show_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from funkhaus.domain.audit import Checkpoint
    from funkhaus.domain.audit_export import Outcome
    from funkhaus_cli.session import Session

PARTS = 10_000
"""Exports of one chain: a thousand million rows."""
MOST = 1000
KEYS_LIMIT = 1024 * 1024
_KEY_BYTES = 32


@click.group("audit", cls=Noun)
def audit() -> None:
    """Who did what and who was refused: listed, verified, exported."""


PLATFORM = click.option(
    "--platform", is_flag=True, help="The log of what is no tenant's (admins, auditors)."
)


def _path(session: Session, platform: bool, *parts: str) -> str:  # noqa: FBT001 - the flag
    from funkhaus_cli.client import segment  # noqa: PLC0415 - see `Session.client`

    return segment("audit", *parts) if platform else session.tenant_path("audit", *parts)


@audit.command(
    "list",
    examples=(
        "funkhaus audit list --outcome denied --since 2026-11-26",
        "funkhaus audit list --action 'function:*' --object demo/default/hello -o wide",
    ),
)
@click.option("--action", metavar="NAME", help="Such as function:create; function:* for all.")
@click.option("--actor", metavar="WHO", help="A subject, a provider's sub, or a token's id.")
@click.option("--object", "target", metavar="TEXT", help="What the object begins with.")
@click.option("--outcome", type=click.Choice(("done", "allowed", "denied")), help="How it ended.")
@click.option("--since", metavar="TIME", help="RFC 3339; included.")
@click.option("--until", metavar="TIME", help="RFC 3339; not included.")
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=100, show_default=True, help="Rows at most."
)
@PLATFORM
@output()
@tenanted
@click.pass_obj
def listed(
    session: Session, *, action: str | None, actor: str | None, target: str | None, outcome: str | None, since: str | None,
    until: str | None, limit: int, platform: bool, output: str,
) -> None:  # fmt: skip
    """Rows, newest first."""
    given = {
        "action": action, "actor": actor, "object": target, "outcome": outcome, "since": since, "until": until,
    }  # fmt: skip
    items, more = _rows(
        session,
        _path(session, platform),
        {key: value for key, value in given.items() if value},
        limit,
    )
    now = session.now()
    columns = [
        Column("POSITION", lambda item: item["position"]),
        Column("AGE", lambda item: age(item["at"], now)),
        Column("OUTCOME", _outcome),
        Column("ACTION", lambda item: item["action"]),
        Column("OBJECT", lambda item: item["target"]),
        Column("WHO", lambda item: item["sub"] or item["subject"]),
        Column("WHY", _why),
        Column("TOKEN", lambda item: item["tokenId"], wide=True),
        Column("REQUEST", lambda item: item["requestId"], wide=True),
    ]
    show_list(
        items, columns, output, none="No such rows.", name=lambda item: str(item["requestId"])
    )
    if more:
        click.echo(f"The newest {limit} are shown; --limit or --until shows others.", err=True)


def _rows(
    session: Session, path: str, params: dict[str, Any], limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """At most `limit` rows, page after page, and whether there are more."""
    found: list[dict[str, Any]] = []
    params["limit"] = min(limit, 500)
    while True:
        answer = session.api.get(path, params)
        found += answer["items"]
        after = answer.get("next") or ""
        if len(found) >= limit or not after:
            return found[:limit], bool(after) or len(found) > limit
        params["continue"] = after


def _outcome(item: Mapping[str, Any]) -> object:
    return Styled("denied", "red") if item["outcome"] == "denied" else item["outcome"]


def _why(item: Mapping[str, Any]) -> str:
    detail = item["detail"]
    codes = [str(finding.get("code")) for finding in detail.get("findings") or []]
    return ", ".join(codes) or str(detail.get("code") or "")


@audit.command("export", examples=("funkhaus audit export --to audit.jsonl",))
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Where to; it must not be there. Without it: standard output.",
)  # fmt: skip
@PLATFORM
@tenanted
@click.pass_obj
def export(session: Session, *, to: Path | None, platform: bool) -> None:
    """The whole log with its checkpoints and public keys, a line of JSON each."""
    path = _path(session, platform, "export")
    if to is None:
        _export(session, path, sys.stdout.buffer)
        return
    with _new(to) as file:
        rows = _export(session, path, file)
    click.echo(f"Exported up to position {rows} to {to}.", err=True)


@contextmanager
def _new(path: Path) -> Iterator[IO[bytes]]:
    """A file that was not there, for its owner only; gone again when the block fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", Exit.USAGE) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _export(session: Session, path: str, to: IO[bytes]) -> int:
    """Write all parts of an export; the last position."""
    after = 0
    for _ in range(PARTS):
        last = b""
        with session.api.stream(path, {"after": after}, endless=False) as pieces:
            for piece in pieces:
                to.write(piece)
                last = (last + piece)[-LINE_LIMIT:]
        ended = _last(last)
        if ended.get("complete"):
            return int(ended["position"])
        if int(ended["position"]) <= after:
            break
        after = int(ended["position"])
    raise Failure("the export does not come to an end", Exit.UNAVAILABLE)


def _last(tail: bytes) -> dict[str, Any]:
    """The end line of a part; raises `Failure` for one that was cut."""
    try:
        document = json.loads(tail.rstrip(b"\n").rpartition(b"\n")[2])
    except ValueError:
        document = None
    if isinstance(document, dict) and document.get("type") == "end":
        return document
    raise Failure("the export was cut on its way; try again", Exit.UNAVAILABLE)


@audit.command(
    "verify",
    examples=(
        "funkhaus audit verify",
        "funkhaus audit verify --file audit.jsonl --known last-month.jsonl --keys audit-keys.json",
    ),
)
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="An export to verify instead, without asking anybody.",
)  # fmt: skip
@click.option(
    "--known", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", multiple=True,
    help="An earlier export whose checkpoints have to hold still. Repeatable.",
)  # fmt: skip
@click.option(
    "--keys", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="The public keys to trust, as GET /v1/audit/keys gave them; else those that come with the log.",
)  # fmt: skip
@PLATFORM
@output(("table", "json", "yaml"))
@tenanted
@click.pass_obj
def verify(
    session: Session, *, file: Path | None, known: Sequence[Path], keys: Path | None, platform: bool, output: str
) -> None:  # fmt: skip
    """Whether the log is what was written, recomputed here. Exits with 1 when it is not.

    What nobody can see: docs/audit.md.
    """
    from funkhaus_cli.signatures import checker  # noqa: PLC0415 - an optional library behind it

    check, trusted = checker(), _keys(keys) if keys else []
    held: list[Checkpoint] = []
    for path in known:
        with _naming(path), path.open(encoding="utf-8") as lines:
            held += checkpoints_of(lines)
    if file:
        with _naming(file), file.open(encoding="utf-8") as lines:
            found = examine(lines, check, keys=trusted, known=held)
    else:
        with tempfile.TemporaryFile() as spool, _naming("the export"):
            _export(session, _path(session, platform, "export"), spool)
            spool.seek(0)
            texts = (line.decode("utf-8", "replace") for line in spool)
            found = examine(texts, check, keys=trusted, known=held)
    _show(found, output, trusted=bool(trusted))


@contextmanager
def _naming(what: object) -> Iterator[None]:
    """What can't be read is refused under its name."""
    try:
        yield
    except (InvalidError, UnicodeDecodeError) as error:
        raise Failure(f"{what}: {error}", Exit.REFUSED) from error


def _keys(path: Path) -> list[PublicKey]:
    from base64 import urlsafe_b64decode  # noqa: PLC0415 - here only

    try:
        items = json.loads(path.read_text(encoding="utf-8")[:KEYS_LIMIT])["items"]
        raws = [urlsafe_b64decode(item["publicKey"] + "=") for item in items]
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(
            f"{path} holds no keys as GET /v1/audit/keys gives them", Exit.USAGE
        ) from error
    if not raws or any(len(raw) != _KEY_BYTES for raw in raws):
        raise Failure(f"{path} holds no Ed25519 keys", Exit.USAGE)
    return [PublicKey(key_id(raw), raw) for raw in raws]


def _show(found: Outcome, output: str, *, trusted: bool) -> None:
    findings = [item.as_json() for item in found.findings]
    document = {
        "chain": found.chain,
        "intact": found.intact,
        "after": found.after,
        "position": found.position,
        "entries": found.entries,
        "checkpoints": found.checkpoints,
        "signedPosition": found.signed_position,
        "keys": list(found.keys),
        "findings": findings,
    }
    if output != "table":
        click.echo(as_json(document) if output == "json" else as_yaml(document))
    elif found.intact:
        click.echo(_sentence(found, trusted=trusted))
    if not found.intact:
        raise Failure(
            f"The audit log of {found.chain or 'the platform'} is not what was written.",
            Exit.REFUSED,
            findings=findings if output == "table" else (),
        )


def _sentence(found: Outcome, *, trusted: bool) -> str:
    whose = f"tenant {found.chain}" if found.chain else "the platform"
    keys = "the keys you trust" if trusted else "the keys that came with it"
    rows = f"rows {found.after + 1} to {found.position}" if found.entries else "no rows"
    return (
        f"The audit log of {whose} is intact: {rows}, {found.checkpoints} checkpoints, signed up to "
        f"{found.signed_position} with {keys} ({', '.join(found.keys) or 'none'})."
    )
