"""`funkhaus user list|show|disable|enable`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from funkhaus_cli.failure import plain
from funkhaus_cli.options import NAME, Noun, connection, output
from funkhaus_cli.output import Column, Styled, age, show_list, show_one
from funkhaus_cli.people import called, user_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from funkhaus_cli.session import Session


@click.group("user", cls=Noun, aliases={"get": "show"})
def user() -> None:
    """People who have signed in (platform admins; approvers and auditors see them).

    USER is an id, or an address that one user alone has. An address finds somebody; who they are is their id.
    """


@user.command("list", examples=("funkhaus user list --email ada@",))
@click.option("--email", metavar="TEXT", help="What the address begins with, or the whole.")
@output()
@connection()
@click.pass_obj
def list_users(session: Session, *, email: str | None, output: str) -> None:
    """Users, by address."""
    now = session.now()
    columns = [
        Column("ID", lambda item: item["id"]),
        Column("ADDRESS", lambda item: item.get("email")),
        Column("NAME", lambda item: item.get("displayName")),
        Column("STATE", _state),
        Column("LAST SIGN-IN", lambda item: age(item.get("lastSignInAt"), now)),
        Column("ISSUER", lambda item: item.get("issuer"), wide=True),
        Column("SUB", lambda item: item.get("sub"), wide=True),
    ]
    show_list(
        session.api.items("/v1/users", **({"email": email} if email else {})),
        columns,
        output,
        none=f"Nobody whose address begins with {plain(email)} has signed in."
        if email
        else "Nobody has signed in yet.",
        name=lambda item: str(item["id"]),
    )


def _state(item: Mapping[str, Any]) -> Styled:
    return Styled("disabled", "red") if item.get("disabled") else Styled("active", "green")


@user.command("show")
@click.argument("who", metavar="USER", type=NAME)
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def show(session: Session, who: str, *, output: str) -> None:
    """A user, and the roles given to them by name."""
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    document = session.api.get(segment("users", user_id(session.api, who)))
    show_one(document, output, name=str(document["id"]), said=_page(document, session.now()))


def _page(document: Mapping[str, Any], now: datetime) -> str:
    word = document["disabled"]
    roles = [f"{role} of {tenant}" for tenant, role in document["roles"].items()]
    lines = {
        "Name": called(document),
        "Id": document["id"],
        "Address": document["email"] or "-",
        "Issuer": document["issuer"],
        "Sub": document["sub"],
        "Since": f"{document['createdAt']}, last sign-in {age(document['lastSignInAt'], now)} ago",
        "Roles": ", ".join([*document["platformRoles"], *roles]) or "none by name",
    }
    if word:
        lines["Disabled"] = f"{word['since']} by {word['by']}: {word['reason']}"
    return "\n".join(f"{key + ':':10}{plain(str(value), 1000)}" for key, value in lines.items())


@user.command(
    "disable", examples=("funkhaus user disable eve@example.com --reason 'left the company'",)
)
@click.argument("who", metavar="USER", type=NAME)
@click.option("--reason", required=True, metavar="TEXT", help="Why; they read it.")
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def disable(session: Session, who: str, *, reason: str, output: str) -> None:
    """Let a user in no more: their sessions end, kubectl's with them, and signing in is refused.

    Roles stay theirs. Tokens they issued are their tenant's, whose owners revoke them.
    """
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    key = user_id(session.api, who)
    document = session.api.put(segment("users", key, "suspension"), {"reason": reason})
    show_one(document, output, name=key, said=f"Disabled {_who(document)}.")


@user.command("enable")
@click.argument("who", metavar="USER", type=NAME)
@output(("table", "json", "yaml", "name"))
@connection()
@click.pass_obj
def enable(session: Session, who: str, *, output: str) -> None:
    """Let a disabled user sign in again."""
    from funkhaus_cli.client import segment  # noqa: PLC0415 - httpx, see `session`

    key = user_id(session.api, who)
    document = session.api.delete(segment("users", key, "suspension"))
    show_one(document, output, name=key, said=f"Enabled {_who(document)}.")


def _who(document: Mapping[str, Any]) -> str:
    return f"user {called(document)} ({document['id']})"
