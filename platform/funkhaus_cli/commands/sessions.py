"""`funkhaus session list|end`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.options import NAME, Noun, connection, output
from funkhaus_cli.output import Column, age, show_list

if TYPE_CHECKING:
    from funkhaus_cli.session import Session

_PATH = "/v1/me/sessions"
_TOO = "kubectl forgets what it got from {} within 10 s."


@click.group("session", cls=Noun, aliases={"delete": "end", "rm": "end", "revoke": "end"})
def session() -> None:
    """Where you are signed in. `logout` ends the session of this machine."""


@session.command("list")
@output()
@connection()
@click.pass_obj
def list_sessions(session: Session, *, output: str) -> None:
    """Your sessions that are valid, newest first; never their text."""
    now = session.now()
    columns = [
        Column("ID", lambda item: item["id"]),
        Column("CLIENT", lambda item: item.get("client")),
        Column("THIS ONE", lambda item: "yes" if item.get("current") else None),
        Column("USED", lambda item: age(item.get("lastUsedAt"), now)),
        Column("AGE", lambda item: age(item.get("createdAt"), now)),
        Column("ENDS", lambda item: age(item.get("expiresAt"), now)),
        Column("ENDS IN", lambda item: f"…{item.get('lastFour')}", wide=True),
    ]
    show_list(
        session.api.items(_PATH),
        columns,
        output,
        none="No sessions: this command came with a token.",
        name=lambda item: str(item["id"]),
    )


@session.command("end", examples=("funkhaus session end --all-others",))
@click.argument("session_id", metavar="[ID]", type=NAME, required=False)
@click.option("--all-others", is_flag=True, help="All but the one this command runs with.")
@connection()
@click.pass_obj
def end(session: Session, session_id: str | None, *, all_others: bool) -> None:
    """End a session of yours at once, wherever it is. ID is what `session list` shows."""
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    if (session_id is None) != all_others:
        raise Failure("one of ID and --all-others passes", Exit.USAGE)
    if session_id is None:
        ended = session.api.delete(_PATH)["ended"]
        word = "session" if ended == 1 else "sessions"
        click.echo(f"Ended {ended} other {word}; {_TOO.format('them')}")
        return
    session.api.delete(segment("me", "sessions", session_id))
    click.echo(f"Ended session {session_id}; {_TOO.format('it')}")
