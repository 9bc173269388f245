"""`funkhaus token create|list|revoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.options import NAME, Noun, output, tenanted
from funkhaus_cli.output import Column, Styled, age, as_json, as_yaml, moment, show_list, show_one

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from funkhaus_cli.session import Session

ROLES = ("owner", "developer", "viewer")


@click.group("token", cls=Noun, aliases={"issue": "create", "delete": "revoke", "rm": "revoke"})
def token() -> None:
    """API tokens of a tenant."""


@token.command("create", examples=("funkhaus token create ci --role developer > ci.token",))
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="developer",
    show_default=True,
    help="What it may do.",
)
@click.option("--expires-in-days", type=int, metavar="N", help="Days it lives [90].")
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def create(
    session: Session, name: str, *, role: str, expires_in_days: int | None, output: str
) -> None:
    """Issue a token (owners). Its text is shown this once; standard output holds nothing else."""
    body: dict[str, Any] = {"name": name, "role": role}
    if expires_in_days is not None:
        body["expiresInDays"] = expires_in_days
    document = session.api.post(session.tenant_path("tokens"), body)
    if output in {"json", "yaml"}:
        click.echo(as_json(document) if output == "json" else as_yaml(document))
        return
    if output == "table":
        click.echo(
            f"Token {name} ({document.get('id')}): {role} of {session.tenant} until {document.get('expiresAt')}.\n"
            "This is the only time its text is shown:",
            err=True,
        )
    click.echo(document["token"])


@token.command("list")
@output()
@tenanted
@click.pass_obj
def list_tokens(session: Session, *, output: str) -> None:
    """The tenant's tokens, newest first; never their text."""
    now = session.now()
    columns = [
        Column("ID", lambda item: item["id"]),
        Column("NAME", lambda item: item.get("name")),
        Column("ROLE", lambda item: item.get("role")),
        Column("STATE", lambda item: _state(item, now)),
        Column("ENDS IN", lambda item: f"…{item.get('lastFour')}"),
        Column("AGE", lambda item: age(item.get("createdAt"), now)),
        Column("EXPIRES", lambda item: item.get("expiresAt"), wide=True),
        Column("SUBJECT", lambda item: item.get("subject"), wide=True),
    ]
    items = session.api.items(session.tenant_path("tokens"))
    show_list(
        items,
        columns,
        output,
        none=f"No tokens in tenant {session.tenant}.",
        name=lambda item: str(item["id"]),
    )


def _state(item: Mapping[str, Any], now: datetime) -> Styled:
    if item.get("revokedAt"):
        return Styled("revoked", "red")
    expires = moment(item.get("expiresAt"))
    if expires is not None and expires <= now:
        return Styled("expired", "yellow")
    return Styled("valid", "green")


@token.command("revoke")
@click.argument("token_id", metavar="ID", type=NAME)
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def revoke(session: Session, token_id: str, *, output: str) -> None:
    """Revoke a token at once (owners).

    ID is what `token list` shows, not the token's text.
    """
    document = session.api.delete(session.tenant_path("tokens", token_id))
    show_one(
        document,
        output,
        name=token_id,
        said=f"Revoked token {token_id} of tenant {session.tenant}; kubectl forgets it within 10 s.",
    )
