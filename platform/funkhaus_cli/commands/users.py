"""`funkhaus user disable|enable`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.options import NAME, Noun, connection, output
from funkhaus_cli.output import show_one

if TYPE_CHECKING:
    from funkhaus_cli.session import Session


@click.group("user", cls=Noun)
def user() -> None:
    """People who have signed in (platform admins)."""


@user.command("disable", examples=("funkhaus user disable 7d1c… --reason 'left the company'",))
@click.argument("user_id", metavar="ID", type=NAME)
@click.option("--reason", required=True, metavar="TEXT", help="Why; they read it.")
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def disable(session: Session, user_id: str, *, reason: str, output: str) -> None:
    """Let a user in no more: their sessions end, kubectl's with them, and signing in is refused.

    Roles stay theirs. Tokens they issued are their tenant's, whose owners revoke them.
    """
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    document = session.api.put(segment("users", user_id, "suspension"), {"reason": reason})
    show_one(document, output, name=user_id, said=f"Disabled {_who(document)}.")


@user.command("enable")
@click.argument("user_id", metavar="ID", type=NAME)
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def enable(session: Session, user_id: str, *, output: str) -> None:
    """Let a disabled user sign in again."""
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    document = session.api.delete(segment("users", user_id, "suspension"))
    show_one(document, output, name=user_id, said=f"Enabled {_who(document)}.")


def _who(document: dict[str, Any]) -> str:
    name = document["displayName"] or document["email"] or document["sub"]
    return f"user {name} ({document['id']})"
