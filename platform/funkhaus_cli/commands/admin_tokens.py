"""`funkhaus admin-token list|revoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from funkhaus_cli.commands.tokens import state
from funkhaus_cli.options import NAME, Noun, connection, output
from funkhaus_cli.output import Column, age, show_list, show_one

if TYPE_CHECKING:
    from funkhaus_cli.session import Session


@click.group("admin-token", cls=Noun)
def admin_token() -> None:
    """Tokens that administer the platform (platform admins)."""


@admin_token.command("list")
@output()
@connection()
@click.pass_obj
def list_admin_tokens(session: Session, *, output: str) -> None:
    """All of them, newest first; never their text."""
    now = session.now()
    columns = [
        Column("ID", lambda item: item["id"]),
        Column("NAME", lambda item: item.get("name")),
        Column("STATE", lambda item: state(item, now)),
        Column("ENDS IN", lambda item: f"…{item.get('lastFour')}"),
        Column("USED", lambda item: age(item.get("lastUsedAt"), now)),
        Column("AGE", lambda item: age(item.get("createdAt"), now)),
        Column("EXPIRES", lambda item: item.get("expiresAt"), wide=True),
    ]
    show_list(
        session.api.items("/v1/platform/tokens"),
        columns,
        output,
        none="No tokens of platform admins.",
        name=lambda item: str(item["id"]),
    )


@admin_token.command("revoke")
@click.argument("token_id", metavar="ID", type=NAME)
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def revoke(session: Session, token_id: str, *, output: str) -> None:
    """Revoke one at once, whoever's. ID is what `admin-token list` shows, not the token's text."""
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    document = session.api.delete(segment("platform", "tokens", token_id))
    said = f"Revoked token {token_id} of a platform admin; kubectl forgets it within 10 s."
    show_one(document, output, name=token_id, said=said)
