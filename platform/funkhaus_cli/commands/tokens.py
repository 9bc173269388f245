"""`funkhaus token create|list|rotate|revoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.failure import Exit, Failure, plain
from funkhaus_cli.options import NAME, Noun, Seconds, output, tenanted
from funkhaus_cli.output import Column, Styled, age, as_json, as_yaml, moment, show_list, show_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from funkhaus_cli.session import Session

ROLES = ("owner", "developer", "viewer", "billing")


@click.group("token", cls=Noun, aliases={"issue": "create", "delete": "revoke", "rm": "revoke"})
def token() -> None:
    """API tokens of a tenant."""


@token.command("create", examples=("funkhaus token create ci --role developer > ci.token",))
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), help="What it may do [developer].")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="Restrict it to permissions (function:read) or groups of them (functions:write); repeat.",
)
@click.option(
    "--for-namespace",
    "namespaces",
    multiple=True,
    metavar="NAME",
    help="Restrict it to namespaces; repeat.",
)
@click.option(
    "--cidr", "cidrs", multiple=True, metavar="RANGE", help="Restrict where it works from; repeat."
)
@click.option(
    "--service-account",
    metavar="NAME",
    help="A service account it speaks for, with its role unless --role says less.",
)
@click.option("--expires-in-days", type=int, metavar="N", help="Days it lives [90].")
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def create(
    session: Session,
    name: str,
    *,
    role: str | None,
    scopes: Sequence[str],
    namespaces: Sequence[str],
    cidrs: Sequence[str],
    service_account: str | None,
    expires_in_days: int | None,
    output: str,
) -> None:
    """Issue a token (owners). Its text is shown this once; standard output holds nothing else."""
    if role is None and service_account is None:
        role = "developer"
    wanted: dict[str, Any] = {
        "role": role,
        "expiresInDays": expires_in_days,
        "scopes": list(scopes) or None,
        "namespaces": list(namespaces) or None,
        "cidrs": list(cidrs) or None,
        "serviceAccount": service_account,
    }
    body = {"name": name} | {key: value for key, value in wanted.items() if value is not None}
    document = session.api.post(session.tenant_path("tokens"), body)
    _show_text(document, session, output)


def _show_text(document: Mapping[str, Any], session: Session, output: str) -> None:
    """A token's text, which nothing else goes to standard output with."""
    if output in {"json", "yaml"}:
        click.echo(as_json(document) if output == "json" else as_yaml(document))
        return
    if output == "table":
        held = f"{document.get('role')} of {session.tenant}" if document.get("role") else "platform"
        click.echo(
            f"Token {plain(str(document.get('name')))} ({document.get('id')}): {held} until {document.get('expiresAt')}.\n"
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
        Column("STATE", lambda item: state(item, now)),
        Column("ENDS IN", lambda item: f"…{item.get('lastFour')}"),
        Column("USED", lambda item: age(item.get("lastUsedAt"), now)),
        Column("AGE", lambda item: age(item.get("createdAt"), now)),
        Column("EXPIRES", lambda item: item.get("expiresAt"), wide=True),
        Column("KIND", lambda item: item.get("kind"), wide=True),
        Column("RESTRICTED TO", _restriction, wide=True),
        Column("SUBJECT", lambda item: item.get("subject"), wide=True),
        Column("ISSUED BY", lambda item: item.get("issuedBy"), wide=True),
    ]
    show_list(
        session.api.items(session.tenant_path("tokens")),
        columns,
        output,
        none=f"No tokens in tenant {session.tenant}.",
        name=lambda item: str(item["id"]),
    )


def _restriction(item: Mapping[str, Any]) -> str:
    parts = [
        *(item.get("scopes") or []),
        *(item.get("namespaces") or []),
        *(item.get("cidrs") or []),
    ]
    return " ".join(map(str, parts))


def state(item: Mapping[str, Any], now: datetime) -> Styled:
    """Whether a token still opens doors, in a word."""
    if item.get("revokedAt"):
        return Styled("revoked", "red")
    expires = moment(item.get("expiresAt"))
    if expires is not None and expires <= now:
        return Styled("expired", "yellow")
    return Styled("valid", "green")


@token.command("rotate", examples=("funkhaus token rotate --self --grace 5m > ci.token",))
@click.argument("token_id", metavar="[ID]", type=NAME, required=False)
@click.option("--self", "own", is_flag=True, help="The token this command runs with.")
@click.option("--grace", type=Seconds(), metavar="TIME", help="How long the old text passes [0].")
@click.option("--expires-in-days", type=int, metavar="N", help="A new end, from now on.")
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def rotate(
    session: Session,
    token_id: str | None,
    *,
    own: bool,
    grace: float | None,
    expires_in_days: int | None,
    output: str,
) -> None:
    """Give a token another text (owners; --self needs no permission). It keeps its id, rights and end."""
    _one_of(token_id, own=own)
    body: dict[str, Any] = {"graceSeconds": round(grace)} if grace else {}
    if expires_in_days is not None:
        if own:
            raise Failure("--self keeps the token's end: no --expires-in-days", Exit.USAGE)
        body["expiresInDays"] = expires_in_days
    path = "/v1/me/token/rotate" if own else session.tenant_path("tokens", str(token_id), "rotate")
    _show_text(session.api.post(path, body), session, output)


def _one_of(token_id: str | None, *, own: bool) -> None:
    if (token_id is None) != own:
        raise Failure("one of ID and --self passes", Exit.USAGE)


@token.command("revoke")
@click.argument("token_id", metavar="[ID]", type=NAME, required=False)
@click.option("--self", "own", is_flag=True, help="The token this command runs with.")
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def revoke(session: Session, token_id: str | None, *, own: bool, output: str) -> None:
    """Revoke a token at once (owners; --self needs no permission).

    ID is what `token list` shows, not the token's text.
    """
    _one_of(token_id, own=own)
    if own:
        session.api.delete("/v1/me/token")
        click.echo("Revoked the token you came with; kubectl forgets it within 10 s.")
        return
    token_id = str(token_id)
    document = session.api.delete(session.tenant_path("tokens", token_id))
    show_one(
        document,
        output,
        name=token_id,
        said=f"Revoked token {token_id} of tenant {session.tenant}; kubectl forgets it within 10 s.",
    )
