"""`funkhaus member list|set|remove`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.completion import MEMBER
from funkhaus_cli.failure import Exit, Failure, plain
from funkhaus_cli.options import Noun, asking, confirmed, output, tenanted
from funkhaus_cli.output import Column, age, show_list, show_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus_cli.session import Session

ROLES = ("owner", "developer", "viewer", "billing")
_AT = "@"


@click.group("member", cls=Noun, aliases={"delete": "remove", "rm": "remove"})
def member() -> None:
    """People who belong to a tenant, each with a role. New ones come by `funkhaus invitation`."""


@member.command("list")
@output()
@tenanted
@click.pass_obj
def list_members(session: Session, *, output: str) -> None:
    """Who is in the tenant: its members, and who is signed in with a group that a rule gives a role for."""
    now = session.now()
    columns = [
        Column("USER", lambda item: item["user"]),
        Column("ADDRESS", lambda item: item.get("email")),
        Column("NAME", lambda item: item.get("displayName")),
        Column("ROLE", lambda item: item.get("role")),
        Column("SOURCE", _source),
        Column("SINCE", lambda item: age(item.get("since"), now)),
        Column("ISSUER", lambda item: item.get("issuer"), wide=True),
    ]
    show_list(
        session.api.items(session.tenant_path("members")),
        columns,
        output,
        none=f"No members in tenant {session.tenant}.",
        name=lambda item: str(item["user"]),
    )
    if output in {"table", "wide"}:
        for rule in session.api.items(session.tenant_path("member-rules")):
            who, at = plain(str(rule["group"])), plain(str(rule["issuer"]))
            click.echo(f"Whoever signs in with group {who} at {at} is {rule['role']}.", err=True)


def _source(item: Mapping[str, Any]) -> str:
    return f"group {item.get('group')}" if item.get("source") == "group" else "direct"


_revoking = click.option(
    "--revoke-tokens/--keep-tokens",
    default=None,
    help="Also revoke the tokens they issued [asks].",
)


@member.command("set", examples=("funkhaus member set bob@example.com --role viewer",))
@click.argument("user", type=MEMBER)
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they may do from now.")
@_revoking
@output(("table", "json", "yaml", "name"))
@tenanted
@click.pass_obj
def set_member(
    session: Session, user: str, *, role: str, revoke_tokens: bool | None, output: str
) -> None:
    """Give somebody a role (owners).

    USER is an id, as `whoami` and `member list` show it, or the address of a member.
    """
    user_id = found(session.api.items(session.tenant_path("members")), user, session.tenant)
    body = {"user": user_id, "role": role} | ({"revokeTokens": True} if revoke_tokens else {})
    document = session.api.post(session.tenant_path("members"), body)
    said = f"{_who(document)} is {document.get('role')} of tenant {session.tenant}."
    show_one(document, output, name=user_id, said=said)
    _left(session, document.get("left") or {}, revoke_tokens=revoke_tokens)


@member.command("remove")
@click.argument("user", type=MEMBER)
@_revoking
@asking
@tenanted
@click.pass_obj
def remove(session: Session, user: str, *, revoke_tokens: bool | None, yes: bool) -> None:
    """Remove a member (owners), or leave. In force with their next request; kubectl forgets them within 10 s.

    USER is an id or the address of a member. Their open invitations end; tokens they issued go on unless you say so.
    """
    items = session.api.items(session.tenant_path("members"))
    user_id = found(items, user, session.tenant)
    _refuse_a_group(items, user_id)
    confirmed(f"Remove {user} from tenant {session.tenant}?", yes=yes)
    params = {"revokeTokens": "true"} if revoke_tokens else None
    behind = session.api.delete(session.tenant_path("members", user_id), params)
    click.echo(f"Removed {user} from tenant {session.tenant}.")
    keeps = yes and revoke_tokens is None
    _left(session, behind, revoke_tokens=False if keeps else revoke_tokens)


def _refuse_a_group(items: Sequence[Mapping[str, Any]], user_id: str) -> None:
    """Raises `Failure` for somebody whose role nobody here gave."""
    for item in items:
        if item["user"] == user_id and item.get("source") == "group":
            raise Failure(
                f"{_who(item)} is {item['role']} by group {plain(str(item['group']))} of {plain(str(item['issuer']))}, "
                "and no member: a rule of the platform's operator says so",
                Exit.REFUSED,
                hint="`funkhaus member set` gives them a role that goes before the rule's",
            )


def _left(session: Session, behind: Mapping[str, Any], *, revoke_tokens: bool | None) -> None:
    """Say what somebody left who may less now; ask about the tokens where nothing was said and somebody is there."""
    if number := behind.get("invitationsRevoked"):
        click.echo(f"Open invitations of theirs that are revoked: {number}.", err=True)
    tokens = behind.get("tokens") or []
    if not tokens:
        return
    names = ", ".join(f"{plain(str(item['name']))} ({item['id']})" for item in tokens)
    revoked = bool(behind.get("tokensRevoked"))
    if not revoked and revoke_tokens is None and sys.stdin.isatty():
        question = f"They issued tokens that are valid, and may know their text: {names}. Revoke?"
        if click.confirm(question, default=True, err=True):
            for item in tokens:
                session.api.delete(session.tenant_path("tokens", str(item["id"])))
            revoked = True
    if revoked:
        click.echo(f"Tokens they issued that are revoked: {names}.", err=True)
    else:
        click.echo(
            f"Still valid are tokens they issued, whose text they may know: {names}.\n"
            "`funkhaus token revoke ID` ends one, `funkhaus token rotate ID` gives it another text.",
            err=True,
        )


def found(items: Sequence[Mapping[str, Any]], user: str, tenant: str) -> str:
    """The id for an address among `items`; an id as it is. Raises `Failure`."""
    if _AT not in user:
        return user
    ids = {str(item["user"]) for item in items if item.get("email") == user.casefold()}
    if len(ids) == 1:
        return ids.pop()
    if ids:  # two identity providers, each of which vouches for it
        raise Failure(f"{user} is more than one member's address: name an id", Exit.USAGE)
    raise Failure(
        f"nobody of tenant {tenant} has the address {user}",
        Exit.NOT_FOUND,
        hint=f"funkhaus invitation create --email {user} --role developer",
    )


def _who(item: Mapping[str, Any]) -> str:
    return plain(str(item.get("displayName") or item.get("email") or item.get("user")))
